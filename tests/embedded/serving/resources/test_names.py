"""Names of children and hashes."""

from __future__ import annotations

import hashlib

import pytest

from knlab.embedded.serving.image_names import has_digest, is_reference, registry_of
from knlab.embedded.serving.resources.names import (
    child_name,
    content_hash,
    deployment_name,
    fnv32a,
    fnv64a,
    image_name,
    private_service_name,
    revision_name,
)
from knlab.embedded.serving.subsets import choose_subset, subset_endpoints


def test_short_names_are_joined() -> None:
    assert revision_name("hello", 1) == "hello-00001"
    assert deployment_name("hello-00001") == "hello-00001-deployment"
    assert image_name("hello-00001", "user-container") == "hello-00001-cache-user-container"
    assert private_service_name("hello-00001") == "hello-00001-private"


def test_long_names_keep_63_characters_with_an_md5_sum() -> None:
    parent = "a" * 60
    digest = hashlib.md5(parent.encode(), usedforsecurity=False).hexdigest()
    name = child_name(parent, "-deployment")
    assert name == "a" * 20 + digest + "-deployment"
    assert len(name) == 63


def test_long_suffixes_are_hashed_as_a_whole() -> None:
    whole = hashlib.md5(("ab" + "-" + "c" * 70).encode(), usedforsecurity=False).hexdigest()
    assert child_name("ab", "-" + "c" * 70) == "ab" + whole + "-" + "c" * 28


def test_known_hashes() -> None:
    assert fnv32a(b"a") == 0xE40C292C
    assert fnv64a(b"a") == 0xAF63DC4C8601EC8C
    assert content_hash({"a": 1}) == content_hash({"a": 1})
    assert content_hash({"a": 1}) != content_hash({"a": 2})
    assert content_hash({}).isalnum()


@pytest.mark.parametrize(
    ("image", "registry"),
    [
        ("helloworld-go", "index.docker.io"),
        ("user/app:v1", "index.docker.io"),
        ("dev.local/hello:v1", "dev.local"),
        ("localhost/app", "localhost"),
        ("ghcr.io/knative/helloworld-go:latest", "ghcr.io"),
        ("registry:5000/app", "registry:5000"),
    ],
)
def test_registries(image: str, registry: str) -> None:
    assert is_reference(image)
    assert registry_of(image) == registry
    assert not has_digest(image)


def test_digests() -> None:
    pinned = f"ghcr.io/knative/app@sha256:{'0a' * 32}"
    assert has_digest(pinned)
    assert is_reference(pinned)
    for broken in ("", "a", "UPPER/case", "app@sha256:12", "app:v 1", "x y"):
        assert not is_reference(broken)
        assert not has_digest(broken)


def test_the_same_activators_stand_before_the_same_revision() -> None:
    addresses = {f"10.0.0.{index}" for index in range(10)}
    first = choose_subset(addresses, 3, "hello-00001")
    assert len(first) == 3
    assert first == choose_subset(set(addresses), 3, "hello-00001")
    assert choose_subset(addresses, 20, "x") == addresses
    grown = choose_subset(addresses | {"10.0.0.99"}, 3, "hello-00001")
    assert len(first & grown) >= 2


def test_endpoints_are_reduced_and_empty_subsets_go() -> None:
    subsets = [{"addresses": [{"ip": f"10.0.0.{index}"}]} for index in range(5)]
    endpoints = {"subsets": subsets}
    assert subset_endpoints(endpoints, "r", 0) is endpoints
    assert subset_endpoints(endpoints, "r", 5) is endpoints
    assert len(subset_endpoints(endpoints, "r", 2)["subsets"]) == 2

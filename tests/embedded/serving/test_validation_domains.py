"""What the webhook fills into DomainMappings, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.kube.objects import Object, copy_json
from knlab.embedded.serving.kinds import DOMAIN_MAPPINGS
from tests.embedded.serving.admitted import admit, denied
from tests.factories import make

TO = {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "hello"}
ALL_MISSING = "missing field(s): spec.ref.apiVersion, spec.ref.kind, spec.ref.name"
SEGMENTS = "should be a domain with at least two segments separated by dots"


def mapping(
    name: str = "a.test", ref: Any = TO, spec: Object | None = None, **metadata: Any
) -> Object:
    return make(
        "serving.knative.dev/v1beta1", "DomainMapping", name, "ns",
        metadata=metadata, spec={"ref": ref} if spec is None else spec,
    )  # fmt: skip


def test_what_is_filled_in() -> None:
    made = admit(mapping(), resource=DOMAIN_MAPPINGS, user="me")
    assert made.denied == ""
    assert made.object is not None
    assert made.object["spec"]["ref"] == TO | {"namespace": "ns"}
    assert made.object["metadata"]["annotations"] == {
        "serving.knative.dev/creator": "me",
        "serving.knative.dev/lastModifier": "me",
    }
    changed = copy_json(made.object)
    changed["spec"]["ref"]["name"] = "other"
    again = admit(changed, made.object, resource=DOMAIN_MAPPINGS, user="you")
    assert again.denied == ""
    assert again.object is not None
    assert again.object["metadata"]["annotations"] == {
        "serving.knative.dev/creator": "me",
        "serving.knative.dev/lastModifier": "you",
    }


def test_what_go_writes_is_there() -> None:
    made = admit(mapping(ref=None), resource=DOMAIN_MAPPINGS)
    assert made.object is not None
    assert made.object["spec"]["ref"] == {"kind": "", "name": "", "namespace": "ns"}
    assert made.denied == f"validation failed: {ALL_MISSING}"


def test_creator_and_modifier_are_not_for_users() -> None:
    made = admit(mapping(), resource=DOMAIN_MAPPINGS).object
    assert made is not None
    for key, said in (
        ("serving.knative.dev/creator", "annotation value is immutable"),
        ("serving.knative.dev/lastModifier", "invalid value: x"),
    ):
        changed = copy_json(made)
        changed["metadata"]["annotations"][key] = "x"
        found = denied(changed, made, resource=DOMAIN_MAPPINGS)
        assert found == f"{said}: metadata.annotations.{key}"


@pytest.mark.parametrize(
    ("obj", "said"),
    [
        pytest.param(mapping(), "", id="all is well"),
        pytest.param(mapping("a.test."), "", id="a dot at the end"),
        pytest.param(mapping(ref=TO | {"namespace": "ns"}), "", id="its own namespace"),
        pytest.param(
            mapping("mine"),
            f'invalid name "mine": name: Invalid value: "mine": {SEGMENTS}: metadata.name',
            id="one label",
        ),
        pytest.param(
            mapping(""), 'invalid name "": name: Required value: metadata.name', id="no name"
        ),
        pytest.param(
            mapping("b" * 64 + "." + "a" * 64),
            f'invalid name "{"b" * 64}.{"a" * 64}": [name: Invalid value: "{"b" * 64}": must be no'
            f' more than 63 characters, name: Invalid value: "{"a" * 64}": must be no more than 63'
            " characters]: metadata.name",
            id="two labels that are too long",
        ),
        pytest.param(
            mapping("cluster.local"), "", id="the cluster's own domain itself is no subdomain"
        ),
        pytest.param(
            mapping("a.cluster.local"),
            'invalid name "a.cluster.local": must not be a subdomain of cluster local domain'
            ' "cluster.local": metadata.name',
            id="below the cluster's own domain",
        ),
        pytest.param(
            mapping(generateName="a-"),
            "must not set the field(s): metadata.generateName",
            id="a generated name",
        ),
        pytest.param(mapping(spec={}), ALL_MISSING, id="nothing"),
        pytest.param(
            mapping(ref=TO | {"group": "g"}),
            "must not set the field(s): spec.ref.group",
            id="a group",
        ),
        pytest.param(
            mapping(ref=TO | {"namespace": "q"}),
            "mismatched namespaces: spec.ref.namespace\n"
            'parent namespace: "ns" does not match ref: "q"',
            id="another namespace",
        ),
        pytest.param(
            mapping(spec={"ref": TO, "tls": {"secretName": "s"}}),
            "TLS is not supported by the embedded cluster: spec.tls",
            id="TLS",
        ),
    ],
)
def test_refused(obj: Object, said: str) -> None:
    assert denied(obj, resource=DOMAIN_MAPPINGS) == said

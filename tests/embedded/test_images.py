"""Which program an image reference means."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from knlab import images
from knlab._exceptions import StateError, UsageError
from knlab.embedded.images import (
    Image,
    ImageTable,
    InvalidReference,
    PullFailed,
    Reference,
    Unresolvable,
    parse_reference,
)
from knlab.embedded.runtime import Builtin, Container, Process, Task

DIGEST = f"sha256:{'5' * 64}"


@pytest.fixture
def table(tmp_path: Path) -> ImageTable:
    return ImageTable(tmp_path / "images.json")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nginx", Reference("docker.io", "library/nginx", "latest", "")),
        ("nginx:1.27", Reference("docker.io", "library/nginx", "1.27", "")),
        ("me/app", Reference("docker.io", "me/app", "latest", "")),
        ("ghcr.io/knative/x", Reference("ghcr.io", "knative/x", "latest", "")),
        ("localhost:5000/a/b:v1", Reference("localhost:5000", "a/b", "v1", "")),
        ("localhost/a", Reference("localhost", "a", "latest", "")),
        (f"dev.local/a@{DIGEST}", Reference("dev.local", "a", "", DIGEST)),
        (f"dev.local/a:v1@{DIGEST}", Reference("dev.local", "a", "v1", DIGEST)),
    ],
)
def test_references(text: str, expected: Reference) -> None:
    assert parse_reference(text) == expected


@pytest.mark.parametrize("text", ["", "Nginx", "a b", "a:", "a@sha256:12", "-a", "a//b", "a:b:c"])
def test_what_is_no_reference(text: str) -> None:
    with pytest.raises(InvalidReference, match="invalid reference format"):
        parse_reference(text)


@pytest.mark.parametrize(
    "reference",
    [
        "ghcr.io/knative/helloworld-go",
        "ghcr.io/knative/helloworld-go:latest",
        f"ghcr.io/knative/helloworld-go@{DIGEST}",
        "gcr.io/knative-samples/helloworld-go",
        "gcr.io/knative-samples/helloworld",
        "gcr.oneitfarm.com/knative-samples/helloworld-go",
        "ghcr.io/knative/autoscale-go",
        "dev.local/hello:v1",
        "dev.local/hello:v2",
    ],
)
def test_shipped_images(table: ImageTable, reference: str) -> None:
    image = table.pull(reference)
    assert isinstance(image.program, Process)
    assert image.program.own_address
    assert not image.takes_arguments
    assert image.digest.startswith("sha256:")
    pinned = f"{image.repository}@{image.digest}"
    assert table.resolve(pinned).digest == image.digest


def test_every_image_of_the_lessons_is_there(table: ImageTable) -> None:
    for reference in (images.HELLO, images.AUTOSCALE, images.HELLO_V1, images.HELLO_V2):
        assert table.find(reference)


def test_aliases_are_the_same_image_and_versions_are_not(table: ImageTable) -> None:
    def digest(reference: str) -> str:
        return table.resolve(reference).digest

    assert digest("ghcr.io/knative/helloworld-go") == digest("gcr.io/knative-samples/helloworld-go")
    assert digest("dev.local/hello:v1") != digest("dev.local/hello:v2")


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (
            "gcr.io/none/x",
            'Get "https://gcr.io/v2/": dial tcp: lookup gcr.io: no such host',
        ),
        (
            "redis",
            'Get "https://index.docker.io/v2/": dial tcp: lookup index.docker.io: no such host',
        ),
        (
            "ghcr.io/knative/helloworld-go:v9",
            (
                "HEAD https://ghcr.io/v2/knative/helloworld-go/manifests/v9: unexpected status"
                " code 404 Not Found (HEAD responses have no body, use GET for details)"
            ),
        ),
    ],
)
def test_unresolvable(table: ImageTable, reference: str, message: str) -> None:
    with pytest.raises(Unresolvable) as caught:
        table.resolve(reference)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (
            "redis",
            (
                'failed to pull and unpack image "docker.io/library/redis:latest": failed to'
                ' resolve reference "docker.io/library/redis:latest": failed to do request: Head'
                ' "https://registry-1.docker.io/v2/library/redis/manifests/latest": dial tcp:'
                " lookup registry-1.docker.io: no such host"
            ),
        ),
        (
            "dev.local/none",
            (
                "rpc error: code = NotFound desc = failed to pull and unpack image"
                ' "dev.local/none:latest": failed to resolve reference "dev.local/none:latest":'
                " dev.local/none:latest: not found"
            ),
        ),
    ],
)
def test_pull_failures(table: ImageTable, reference: str, message: str) -> None:
    with pytest.raises(PullFailed) as caught:
        table.pull(reference)
    assert str(caught.value) == message


def test_components_are_added_by_the_platform(table: ImageTable) -> None:
    async def run(_container: Container) -> None:
        return None

    added = table.add("knative.dev/activator:v1.23.0", Task(run))
    assert table.find("knative.dev/activator:v1.23.0") == added
    assert table.find("knative.dev/activator:v1.22.0") is None
    pinned = table.find(f"knative.dev/activator@{added.digest}")
    assert isinstance(pinned, Image)
    assert pinned.program == added.program
    assert table.find(f"knative.dev/activator@{DIGEST}") is None


def test_the_users_own_programs_are_read_again_when_the_file_changes(tmp_path: Path) -> None:
    file = tmp_path / "images.json"
    table = ImageTable(file)
    assert table.find("dev.local/mine") is None
    assert images.register_program(file, "dev.local/mine", ["/bin/true"]) == "dev.local/mine:latest"
    first = table.find("dev.local/mine")
    assert first is not None
    assert first.program == Process(("/bin/true",))
    assert first.takes_arguments
    images.register_program(file, "dev.local/mine:v2", ["/bin/false"])
    assert table.find("dev.local/mine") == first
    assert table.find("dev.local/mine:v2") is not None
    file.unlink()
    assert table.find("dev.local/mine") is None


@pytest.mark.parametrize(
    "reference", ["nginx", "ghcr.io/me/x", "dev.local/X", "dev.local/a/b", "dev.local/hello:v1"]
)
def test_names_that_a_user_cannot_have(tmp_path: Path, reference: str) -> None:
    with pytest.raises(UsageError):
        images.register_program(tmp_path / "images.json", reference, ["/bin/true"])
    assert not list(tmp_path.iterdir())


def test_a_damaged_file_is_said_to_be_damaged(tmp_path: Path) -> None:
    file = tmp_path / "images.json"
    file.write_text("[1, 2]")
    with pytest.raises(StateError, match="is damaged"):
        ImageTable(file).find("dev.local/mine")


def test_a_command_line_can_be_run_from_anywhere(tmp_path: Path) -> None:
    (tmp_path / "app.py").touch()
    program, *rest = images.command_line(["sh", "app.py", "--flag"], directory=tmp_path)
    assert os.access(program, os.X_OK)
    assert Path(program).is_absolute()
    assert rest == [str(tmp_path / "app.py"), "--flag"]


@pytest.mark.parametrize("argv", [[], ["no-such-program-anywhere"]])
def test_a_command_that_cannot_run(tmp_path: Path, argv: list[str]) -> None:
    with pytest.raises(UsageError):
        images.command_line(argv, directory=tmp_path)


@pytest.mark.parametrize(
    ("reference", "version"),
    [
        ("nginx", "1.29"),
        ("nginx:1.16.1", "1.16.1"),
        ("nginx:1.27-alpine", "1.27"),
        ("docker.io/library/nginx:stable-alpine3.20-slim", "1.29"),
        (f"nginx@sha256:{'a' * 64}", "1.29"),
        (f"nginx:1.25@sha256:{'a' * 64}", "1.25"),
    ],
)
def test_nginx_has_a_stand_in(table: ImageTable, reference: str, version: str) -> None:
    image = table.pull(reference)
    assert isinstance(image.program, Builtin)
    assert image.program.env["NGINX_VERSION"] == version
    assert image.program.port == 80
    assert image.digest == (parse_reference(reference).digest or image.digest)


@pytest.mark.parametrize("tag", ["", ":1.36", ":1.36.1-musl", ":latest", ":stable-uclibc"])
def test_busybox_has_a_stand_in(table: ImageTable, tag: str) -> None:
    image = table.pull(f"busybox{tag}")
    assert isinstance(image.program, Builtin)
    assert image.program.arguments == ("sh",)


@pytest.mark.parametrize(
    "reference", ["nginx:1.161", "nginx:no-such-tag", "busybox:v1", "nginx:1."]
)
def test_tags_that_no_registry_has(table: ImageTable, reference: str) -> None:
    with pytest.raises(PullFailed, match="not found"):
        table.pull(reference)


def test_other_registries_have_no_stand_ins(table: ImageTable) -> None:
    with pytest.raises(PullFailed, match="no such host"):
        table.pull("ghcr.io/me/nginx")

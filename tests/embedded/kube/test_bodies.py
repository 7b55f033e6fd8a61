from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from knlab.embedded.kube import bodies
from knlab.embedded.kube.errors import BadRequest, RequestEntityTooLarge, UnsupportedMediaType
from knlab.embedded.net.http import Request

YAML = "application/yaml"


@pytest.mark.parametrize(
    ("body", "media_type", "value"),
    [
        (b'{"a":1}', "application/json", {"a": 1}),
        (b'{"a":1}', "", {"a": 1}),
        (b"a: 1\nb: [x]", YAML, {"a": 1, "b": ["x"]}),
        (b"at: 2023-11-14T22:13:20Z", YAML, {"at": "2023-11-14T22:13:20Z"}),
        (b"1: a", YAML, {"1": "a"}),
        (b"glob: '*.txt'", YAML, {"glob": "*.txt"}),
    ],
)
def test_formats(body: bytes, media_type: str, value: dict[str, Any]) -> None:
    assert bodies.parse(body, media_type) == value


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        pytest.param(b"{", "application/json", id="JSON that ends too early"),
        pytest.param(b"[]", "application/json", id="a list"),
        pytest.param(b"null", "application/json", id="null"),
        pytest.param(b"\xff", "application/json", id="no UTF-8"),
        pytest.param(b"a: [", YAML, id="YAML that ends too early"),
        pytest.param(b"a: &x [1]\nb: *x", YAML, id="an alias, as YAML bombs use them"),
        pytest.param(b"a: !!python/object:os.system {}", YAML, id="a tag that makes objects"),
        pytest.param(b"k8s\x00\x0a\xff", "application/vnd.kubernetes.protobuf", id="protobuf"),
        pytest.param(b'{"a":' * 300 + b"1" + b"}" * 300, "", id="nested too deeply"),
    ],
)
def test_what_cannot_be_read_is_a_bad_request(body: bytes, media_type: str) -> None:
    with pytest.raises(BadRequest):
        bodies.parse(body, media_type)


def test_other_formats_are_415() -> None:
    with pytest.raises(UnsupportedMediaType, match="unknown format"):
        bodies.parse(b"<a/>", "text/xml")


async def _pieces(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * (1 << 20)


@pytest.mark.anyio
async def test_a_body_has_a_limit_however_it_arrives() -> None:
    assert len(await bodies.read(Request("POST", "/", [], _pieces(3)))) == bodies.MAX_BYTES
    announced = [(b"Content-Length", str(bodies.MAX_BYTES + 1).encode())]
    for request in (
        Request("POST", "/", [], _pieces(4)),
        Request("POST", "/", [], b"x" * (bodies.MAX_BYTES + 1)),
        Request("POST", "/", announced, _pieces(0)),
    ):
        with pytest.raises(RequestEntityTooLarge):
            await bodies.read(request)


@pytest.mark.parametrize(
    ("body", "media_type", "complaint"),
    [
        (
            b"",
            "",
            "couldn't get version/kind; json parse error: unexpected end of JSON input (<empty>)",
        ),
        (b"{", "", "couldn't get version/kind; json parse error: unexpected end of JSON input ({)"),
        (
            b'{"a":}',
            "",
            (
                "couldn't get version/kind; json parse error: invalid character '}' looking for"
                ' beginning of value ({"a":})'
            ),
        ),
        (
            b'{"apiVersion": "v1", "kind": "ConfigMap"}xx',
            "",
            (
                "couldn't get version/kind; json parse error: invalid character 'x' after top-level"
                ' value ({"apiVersion": "v1", "kind": " ...)'
            ),
        ),
        (b"[]", "", "the body must be an object, not an array (5b5d)"),
        (b"a: [", YAML, "yaml: line 1: did not find expected node content (613a205b)"),
    ],
)
def test_complaints_show_how_the_body_begins(body: bytes, media_type: str, complaint: str) -> None:
    with pytest.raises(BadRequest) as caught:
        bodies.parse_object(body, media_type, "ConfigMap")
    expected = f"the object provided is unrecognized (must be of type ConfigMap): {complaint}"
    assert caught.value.message == expected


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"", "unexpected end of JSON input"),
        (b"{", "unexpected end of JSON input"),
        (b"{data:{}}", "invalid character 'd' looking for beginning of object key string"),
        (b"xyz", "invalid character 'x' looking for beginning of value"),
    ],
)
def test_complaints_about_patches(body: bytes, complaint: str) -> None:
    with pytest.raises(BadRequest) as caught:
        bodies.parse_patch(body)
    assert caught.value.message == f"error decoding patch: {complaint}"


def test_null_is_an_object_without_fields_and_of_yaml_the_first_document_counts() -> None:
    assert bodies.parse_object(b"null", "", "ConfigMap") == {}
    assert bodies.parse_object(b"a: 1\n---\nb: 2\n", YAML, "ConfigMap") == {"a": 1}


def test_repeated_keys_of_yaml_are_found_with_their_lines() -> None:
    body = b"a: 1\nb:\n- c: 1\n  c: 2\na: 3\n---\nd: 1\nd: 2\n"
    assert bodies.repeated(body, YAML) == (
        'line 5: key "a" already set in map', 'line 4: key "c" already set in map',
    )  # fmt: skip
    assert bodies.repeated(b'{"a":1,"a":2}', "") == ('duplicate field "a"',)
    assert bodies.repeated(b"k8s\0", "application/vnd.kubernetes.protobuf") == ()


def test_repeated_keys_are_found_with_their_paths() -> None:
    body = b'{"a":1,"a":2,"b":[{"c":1,"c":1}],"d":{"e":{}}}'
    assert bodies.duplicate_fields(body) == ["a", "b[0].c"]
    assert bodies.duplicate_fields(b"{") == []

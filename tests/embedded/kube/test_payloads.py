"""Objects in requests: in the right place, of the right name, read once."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from knlab.embedded.kube.backing import WriteOptions
from knlab.embedded.kube.errors import BadRequest
from knlab.embedded.kube.paths import Target
from knlab.embedded.kube.payloads import check_name, check_new, read_object
from knlab.embedded.net.http import Request
from tests.embedded.kube.conftest import ROWS

pytestmark = pytest.mark.anyio

MAPS = Target(ROWS[1], "default", "a")
WIDGETS = Target(ROWS[5], "default")
YAML = [(b"Content-Type", b"application/yaml")]
TWICE = b"metadata: {name: a}\ndata:\n  a: b\n  a: c\n"


async def read(target: Target, body: Any, validation: Any = "Warn") -> tuple[Any, tuple[str, ...]]:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    request = Request("POST", "/", YAML, content)
    options = WriteOptions(field_validation=validation)
    obj, options = await read_object(target, request, options, is_scale=False)
    return obj, options.repeated


async def test_a_built_in_object_need_not_say_what_it_is_or_where() -> None:
    obj, _ = await read(MAPS, {"metadata": {"name": "a"}})
    assert obj == {
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "default"},
    }  # fmt: skip
    custom, _ = await read(WIDGETS, {"metadata": {"name": "a"}})
    assert "kind" not in custom


async def test_it_may_not_say_that_it_belongs_elsewhere() -> None:
    with pytest.raises(BadRequest, match="does not match the namespace sent on the request"):
        await read(MAPS, {"metadata": {"namespace": "other"}})


@pytest.mark.parametrize(
    ("validation", "repeated"),
    [
        ("Ignore", ()),
        ("Warn", ('line 4: key "a" already set in map',)),
        ("Strict", ('yaml: unmarshal errors:\n  line 4: key "a" already set in map',)),
    ],
)
async def test_what_comes_twice_is_remembered(validation: str, repeated: tuple[str, ...]) -> None:
    obj, seen = await read(MAPS, TWICE, validation)
    assert obj["data"] == {"a": "c"}
    assert seen == repeated


def test_names() -> None:
    check_name(MAPS, {"metadata": {"name": "a"}})
    with pytest.raises(BadRequest, match=r"\(b\) does not match the name on the URL \(a\)"):
        check_name(MAPS, {"metadata": {"name": "b"}})
    with pytest.raises(BadRequest, match=r"\(a based on URL\) was undeterminable"):
        check_name(MAPS, {"metadata": {}})


def test_copies_are_not_new() -> None:
    check_new({"metadata": {"name": "a"}})
    with pytest.raises(BadRequest, match="resourceVersion should not be set on objects to be"):
        check_new({"metadata": {"resourceVersion": "1"}})

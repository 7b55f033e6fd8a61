from __future__ import annotations

import orjson
import pytest
import yaml

from knlab.embedded.kube.backing import Page
from knlab.embedded.kube.errors import BadRequest, NotAcceptable
from knlab.embedded.kube.paths import Parameters
from knlab.embedded.kube.registry import Resource
from knlab.embedded.kube.representation import Wish, many, negotiate, one, refusal, respond
from knlab.embedded.net.http import Request

TABLE = (
    "application/json;as=Table;v=v1;g=meta.k8s.io,"
    "application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"
)
BUILT_IN = Resource(group="", version="v1", plural="configmaps", kind="ConfigMap")
CUSTOM = Resource(
    group="ex.com", version="v1", plural="widgets", kind="Widget", strategic_merge=False
)
OBJ = {"apiVersion": "v1", "kind": "X", "metadata": {"name": "a", "resourceVersion": "3"}}


def wish(accept: str, query: str = "", agent: str = "") -> Wish:
    headers = [(b"Accept", accept.encode()), (b"User-Agent", agent.encode())]
    return negotiate(Request("GET", "/", headers), Parameters(query))


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("application/json", Wish()),
        ("*/*", Wish()),
        ("", Wish()),
        ("application/vnd.kubernetes.protobuf,application/json", Wish()),
        (TABLE, Wish(form="table")),
        ("application/json;as=Table;v=v1beta1;g=meta.k8s.io",
         Wish(form="table", meta_version="v1beta1")),
        ("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
         Wish(form="metadata")),
        ("application/json;as=Other;g=meta.k8s.io;v=v1,application/json", Wish()),
        ("application/yaml", Wish(encoding="yaml")),
        ("application/yaml;q=0.1, application/json;q=0.9", Wish()),
    ],
)  # fmt: skip
def test_the_first_thing_that_we_have_is_sent(accept: str, expected: Wish) -> None:
    assert wish(accept) == expected


@pytest.mark.parametrize("accept", ["application/cbor", "text/html", "application/json;q=0"])
def test_nothing_that_we_have_is_406(accept: str) -> None:
    with pytest.raises(NotAcceptable):
        wish(accept)


def test_people_get_indented_answers_and_programs_when_they_ask() -> None:
    assert wish("*/*", agent="curl/8").pretty
    assert not wish("*/*", "pretty=0", agent="curl/8").pretty
    assert not wish("*/*", agent="kubectl/v1").pretty
    assert wish("*/*", "pretty=true", agent="kubectl/v1").pretty


def test_include_object_has_three_values() -> None:
    assert wish(TABLE, "includeObject=Object").include == "Object"
    with pytest.raises(BadRequest):
        wish(TABLE, "includeObject=All")


def test_items_of_built_in_kinds_do_not_repeat_what_they_are() -> None:
    page = Page(items=[OBJ], version=9, token="t", remaining=4)
    built_in = many(BUILT_IN, page, Wish(), 0.0)
    assert built_in["kind"] == "ConfigMapList"
    assert built_in["items"] == [{"metadata": OBJ["metadata"]}]
    assert built_in["metadata"] == {
        "resourceVersion": "9", "continue": "t", "remainingItemCount": 4,
    }  # fmt: skip
    assert many(CUSTOM, page, Wish(), 0.0)["items"] == [OBJ]


def test_one_object_as_table_metadata_or_itself() -> None:
    assert one(CUSTOM, OBJ, Wish(), 0.0) is OBJ
    assert one(CUSTOM, OBJ, Wish(form="metadata"), 0.0)["kind"] == "PartialObjectMetadata"
    table = one(CUSTOM, OBJ, Wish(form="table"), 0.0)
    assert (table["kind"], table["metadata"]) == ("Table", {"resourceVersion": "3"})


def test_answers_are_json_or_yaml() -> None:
    assert orjson.loads(bytes(respond(OBJ, Wish()).body)) == OBJ  # type: ignore[arg-type]
    response = respond(OBJ, Wish(encoding="yaml"))
    assert isinstance(response.body, bytes)
    assert yaml.safe_load(response.body) == OBJ
    assert response.header("Content-Type") == "application/yaml"


def test_warnings_are_one_header_each_with_quotes_escaped() -> None:
    response = respond({}, Wish(), warnings=['unknown field "spec.x"', "two\nlines"])
    found = [value for name, value in response.headers if name == b"warning"]
    assert found == [b'299 - "unknown field \\"spec.x\\""', b'299 - "two lines"']


@pytest.mark.parametrize(("code", "reason"), [(401, "Unauthorized"), (403, "Forbidden")])
def test_a_refusal_is_a_status(code: int, reason: str) -> None:
    response = refusal(code, "no")
    assert isinstance(response.body, bytes)
    assert response.status == code
    assert orjson.loads(response.body)["reason"] == reason

"""Requests in, responses out: no sockets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson
import pytest

from knlab.embedded.builtin.reviews import REVIEWS, asked
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.representation import Wish, respond
from knlab.embedded.kube.routes import Routes
from knlab.embedded.kube.subresources import (
    Requester,
    Subresource,
    SubresourceRequest,
)
from knlab.embedded.net.http import Request, Response, text_response, whole_body

pytestmark = pytest.mark.anyio

MAPS = "/api/v1/namespaces/default/configmaps"
WIDGETS = "/apis/ex.com/v1/namespaces/default/widgets"
MERGE = "application/merge-patch+json"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


@dataclass(frozen=True)
class Answer:
    response: Response
    body: bytes

    @property
    def status(self) -> int:
        return self.response.status

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


Ask = Callable[..., Awaitable[Answer]]


async def _log(asked: SubresourceRequest) -> Response:
    return text_response(200, f"log of {asked.namespace}/{asked.name}")


async def _evict(asked: SubresourceRequest) -> Response:
    return respond({"evicted": asked.body["metadata"]["name"]}, Wish(), status=201)


SUBRESOURCES = {
    ("", "pods", "log"): Subresource(handler=_log),
    ("", "pods", "eviction"): Subresource(
        handler=_evict,
        verbs=("create",),
        takes=asked("policy", "evictions", "Eviction", namespaced=True),
    ),
}


@pytest.fixture
def ask(api: Api) -> Ask:
    routes = Routes(api, user=Requester("me", ("all",)), subresources=SUBRESOURCES, virtual=REVIEWS)

    async def asked(
        method: str, target: str, body: Any = b"", kind: str = "application/json", **headers: str
    ) -> Answer:
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        lines = [(b"Content-Type", kind.encode()), (b"Host", b"127.0.0.1:1")]
        lines += [(name.replace("_", "-").encode(), v.encode()) for name, v in headers.items()]
        response = await routes.handle(Request(method, target, lines, content))
        return Answer(response, await whole_body(response.body))

    return asked


def config_map(name: str, **fields: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}} | fields


def widget(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "ex.com/v1", "kind": "Widget", "metadata": {"name": name}, "spec": spec,
    }  # fmt: skip


async def test_an_object_lives(ask: Ask) -> None:
    made = await ask("POST", MAPS, config_map("a", data={"k": "v"}))
    assert (made.status, made.json["kind"]) == (201, "ConfigMap")
    assert (await ask("GET", f"{MAPS}/a")).json == made.json
    patched = await ask("PATCH", f"{MAPS}/a", {"data": {"k": "w"}}, MERGE)
    assert patched.json["data"] == {"k": "w"}
    replaced = await ask("PUT", f"{MAPS}/a", config_map("a", data={"z": "1"}))
    assert replaced.json["data"] == {"z": "1"}
    gone = await ask("DELETE", f"{MAPS}/a")
    assert gone.json["status"] == "Success"
    assert gone.json["details"]["kind"] == "configmaps"
    assert (await ask("GET", f"{MAPS}/a")).status == 404


async def test_a_patch_that_changes_nothing_keeps_the_version(ask: Ask) -> None:
    made = await ask("POST", MAPS, config_map("a", data={"k": "v"}))
    same = await ask("PATCH", f"{MAPS}/a", {"data": {"k": "v"}}, MERGE)
    assert same.json == made.json


async def test_a_stale_version_conflicts(ask: Ask) -> None:
    made = await ask("POST", MAPS, config_map("a"))
    await ask("PATCH", f"{MAPS}/a", {"data": {"k": "v"}}, MERGE)
    late = await ask("PUT", f"{MAPS}/a", made.json)
    assert (late.status, late.json["reason"]) == (409, "Conflict")


async def test_pages_show_one_version_and_end(ask: Ask) -> None:
    for name in "abc":
        await ask("POST", MAPS, config_map(name))
    first = (await ask("GET", f"{MAPS}?limit=2")).json
    assert first["metadata"]["remainingItemCount"] == 1
    rest = (await ask("GET", f"{MAPS}?limit=2&continue={first['metadata']['continue']}")).json
    names = [item["metadata"]["name"] for item in first["items"] + rest["items"]]
    assert names == ["a", "b", "c"]
    assert "continue" not in rest["metadata"]


async def test_a_collection_is_deleted_by_selector(ask: Ask) -> None:
    await ask("POST", MAPS, {"metadata": {"name": "a", "labels": {"x": "1"}}})
    await ask("POST", MAPS, config_map("b"))
    await ask("DELETE", f"{MAPS}?labelSelector=x")
    left = (await ask("GET", MAPS)).json["items"]
    assert [item["metadata"]["name"] for item in left] == ["b"]


async def test_status_and_scale_are_written_apart(ask: Ask) -> None:
    await ask("POST", WIDGETS, widget("w", size=2))
    both = {"spec": {"size": 9}, "status": {"phase": "Up"}}
    patched = (await ask("PATCH", f"{WIDGETS}/w/status", both, MERGE)).json
    assert (patched["spec"]["size"], patched["status"]) == (2, {"phase": "Up"})
    scaled = await ask("PATCH", f"{WIDGETS}/w/scale", {"spec": {"replicas": 4}}, MERGE)
    assert (scaled.json["kind"], scaled.json["spec"]) == ("Scale", {"replicas": 4})
    assert (await ask("GET", f"{WIDGETS}/w")).json["spec"]["size"] == 4
    table = (await ask("GET", f"{WIDGETS}/w/scale", Accept=f"{TABLE},application/json")).json
    columns = [each["name"] for each in table["columnDefinitions"]]
    assert columns == ["Name", "Desired", "Available", "Age"]
    assert table["rows"][0]["cells"][:3] == ["w", 4, 0]


async def test_a_dry_run_keeps_nothing(ask: Ask) -> None:
    assert (await ask("POST", f"{MAPS}?dryRun=All", config_map("a"))).status == 201
    assert (await ask("GET", f"{MAPS}/a")).status == 404
    refused = await ask("POST", f"{MAPS}?dryRun=Some", config_map("a"))
    assert refused.status == 422
    assert 'dryRun: Unsupported value: ["Some"]: supported values: "All"' in refused.json["message"]


async def test_unknown_and_repeated_fields_are_refused_warned_about_or_ignored(ask: Ask) -> None:
    body = orjson.dumps(widget("w", sise=1)).replace(b'"sise":1', b'"sise":1,"size":1,"size":2')
    strict = await ask("POST", f"{WIDGETS}?fieldValidation=Strict", body)
    assert strict.status == 400
    assert 'strict decoding error: duplicate field "spec.size"' in strict.json["message"]
    warned = await ask("POST", WIDGETS, body)
    told = [value for name, value in warned.response.headers if name == b"warning"]
    assert told == [
        b'299 - "duplicate field \\"spec.size\\""', b'299 - "unknown field \\"spec.sise\\""',
    ]  # fmt: skip
    ignored = await ask("POST", f"{WIDGETS}?fieldValidation=Ignore", widget("v", sise=1))
    assert ignored.response.header("Warning") is None
    assert (await ask("POST", f"{WIDGETS}?fieldValidation=X", widget("u"))).status == 422


async def test_tables_and_metadata_on_request(ask: Ask) -> None:
    await ask("POST", WIDGETS, widget("w"))
    table = (await ask("GET", WIDGETS, Accept=TABLE)).json
    assert [row["cells"] for row in table["rows"]] == [["w", "0s"]]
    partial = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
    listed = (await ask("GET", WIDGETS, Accept=partial)).json
    assert listed["kind"] == "PartialObjectMetadataList"
    assert set(listed["items"][0]) == {"kind", "apiVersion", "metadata"}


async def test_what_cannot_be_sent_is_refused_before_anything_is_written(ask: Ask) -> None:
    refused = await ask("POST", MAPS, config_map("a"), Accept="text/html")
    assert refused.status == 406
    assert (await ask("GET", f"{MAPS}/a")).status == 404


async def test_subresources_of_the_platform(ask: Ask) -> None:
    pods = "/api/v1/namespaces/default/pods"
    assert (await ask("GET", f"{pods}/p/log")).body == b"log of default/p"
    evicted = await ask("POST", f"{pods}/p/eviction", config_map("p"))
    assert (evicted.status, evicted.json) == (201, {"evicted": "p"})
    assert (await ask("POST", f"{pods}/p/log", {})).status == 405
    assert (await ask("GET", f"{pods}/p/none")).status == 404
    listed = (await ask("GET", "/api/v1")).json["resources"]
    by_name = {entry["name"]: entry for entry in listed}
    assert by_name["pods/eviction"]["group"] == "policy"
    assert by_name["pods/log"]["verbs"] == ["get"]


async def test_reviews_are_answered_and_not_stored(ask: Ask) -> None:
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    question = {"kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1"}
    answer = await ask("POST", path, question)
    assert answer.status == 201
    assert answer.json["status"]["userInfo"]["username"] == "me"
    assert (await ask("GET", path)).status == 405
    assert (await ask("POST", path, {**question, "kind": "Other"})).status == 400


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("GET", "/nowhere", 404, "404 page not found"),
        ("GET", "/apis/no.such/v1/things", 404, "404 page not found"),
        ("GET", "/api/v1/nosuch", 404, "the server could not find the requested resource"),
        ("GET", f"{MAPS}/x/scale", 404, "the server could not find the requested resource"),
        ("GET", f"{WIDGETS}/x/none", 404, 'widgets.ex.com "x" not found'),
        ("POST", "/api/v1/configmaps", 405, "does not allow this method"),
        ("DELETE", "/api/v1/configmaps", 405, "does not allow this method"),
        ("BREW", MAPS, 405, "does not allow this method"),
        ("POST", "/version", 405, "does not allow this method"),
        ("GET", f"{MAPS}?labelSelector=a%20b", 400, "unable to parse requirement"),
        ("GET", f"{MAPS}?fieldSelector=a.b%3D1", 400, '"a.b" is not a known field selector'),
        ("GET", f"{MAPS}?limit=x", 400, "invalid syntax"),
        ("GET", f"{MAPS}?continue=x", 400, "continue key is not valid"),
        ("GET", f"{MAPS}?resourceVersion=x", 400, "invalid resource version"),
        ("GET", f"{MAPS}?resourceVersion=9999", 504, "Timeout: Too large resource version"),
        ("GET", f"{MAPS}/a?resourceVersion=9999", 504, "Timeout: Too large resource version"),
        ("GET", f"{MAPS}/a?resourceVersion=x", 400, "invalid resource version"),
        ("GET", f"{MAPS}?timeout=x", 400, 'time: invalid duration "x"'),
        ("GET", "/version?timeout=x", 400, 'time: invalid duration "x"'),
        ("GET", f"{MAPS}/%2e%2e", 400, 'Name parameter invalid: ".."'),
        ("GET", "/api/v1/namespaces/a%2Fb/configmaps", 404, "could not find the requested"),
        ("GET", "/apis/apps/v9/deployments", 404, "could not find the requested resource"),
        ("GET", "/apis/ex.com/v9/widgets", 404, "404 page not found"),
        ("HEAD", MAPS, 405, "does not allow this method"),
        ("OPTIONS", f"{MAPS}/a", 405, "does not allow this method"),
        ("PUT", MAPS, 405, "does not allow this method"),
        ("POST", f"{MAPS}/a", 405, "does not allow this method"),
        ("POST", MAPS, 400, "unexpected end of JSON input (<empty>)"),
        ("GET", "/openapi/v3/apis/no/v1", 404, "could not find the requested resource"),
    ],
)
async def test_errors_have_kubernetes_codes_and_words(
    ask: Ask, method: str, path: str, status: int, text: str
) -> None:
    answer = await ask(method, path)
    assert answer.status == status
    assert text in answer.body.decode().replace('\\"', '"')


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (config_map("b"), "the name of the object (b) does not match the name on the URL (a)"),
        ({"metadata": {}}, "undeterminable: name must be provided"),
        (
            {"metadata": {"name": "a", "namespace": "other"}},
            "the namespace of the provided object does not match",
        ),
    ],
)
async def test_a_body_must_fit_its_url(ask: Ask, body: Any, text: str) -> None:
    answer = await ask("PUT", f"{MAPS}/a", body)
    assert answer.status == 400
    assert text in answer.json["message"]


async def test_a_copy_of_a_stored_object_is_not_created(ask: Ask) -> None:
    copy = {"metadata": {"name": "a", "resourceVersion": "5"}}
    answer = await ask("POST", MAPS, copy)
    assert answer.status == 400
    assert answer.json["message"] == "resourceVersion should not be set on objects to be created"


async def test_repeated_keys_in_yaml(ask: Ask) -> None:
    body = b"metadata: {name: a}\ndata:\n  a: b\n  a: c\n"
    strict = await ask("POST", f"{MAPS}?fieldValidation=Strict", body, "application/yaml")
    assert strict.status == 400
    assert strict.json["message"].endswith(
        'strict decoding error: yaml: unmarshal errors:\n  line 4: key "a" already set in map'
    )
    warned = await ask("POST", MAPS, body, "application/yaml")
    assert warned.response.header("Warning") == '299 - "line 4: key \\"a\\" already set in map"'


async def test_the_answer_to_a_collections_deletion_has_pages(ask: Ask) -> None:
    for name in "abc":
        await ask("POST", MAPS, config_map(name))
    deleted = (await ask("DELETE", f"{MAPS}?limit=1")).json
    assert [item["metadata"]["name"] for item in deleted["items"]] == ["a"]
    assert deleted["metadata"]["remainingItemCount"] == 2
    left = (await ask("GET", MAPS)).json["items"]
    assert [item["metadata"]["name"] for item in left] == ["b", "c"]


async def test_a_deletion_takes_its_own_kind_of_body(ask: Ask) -> None:
    await ask("POST", MAPS, config_map("a"))
    refused = await ask("DELETE", f"{MAPS}/a", {"kind": "ConfigMap", "apiVersion": "v1"})
    assert refused.status == 400
    assert (await ask("DELETE", f"{MAPS}/a", {"gracePeriodSeconds": "5"})).status == 400
    assert (await ask("DELETE", f"{MAPS}/a", {"kind": "DeleteOptions"})).status == 200


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (
            "fieldValidation=X",
            (
                'fieldValidation: Unsupported value: "X": supported values: "", "Ignore",'
                ' "Strict", "Warn"'
            ),
        ),
        ("dryRun=", 'dryRun: Unsupported value: [""]: supported values: "All"'),
        ("fieldManager=" + "x" * 129, "fieldManager: Too long: may not be more than 128 bytes"),
        ("fieldManager=a%01", "invalid character U+0001 (at position 1)"),
    ],
)
async def test_options_of_writes(ask: Ask, query: str, message: str) -> None:
    answer = await ask("POST", f"{MAPS}?{query}", config_map("a"))
    assert answer.status == 422
    assert answer.json["message"].startswith('CreateOptions.meta.k8s.io "" is invalid: ')
    assert message in answer.json["message"]


@pytest.mark.parametrize(
    ("path", "kind", "text"),
    [
        (f"{WIDGETS}/w", "application/strategic-merge-patch+json", "unknown format"),
        (f"{MAPS}/a", "text/plain", "415: Unsupported Media Type"),
    ],
)
async def test_patches_of_other_kinds_are_415(ask: Ask, path: str, kind: str, text: str) -> None:
    answer = await ask("PATCH", path, {}, kind)
    assert answer.status == 415
    assert text in answer.json["message"]


async def test_a_defect_of_ours_is_a_status_without_a_traceback(
    ask: Ask, api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(api, "page", broken)
    answer = await ask("GET", MAPS)
    assert (answer.status, answer.json["reason"]) == (500, "InternalError")
    assert b"secret detail" not in answer.body
    assert "secret detail" in caplog.text


async def test_documents(ask: Ask) -> None:
    assert (await ask("GET", "/version/")).json["gitVersion"] == "v1.34.4+knlab"
    assert (await ask("GET", "/healthz")).body == b"ok"
    assert (await ask("GET", "/readyz?verbose")).body == b"[+]ping ok\nreadyz check passed\n"
    assert "/apis/ex.com/v1" in (await ask("GET", "/")).json["paths"]
    assert (await ask("GET", "/apis/none")).status == 404
    assert (await ask("GET", "/api/")).json["serverAddressByClientCIDRs"][0]["serverAddress"]


async def test_aggregated_discovery_is_named_in_the_content_type_and_cached(ask: Ask) -> None:
    accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
    found = await ask("GET", "/apis", Accept=accept)
    assert found.response.header("Content-Type") == (
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    )
    tag = found.response.header("ETag")
    assert tag is not None
    assert (await ask("GET", "/apis", Accept=accept, If_None_Match=tag)).status == 304
    assert (await ask("GET", "/apis")).json["kind"] == "APIGroupList"


async def test_openapi_documents_are_found_by_their_hash(ask: Ask) -> None:
    url = (await ask("GET", "/openapi/v3")).json["paths"]["apis/ex.com/v1"]["serverRelativeURL"]
    right = await ask("GET", url)
    assert right.response.header("Cache-Control") == "public, immutable"
    stale = await ask("GET", f"{url.partition('=')[0]}=OLD")
    assert (stale.status, stale.response.header("Location")) == (301, url)
    bare = await ask("GET", url.partition("?")[0])
    assert bare.response.header("Cache-Control") == "no-cache, private"
    protobuf = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
    stub = await ask("GET", "/openapi/v2", Accept=protobuf)
    assert stub.body.startswith(b"\x0a\x032.0")
    assert (await ask("GET", "/openapi/v2")).json["swagger"] == "2.0"


async def test_whoever_a_request_says_to_act_as_is_asking(ask: Ask) -> None:
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    found = await ask("POST", path, {}, Impersonate_User="bob")
    assert found.json["status"]["userInfo"] == {
        "username": "bob", "groups": ["system:authenticated"],
    }  # fmt: skip


@pytest.mark.parametrize("path", [f"{MAPS}/a", "/api", "/readyz", "/nowhere"])
async def test_groups_of_nobody_are_refused_everywhere(ask: Ask, path: str) -> None:
    found = await ask("GET", path, Impersonate_Group="admins")
    assert (found.status, found.body.decode()) == (
        500,
        (
            f'Internal Server Error: "{path}": requested [{{Group  admins    }}] without'
            " impersonating a user\n"
        ),
    )

"""What the server tells about itself, and warnings about versions that go away."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import orjson
import pytest

from knlab.embedded.kube.api import Api
from knlab.embedded.kube.documents import Upstream
from knlab.embedded.kube.openapi import Published
from knlab.embedded.kube.registry import Resource
from knlab.embedded.kube.routes import Routes
from knlab.embedded.kube.subresources import Requester
from knlab.embedded.net.http import Request, Response, whole_body

pytestmark = pytest.mark.anyio

OLD = Resource(
    group="ex.com", version="v1beta1", plural="gadgets", kind="Gadget", namespaced=False,
    deprecation="ex.com/v1beta1 Gadget is deprecated",
)  # fmt: skip
NAME = "published.Gadget"
GVK = {"group": "ex.com", "version": "v1beta1", "kind": "Gadget"}
SCHEMA = {"description": "A gadget.", "type": "object", "x-kubernetes-group-version-kind": [GVK]}

Get = Callable[[str], Awaitable[Response]]


@pytest.fixture
def get(api: Api) -> Get:
    api.registry.add(OLD)
    routes = Routes(
        api,
        user=Requester("me"),
        checks={"storage": lambda: True, "disk": lambda: False},
        upstream=Upstream(
            priorities={"ex.com": 5}, published=Published(lambda: "1", lambda: {NAME: SCHEMA})
        ),
    )

    async def asked(target: str) -> Response:
        return await routes.handle(Request("GET", target, [(b"Host", b"127.0.0.1:1")], b""))

    return asked


async def body(response: Response) -> bytes:
    return await whole_body(response.body)


async def test_health_names_each_check(get: Get) -> None:
    found = await get("/livez")
    assert (found.status, await body(found)) == (
        500, b"[+]ping ok\n[+]storage ok\n[-]disk failed: reason withheld\nlivez check failed\n",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/readyz/ping", 200, b"ok"),
        ("/readyz/storage?verbose", 200, b"ok"),
        ("/readyz/disk", 500, b"internal server error: reason withheld\n"),
        ("/readyz/nope", 404, b"404 page not found\n"),
        ("/readyz?exclude=disk", 200, b"ok"),
        (
            "/readyz?exclude=disk&verbose", 200,
            b"[+]ping ok\n[+]storage ok\n[+]disk excluded: ok\nreadyz check passed\n",
        ),
    ],
)  # fmt: skip
async def test_checks_one_by_one_and_without_some(
    get: Get, path: str, status: int, text: bytes
) -> None:
    found = await get(path)
    assert (found.status, await body(found)) == (status, text)


async def test_the_root_lists_every_path_for_people_to_read(get: Get) -> None:
    text = await body(await get("/"))
    assert text.startswith(b'{\n  "paths": [\n    "/api",\n')
    paths = orjson.loads(text)["paths"]
    assert paths == sorted(paths)
    assert {"/livez/storage", "/apis/ex.com/v1beta1", "/openapi/v3", "/version"} <= set(paths)


async def test_what_is_published_about_a_kind_is_in_its_document(get: Get) -> None:
    document = orjson.loads(await body(await get("/openapi/v3/apis/ex.com/v1beta1")))
    assert document["components"]["schemas"][NAME] == SCHEMA


@pytest.mark.parametrize("path", ["/apis/ex.com/v1beta1/gadgets", "/apis/ex.com/v1beta1/gadgets/a"])
async def test_answers_about_a_deprecated_version_say_so(get: Get, path: str) -> None:
    found = await get(path)
    assert found.status == (404 if path.endswith("/a") else 200)
    assert found.header("Warning") == '299 - "ex.com/v1beta1 Gadget is deprecated"'

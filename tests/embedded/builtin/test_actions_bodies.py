"""What comes over HTTP for subresources and reviews is decoded before anything looks at it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from knlab.embedded.builtin.actions import actions, questions
from knlab.embedded.builtin.kinds import PODS, SERVICE_ACCOUNTS
from knlab.embedded.builtin.reviews import REVIEWS
from knlab.embedded.builtin.tokens import ServiceAccountTokens
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.routes import Routes
from knlab.embedded.kube.subresources import Requester
from knlab.embedded.net.http import Request

pytestmark = pytest.mark.anyio
LABELS = {"app": "web"}
POD = "/api/v1/namespaces/default/pods/web"
TOKEN = "/api/v1/namespaces/default/serviceaccounts/default/token"
ACCESS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
WRONG: list[tuple[str, Any, str]] = [
    (TOKEN, {"spec": "x"}, "TokenRequest.spec of type v1.TokenRequestSpec"),
    (
        TOKEN, {"spec": {"expirationSeconds": 700.5}},
        "number 700.5 into Go struct field TokenRequestSpec.spec.expirationSeconds of type int64",
    ),
    (
        TOKEN, {"apiVersion": "v1", "kind": "Pod"},
        ('Pod in version "v1" cannot be handled as a TokenRequest: converting (v1.Pod) to'
        " (authentication.TokenRequest): unknown conversion"),
    ),
    (
        TOKEN, {"kind": "Foo"},
        ('Foo in version "v1" cannot be handled as a TokenRequest: no kind "Foo" is registered for'
        ' version "authentication.k8s.io/v1"'),
    ),
    (
        TOKEN, {"kind": 5},
        "json: cannot unmarshal number into Go struct field .kind of type string",
    ),
    (TOKEN, {"apiVersion": "a/b/c", "kind": "Pod"}, "unexpected GroupVersion string: a/b/c"),
    (TOKEN, [], "(must be of type TokenRequest)"),
    (TOKEN, {"metadata": {"namespace": "other"}}, "does not match the namespace sent"),
    (TOKEN, {"metadata": {"name": "other"}}, "must match the service account name if specified"),
    (
        f"{TOKEN}?fieldValidation=Strict", {"foo": 1, "spec": {"bar": 2}},
        'strict decoding error: unknown field "foo", unknown field "spec.bar"',
    ),
    (f"{POD}/eviction", {"metadata": "x"}, "Eviction.metadata of type v1.ObjectMeta"),
    (f"{POD}/eviction", {"deleteOptions": "x"}, "Eviction.deleteOptions of type v1.DeleteOptions"),
    (
        f"{POD}/eviction", {"deleteOptions": {"preconditions": "x"}},
        "DeleteOptions.deleteOptions.preconditions of type v1.Preconditions",
    ),
    (f"{POD}/eviction", {"apiVersion": "v1", "kind": "Pod"}, "(policy.Eviction)"),
    (f"{POD}/eviction", {}, "name in URL does not match name in Eviction object"),
    (f"{POD}/binding", {"metadata": "x"}, "Binding.metadata of type v1.ObjectMeta"),
    (f"{POD}/binding", {"target": "x"}, "Binding.target of type v1.ObjectReference"),
    (f"{POD}/binding", {"target": {"name": "x"}}, "name in URL does not match name in Binding"),
    ("/api/v1/namespaces/default/bindings", {"target": "x"}, "Binding.target"),
    (
        "/apis/authentication.k8s.io/v1/tokenreviews", {"spec": {"token": 1}},
        "TokenReviewSpec.spec.token of type string",
    ),
    ("/apis/authentication.k8s.io/v1/tokenreviews", {}, "token is required for TokenReview"),
    (
        "/apis/authentication.k8s.io/v1/selfsubjectreviews", {"metadata": "x"},
        "SelfSubjectReview.metadata of type v1.ObjectMeta",
    ),
    (ACCESS, {"spec": "x"}, "SubjectAccessReview.spec of type v1.SubjectAccessReviewSpec"),
    (
        ACCESS, {},
        ('.authorization.k8s.io "" is invalid: [spec.resourceAttributes: Invalid value: null:'
        " exactly one of nonResourceAttributes or resourceAttributes must be specified, spec.user:"
        ' Invalid value: "": at least one of user or group must be specified]'),
    ),
]  # fmt: skip


def make_pod(api: Api, name: str = "web", *, ready: bool = True) -> Object:
    spec = {"containers": [{"name": "c", "image": "i:1"}]}
    metadata = {"name": name, "namespace": "default", "labels": LABELS}
    made = api.create(PODS, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    status = {**made.object["status"], "phase": "Running", "conditions": conditions}
    return api.update(PODS, made.object | {"status": status}, subresource="status").object


@pytest.fixture
def routes(api: Api) -> Routes:
    tokens = ServiceAccountTokens(api, "secret")
    account = {"name": "default", "namespace": "default"}
    api.create(
        SERVICE_ACCOUNTS, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account}
    )
    return Routes(
        api,
        user=Requester("me"),
        subresources=actions(api, tokens),
        virtual=(*REVIEWS, *questions(api, tokens)),
    )


async def send(routes: Routes, method: str, path: str, body: Any) -> tuple[int, Object]:
    headers = [(b"Content-Type", b"application/json")]
    response = await routes.handle(Request(method, path, headers, json.dumps(body).encode()))
    assert isinstance(response.body, bytes)
    return response.status, json.loads(response.body)


@pytest.mark.parametrize(("path", "body", "message"), WRONG)
async def test_bodies_are_decoded(
    api: Api, routes: Routes, path: str, body: Any, message: str
) -> None:
    make_pod(api)
    before = api.store.version
    code, answer = await send(routes, "POST", path, body)
    assert code in {400, 422}
    assert message in answer["message"]
    assert api.store.version == before


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"spec": "x"}, "Namespace.spec of type v1.NamespaceSpec"),
        ({}, "the name of the object (default based on URL) was undeterminable"),
        ({"metadata": {"name": "o"}}, "(o) does not match the name on the URL (default)"),
        ({"kind": "Pod", "apiVersion": "v1"}, "converting (v1.Pod) to (core.Namespace)"),
    ],
)
async def test_so_are_those_of_finalize(routes: Routes, body: Object, message: str) -> None:
    code, answer = await send(routes, "PUT", "/api/v1/namespaces/default/finalize", body)
    assert code == 400
    assert message in answer["message"]


async def test_an_eviction_may_say_no_more_than_its_name(api: Api, routes: Routes) -> None:
    make_pod(api)
    code, _ = await send(routes, "POST", f"{POD}/eviction", {"metadata": {"name": "web"}})
    assert code == 201
    assert api.find(PODS, "default", "web") is None


async def test_fields_that_nobody_knows_are_left_out(routes: Routes) -> None:
    review = {"foo": 1, "spec": {"user": "bob", "resourceAttributes": {}, "bar": 2}}
    response = await routes.handle(Request("POST", ACCESS, [], json.dumps(review).encode()))
    assert isinstance(response.body, bytes)
    answer = json.loads(response.body)
    assert answer["spec"] == {"user": "bob", "resourceAttributes": {}}
    assert "foo" not in answer
    assert (b"warning", b'299 - "unknown field \\"foo\\""') in response.headers

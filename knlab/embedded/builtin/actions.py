"""What can be done to built-in kinds besides the common verbs: their subresources."""

from __future__ import annotations

from functools import partial

from knlab.embedded.builtin.bindings import bound_pod, check_uid, node_of
from knlab.embedded.builtin.evictions import evict
from knlab.embedded.builtin.kinds import NAMESPACES, PODS, SERVICE_ACCOUNTS
from knlab.embedded.builtin.reviews import AUTHENTICATION, asked
from knlab.embedded.builtin.tokens import ServiceAccountTokens
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.backing import WriteOptions
from knlab.embedded.kube.errors import BadRequest
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.representation import Wish, respond
from knlab.embedded.kube.subresources import (
    Requester,
    Subresource,
    SubresourceKey,
    SubresourceRequest,
    Virtual,
)
from knlab.embedded.net.http import Response

_DONE = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
_CREATE = ("create",)
_BINDING = asked("", "bindings", "Binding", namespaced=True)


def actions(api: Api, tokens: ServiceAccountTokens) -> dict[SubresourceKey, Subresource]:
    """The subresources of `api`'s kinds that this package answers."""
    return {
        (PODS.group, PODS.plural, "binding"): Subresource(
            handler=partial(_bind, api), verbs=_CREATE, takes=_BINDING
        ),
        (PODS.group, PODS.plural, "eviction"): Subresource(
            handler=partial(_evict, api), verbs=_CREATE,
            takes=asked("policy", "evictions", "Eviction", namespaced=True),
        ),
        (NAMESPACES.group, NAMESPACES.plural, "finalize"): Subresource(
            handler=partial(_finalize, api), verbs=("update",),
            takes=next(row for row in api.registry if row.name == NAMESPACES),
        ),
        (SERVICE_ACCOUNTS.group, SERVICE_ACCOUNTS.plural, "token"): Subresource(
            handler=partial(_token, tokens), verbs=_CREATE,
            takes=asked(AUTHENTICATION, "tokenrequests", "TokenRequest", namespaced=True),
        ),
    }  # fmt: skip


def questions(api: Api, tokens: ServiceAccountTokens) -> tuple[Virtual, ...]:
    """The resources of `api` that are only created: Bindings and TokenReviews."""
    reviews = asked(AUTHENTICATION, "tokenreviews", "TokenReview")

    def bind(binding: Object, _requester: Requester, options: WriteOptions) -> Object:
        if not binding["metadata"].get("name"):
            raise BadRequest("Name parameter required.")
        return _bound(api, binding, options)

    return Virtual(_BINDING, bind), Virtual(reviews, tokens.review)


async def _bind(api: Api, asked: SubresourceRequest) -> Response:
    if asked.body["metadata"].get("name") != asked.name:
        raise BadRequest("name in URL does not match name in Binding object")
    return respond(_bound(api, asked.body, asked.options), Wish(), status=201)


def _bound(api: Api, binding: Object, options: WriteOptions) -> Object:
    metadata = binding["metadata"]
    node = node_of(binding)
    pod = api.get(PODS, metadata["namespace"], metadata["name"])
    check_uid(binding, pod)
    api.update(PODS, bound_pod(pod, node, api.clock.now()), options, "binding")
    return _DONE


async def _evict(api: Api, asked: SubresourceRequest) -> Response:
    evict(api, asked.namespace, asked.name, asked.body, asked.options)
    return respond(_DONE, Wish(), status=201)


async def _finalize(api: Api, asked: SubresourceRequest) -> Response:
    written = api.update(NAMESPACES, asked.body, asked.options, "finalize")
    return respond(written.object, Wish(), warnings=written.warnings)


async def _token(tokens: ServiceAccountTokens, asked: SubresourceRequest) -> Response:
    made = tokens.request(asked.namespace, asked.name, asked.body)
    return respond(made, Wish(), status=201)

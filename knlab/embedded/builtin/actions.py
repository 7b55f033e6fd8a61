"""What can be done to built-in kinds besides the common verbs: their subresources."""

from __future__ import annotations

from functools import partial

from knlab.embedded.builtin.bindings import bound_pod, node_of
from knlab.embedded.builtin.evictions import evict
from knlab.embedded.builtin.kinds import NAMESPACES, PODS, SERVICE_ACCOUNTS
from knlab.embedded.builtin.tokens import ServiceAccountTokens
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.backing import WriteOptions
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.registry import Resource
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


def actions(api: Api, tokens: ServiceAccountTokens) -> dict[SubresourceKey, Subresource]:
    """The subresources of `api`'s kinds that this package answers."""
    return {
        (PODS.group, PODS.plural, "binding"): Subresource(
            handler=partial(_bind, api), verbs=_CREATE, kind="Binding"
        ),
        (PODS.group, PODS.plural, "eviction"): Subresource(
            handler=partial(_evict, api), verbs=_CREATE, kind="Eviction", group="policy",
            version="v1",
        ),
        (NAMESPACES.group, NAMESPACES.plural, "finalize"): Subresource(
            handler=partial(_finalize, api), verbs=("update",)
        ),
        (SERVICE_ACCOUNTS.group, SERVICE_ACCOUNTS.plural, "token"): Subresource(
            handler=partial(_token, tokens), verbs=_CREATE, kind="TokenRequest",
            group="authentication.k8s.io", version="v1",
        ),
    }  # fmt: skip


def questions(api: Api, tokens: ServiceAccountTokens) -> tuple[Virtual, ...]:
    """The resources of `api` that are only created: Bindings and TokenReviews."""
    bindings = _asked("", "bindings", "Binding")
    reviews = _asked("authentication.k8s.io", "tokenreviews", "TokenReview", namespaced=False)

    def bind(binding: Object, _requester: Requester) -> Object:
        metadata = binding["metadata"]
        return _bound(api, metadata["namespace"], metadata.get("name", ""), binding, WriteOptions())

    return Virtual(bindings, bind), Virtual(reviews, tokens.review)


def _asked(group: str, plural: str, kind: str, *, namespaced: bool = True) -> Resource:
    return Resource(
        group=group, version="v1", plural=plural, kind=kind, namespaced=namespaced, verbs=_CREATE,
        has_status=False,
    )  # fmt: skip


async def _bind(api: Api, asked: SubresourceRequest) -> Response:
    done = _bound(api, asked.namespace, asked.name, asked.body, asked.options)
    return respond(done, Wish(), status=201)


def _bound(api: Api, namespace: str, name: str, binding: Object, options: WriteOptions) -> Object:
    pod = api.get(PODS, namespace, name)
    bound = bound_pod(pod, node_of(binding, name), api.clock.now())
    api.update(PODS, bound, options, "binding")
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

"""Tokens that are bound to an object: they are valid as long as that object is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from knlab.embedded.builtin.kinds import NODES, PODS, SECRETS
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.errors import BadRequest, Conflict
from knlab.embedded.kube.objects import GroupResource, Object

_KINDS: Final = {"Pod": PODS, "Node": NODES, "Secret": SECRETS}
_EXTRA: Final = "authentication.kubernetes.io/"
_TOLD: Final = ("pod", "node")
"""Bindings that requests with the token tell of."""


def bound_claims(api: Api, namespace: str, account: str, reference: Object) -> Object:
    """The claims of a token of `account` that is bound to what `reference` names.

    Raises:
        BadRequest: it names no Pod, Node or Secret, or a pod of another account.
        NotFound: no such object.
        Conflict: it has another uid.
    """
    kind, name = reference.get("kind") or "", reference.get("name") or ""
    group, _, version = (reference.get("apiVersion") or "").rpartition("/")
    if group or kind not in _KINDS:
        raise BadRequest(f"cannot bind token to object of type {group}/{version}, Kind={kind}")
    if not name:
        raise BadRequest("Name parameter required.")
    found = api.peek(_KINDS[kind], "" if kind == "Node" else namespace, name)
    spec: Object = found.get("spec") or {}
    if kind == "Pod" and spec.get("serviceAccountName") != account:
        raise BadRequest(
            f'cannot bind token for serviceaccount "{account}" to pod running with different'
            " serviceaccount name."
        )
    wanted, uid = reference.get("uid"), found["metadata"]["uid"]
    if wanted and wanted != uid:
        raise Conflict.of(
            GroupResource("", kind),
            name,
            f"the UID in the bound object reference ({wanted}) does not match the UID in record."
            " The object might have been deleted and then recreated",
        )
    claims: Object = {kind.lower(): {"name": name, "uid": uid}}
    if kind == "Pod" and spec.get("nodeName"):
        claims["node"] = _node_claim(api, spec["nodeName"])
    return claims


def _node_claim(api: Api, name: str) -> Object:
    node = api.find(NODES, "", name)
    return {"name": name} if node is None else {"name": name, "uid": node["metadata"]["uid"]}


def is_bound_to_nothing(api: Api, claims: Object) -> bool:
    """Whether the object is gone that a token with `claims` was bound to."""
    for kind, resource in _KINDS.items():
        if claim := claims.get(kind.lower()):  # of a pod and its node the pod matters
            namespace = "" if resource == NODES else claims["namespace"]
            found = api.find(resource, namespace, claim["name"])
            return found is None or found["metadata"]["uid"] != claim["uid"]
    return False


def bound_extra(claims: Object) -> Mapping[str, tuple[str, ...]]:
    """What is known of somebody who comes with a token that is bound to a pod or a node."""
    return {
        f"{_EXTRA}{kind}-{field}": (claims[kind][field],)
        for kind in _TOLD
        if kind in claims
        for field in ("name", "uid")
        if field in claims[kind]
    }

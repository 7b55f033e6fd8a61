"""What a token can be bound to, what it says then, and when it is worth nothing any more."""

from __future__ import annotations

import pytest

from knlab.embedded.builtin.kinds import NODES, PODS, SECRETS, SERVICE_ACCOUNTS
from knlab.embedded.builtin.token_bindings import bound_claims, bound_extra, is_bound_to_nothing
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.errors import StatusError
from knlab.embedded.kube.objects import GroupResource, Object

KINDS = {"Pod": PODS, "Node": NODES, "Secret": SECRETS, "ServiceAccount": SERVICE_ACCOUNTS}


@pytest.fixture(autouse=True)
def objects(api: Api) -> None:
    containers = [{"name": "c", "image": "i"}]
    make(api, "Node", "n")
    make(api, "Secret", "s")
    make(api, "ServiceAccount", "robot")
    for name, fields in (("p", {"serviceAccountName": "robot"}), ("other", {})):
        make(api, "Pod", name, spec={"containers": containers, **fields})
    spec = {"serviceAccountName": "robot", "nodeName": "n", "containers": containers}
    make(api, "Pod", "placed", spec=spec)
    make(api, "Pod", "lost", spec=spec | {"nodeName": "gone"})


def make(api: Api, kind: str, name: str, **fields: object) -> None:
    metadata = {"name": name} | ({} if kind == "Node" else {"namespace": "default"})
    api.create(KINDS[kind], {"apiVersion": "v1", "kind": kind, "metadata": metadata, **fields})


def uid(api: Api, resource: GroupResource, name: str) -> str:
    namespace = "" if resource == NODES else "default"
    found: str = api.get(resource, namespace, name)["metadata"]["uid"]
    return found


def claims_of(api: Api, kind: str, name: str) -> Object:
    reference = {"kind": kind, "apiVersion": "v1", "name": name}
    return {"namespace": "default", **bound_claims(api, "default", "robot", reference)}


@pytest.mark.parametrize(
    ("kind", "name", "claimed"),
    [
        ("Secret", "s", {"secret": (SECRETS, "s")}),
        ("Node", "n", {"node": (NODES, "n")}),
        ("Pod", "p", {"pod": (PODS, "p")}),
        ("Pod", "placed", {"pod": (PODS, "placed"), "node": (NODES, "n")}),
    ],
)
def test_the_claims_name_the_object(
    api: Api, kind: str, name: str, claimed: dict[str, tuple[GroupResource, str]]
) -> None:
    expected = {
        key: {"name": each, "uid": uid(api, resource, each)}
        for key, (resource, each) in claimed.items()
    }
    claims = claims_of(api, kind, name)
    assert claims == {"namespace": "default", **expected}
    prefix = "authentication.kubernetes.io"
    assert bound_extra(claims) == {
        f"{prefix}/{key}-{field}": (claim[field],)
        for key, claim in expected.items()
        for field in ("name", "uid")
        if key != "secret"
    }


def test_of_a_node_that_is_gone_the_name_is_known(api: Api) -> None:
    assert claims_of(api, "Pod", "lost")["node"] == {"name": "gone"}


UID = (
    "the UID in the bound object reference (x) does not match the UID in record. The object might"
    " have been deleted and then recreated"
)


@pytest.mark.parametrize(
    ("reference", "code", "message"),
    [
        ({"kind": "Secret", "name": "none"}, 404, 'secrets "none" not found'),
        ({"kind": "Pod", "name": "none"}, 404, 'pods "none" not found'),
        ({"kind": "Node", "name": "none"}, 404, 'nodes "none" not found'),
        ({"kind": "Secret", "name": "s", "uid": "x"}, 409,
         f'Operation cannot be fulfilled on Secret "s": {UID}'),
        ({"kind": "Node", "name": "n", "uid": "x"}, 409,
         f'Operation cannot be fulfilled on Node "n": {UID}'),
        ({"kind": "Pod", "name": "other"}, 400,
         ('cannot bind token for serviceaccount "robot" to pod running with different'
         ' serviceaccount name.')),
        ({"kind": "Pod"}, 400, "Name parameter required."),
        ({"kind": "ConfigMap", "apiVersion": "v1", "name": "c"}, 400,
         "cannot bind token to object of type /v1, Kind=ConfigMap"),
        ({"kind": "Pod", "apiVersion": "a/v1", "name": "p"}, 400,
         "cannot bind token to object of type a/v1, Kind=Pod"),
        ({}, 400, "cannot bind token to object of type /, Kind="),
    ],
)  # fmt: skip
def test_what_a_token_cannot_be_bound_to(
    api: Api, reference: Object, code: int, message: str
) -> None:
    with pytest.raises(StatusError) as refused:
        bound_claims(api, "default", "robot", reference)
    assert (refused.value.code, refused.value.message) == (code, message)


@pytest.mark.parametrize(("kind", "name"), [("Secret", "s"), ("Node", "n"), ("Pod", "p")])
def test_a_binding_ends_with_its_object(api: Api, kind: str, name: str) -> None:
    claims = claims_of(api, kind, name)
    assert not is_bound_to_nothing(api, claims)
    namespace = "" if kind == "Node" else "default"
    api.delete(KINDS[kind], namespace, name, {"gracePeriodSeconds": 0})
    assert is_bound_to_nothing(api, claims)
    assert not is_bound_to_nothing(api, {"namespace": "default"})

"""What names mean in the cluster."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from knlab.embedded.builtin.cluster_dns import behind, resolve
from knlab.embedded.builtin.kinds import ENDPOINTS, SERVICES
from knlab.embedded.kube.controller import Labels
from knlab.embedded.kube.index import Index
from knlab.embedded.kube.objects import GroupResource, Object


def service(name: str, namespace: str, **spec: object) -> Object:
    metadata = {"name": name, "namespace": namespace}
    return {"metadata": metadata, "spec": {"type": "ClusterIP", "ports": [{"port": 80}], **spec}}


def endpoints(name: str, *addresses: Object) -> Object:
    subsets = [{"addresses": list(addresses), "ports": [{"port": 8080}]}]
    return {"metadata": {"name": name, "namespace": "app"}, "subsets": subsets}


OBJECTS = {
    SERVICES: [
        service("web", "app", clusterIP="10.97.0.1"),
        service("idle", "app", clusterIP="10.97.0.2"),
        service("direct", "app", clusterIP="None"),
        service("web", "other", clusterIP="10.97.0.9"),
        service("alias", "app", type="ExternalName", externalName="web.other.svc.cluster.local."),
        service("outside", "app", type="ExternalName", externalName="example.com"),
        service("round", "app", type="ExternalName", externalName="round.app.svc.cluster.local"),
    ],
    ENDPOINTS: [
        endpoints("web", {"ip": "127.1.0.2"}, {"ip": "127.1.0.3"}),
        endpoints("direct", {"ip": "127.1.0.4", "hostname": "zero"}, {"ip": "127.1.0.5"}),
    ],
}


class Cluster:
    def find(self, resource: GroupResource, namespace: str, name: str) -> Object | None:
        here = {"name": name, "namespace": namespace}
        return next((one for one in OBJECTS[resource] if one["metadata"] == here), None)

    def list(
        self,
        resource: GroupResource,
        namespace: str | None = None,
        labels: Labels | None = None,
    ) -> list[Object]:
        return OBJECTS[resource]

    def having(self, index: Index, value: str) -> Sequence[Object]:
        return [one for one in OBJECTS[index.resource] if value in index.values(one)]


WEB = "web.app.svc.cluster.local"
FOUND = [
    ("web", WEB, ["10.97.0.1"]),
    ("WEB.app", WEB, ["10.97.0.1"]),
    ("web.app.svc", WEB, ["10.97.0.1"]),
    (WEB, WEB, ["10.97.0.1"]),
    (f"{WEB}.", WEB, ["10.97.0.1"]),
    ("web.other", "web.other.svc.cluster.local", ["10.97.0.9"]),
    ("alias", "alias.app.svc.cluster.local", ["10.97.0.9"]),
    ("direct", "direct.app.svc.cluster.local", ["127.1.0.4", "127.1.0.5"]),
    ("zero.direct", "zero.direct.app.svc.cluster.local", ["127.1.0.4"]),
    ("127-1-0-5.direct", "127-1-0-5.direct.app.svc.cluster.local", ["127.1.0.5"]),
    ("127-1-0-2.app.pod", "127-1-0-2.app.pod.cluster.local", ["127.1.0.2"]),
    ("10.1.2.3", "10.1.2.3", ["10.1.2.3"]),
]


@pytest.mark.parametrize(("name", "full", "addresses"), FOUND, ids=[one[0] for one in FOUND])
def test_names(name: str, full: str, addresses: list[str]) -> None:
    assert resolve(Cluster(), "app", name) == (full, addresses)


@pytest.mark.parametrize(
    "name",
    ["none", "web.none", "example.com", "outside", "round", "web.", "app", "svc.cluster.local",
     "a.b.c.web.app", "", ".", "web..app", "x.web.app", "99-1.app.pod"],
)  # fmt: skip
def test_names_that_nobody_has(name: str) -> None:
    assert resolve(Cluster(), "app", name) is None


def test_addresses_behind_a_service() -> None:
    assert behind(Cluster(), "10.97.0.1", 80) == [("127.1.0.2", 8080), ("127.1.0.3", 8080)]
    assert behind(Cluster(), "10.97.0.1", 81) == []
    assert behind(Cluster(), "10.97.0.2", 80) == []
    assert behind(Cluster(), "10.97.9.9", 80) is None

"""Which addresses take the requests for a Service."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.kube.objects import Object
from knlab.embedded.net.http import Address
from knlab.embedded.serving.backends import backend_addresses
from tests.factories import DictView, make

GATEWAY = "kourier-internal.kourier-system.svc.cluster.local"


def service(name: str, *ports: Object, namespace: str = "ns", **spec: Any) -> Object:
    return make("v1", "Service", name, namespace, spec={"ports": list(ports)} | spec)


def alias(name: str, of: str, *ports: Object) -> Object:
    return service(name, *ports, type="ExternalName", externalName=of)


def endpoints(name: str, ips: list[str], *ports: Object, namespace: str = "ns") -> Object:
    subset = {"addresses": [{"ip": ip} for ip in ips], "ports": list(ports)}
    return make("v1", "Endpoints", name, namespace, subsets=[subset])


PLACEHOLDER_PORT = {"name": "http2", "port": 80, "targetPort": 80}
INSIDE = (
    service(
        "kourier-internal", {"name": "http2", "port": 80, "targetPort": 8081},
        {"name": "https", "port": 443, "targetPort": 8444}, namespace="kourier-system",
    ),
    endpoints(
        "kourier-internal", ["10.0.0.9"], {"name": "http2", "port": 8081},
        {"name": "https", "port": 8444}, namespace="kourier-system",
    ),
)  # fmt: skip


@pytest.mark.parametrize(
    ("objects", "port", "wanted"),
    [
        pytest.param([], 80, [], id="no Service"),
        pytest.param([service("a", {"port": 80, "targetPort": 8080})], 80, [], id="no endpoints"),
        pytest.param(
            [
                service("a", {"name": "http", "port": 80, "targetPort": 8012},
                        {"name": "https", "port": 443, "targetPort": 8112}),
                endpoints("a", ["10.0.0.2", "10.0.0.1"]),
            ],
            80, [("10.0.0.1", 8012), ("10.0.0.2", 8012)], id="the port with that number",
        ),
        pytest.param(
            [service("a", {"port": 9000, "targetPort": 8080}), endpoints("a", ["10.0.0.1"])],
            80, [("10.0.0.1", 8080)], id="a port without a name is any",
        ),
        pytest.param(
            [service("a", {"port": 8080}), endpoints("a", ["10.0.0.1"])],
            80, [("10.0.0.1", 8080)], id="a port that says no target is its own",
        ),
        pytest.param(
            [service("a", {"name": "x", "port": 9000, "targetPort": 8080}),
             endpoints("a", ["10.0.0.1"])],
            80, [("10.0.0.1", 80)], id="another port counts as none",
        ),
        pytest.param(
            [service("a", {"port": 80, "targetPort": "web"}), endpoints("a", ["10.0.0.1"])],
            80, [("10.0.0.1", 0)], id="Kourier does not look up the name of a target",
        ),
        pytest.param(
            [alias("a", GATEWAY, PLACEHOLDER_PORT), *INSIDE],
            80, [("10.0.0.9", 8081)], id="a placeholder leads to the gateway",
        ),
        pytest.param(
            [alias("a", "b.ns.svc.cluster.local"), alias("b", GATEWAY), *INSIDE],
            80, [("10.0.0.9", 8081)], id="a name for a name",
        ),
        pytest.param(
            [alias("a", GATEWAY, {"port": 443}), *INSIDE],
            80, [("10.0.0.9", 8444)], id="the port of a name is the one it says",
        ),
        pytest.param(
            [alias("a", GATEWAY, {"port": 99}), *INSIDE], 80, [], id="a port that is not there",
        ),
        pytest.param(
            [alias("a", "nobody.ns.svc.cluster.local")], 80, [], id="a name for nothing",
        ),
        pytest.param([alias("a", "a.ns.svc.cluster.local")], 80, [], id="a name for itself"),
        pytest.param([alias("a", "example.com")], 80, [], id="a name outside the cluster"),
    ],
)  # fmt: skip
def test_addresses(objects: list[Object], port: int, wanted: list[Address]) -> None:
    assert backend_addresses(DictView(objects), "ns", "a", port) == tuple(wanted)

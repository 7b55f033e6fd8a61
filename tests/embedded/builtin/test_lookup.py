from __future__ import annotations

import pytest

from knlab.embedded.builtin.lookup import parse_host, service_addresses
from tests.factories import DictView, make

SERVICE = make(
    "v1", "Service", "web", "team",
    spec={"type": "ClusterIP", "ports": [{"name": "http", "port": 80}, {"name": "m", "port": 90}]},
)  # fmt: skip
SUBSETS = [
    {
        "addresses": [{"ip": "127.0.1.1"}, {"ip": "127.0.1.2"}],
        "notReadyAddresses": [{"ip": "127.0.1.9"}],
        "ports": [{"name": "http", "port": 8012}, {"name": "m", "port": 9090}],
    },
    {"addresses": [{"ip": "127.0.1.3"}], "ports": [{"name": "http", "port": 8112}]},
]
ENDPOINTS = make("v1", "Endpoints", "web", "team", subsets=SUBSETS)
ALIAS = make(
    "v1", "Service", "alias", "default",
    spec={"type": "ExternalName", "externalName": "web.team.svc.cluster.local"},
)  # fmt: skip


@pytest.mark.parametrize("port", [80, "http"])
def test_a_port_leads_to_the_ready_addresses_with_their_own_numbers(port: int | str) -> None:
    view = DictView([SERVICE, ENDPOINTS])
    assert service_addresses(view, "team", "web", port) == [
        ("127.0.1.1", 8012),
        ("127.0.1.2", 8012),
        ("127.0.1.3", 8112),
    ]


def test_an_external_name_inside_the_cluster_is_followed() -> None:
    view = DictView([SERVICE, ENDPOINTS, ALIAS])
    assert len(service_addresses(view, "default", "alias", 90)) == 2


def test_what_does_not_exist_has_no_addresses() -> None:
    view = DictView([SERVICE])
    assert service_addresses(view, "team", "web", 80) == []
    assert service_addresses(view, "team", "web", 1234) == []
    assert service_addresses(view, "team", "none", 80) == []


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("web.team", ("team", "web")),
        ("web.team.svc", ("team", "web")),
        ("web.team.svc.cluster.local.", ("team", "web")),
        ("web", None),
        ("web.example.com", None),
    ],
)
def test_host_names_of_the_cluster(host: str, expected: tuple[str, str] | None) -> None:
    assert parse_host(host) == expected

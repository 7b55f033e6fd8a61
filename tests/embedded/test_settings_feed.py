"""ConfigMaps that reach the data plane."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from knlab._clock import ManualClock
from knlab.embedded.dataplane.gateway import GatewayOptions, GatewaySettings
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.backing import ServerKinds
from knlab.embedded.kube.objects import GroupResource
from knlab.embedded.kube.registry import Registry, Resource
from knlab.embedded.kube.store import Store
from knlab.embedded.serving.kinds import CONFIG_MAPS, NAMESPACES, REVISIONS, typed
from knlab.embedded.settings_feed import activator_log, gateway_settings, observability_now

ADMISSION = "admissionregistration.k8s.io"
SERVER_KINDS = ServerKinds(
    namespaces=NAMESPACES,
    events=GroupResource("", "events"),
    mutating_webhooks=GroupResource(ADMISSION, "mutatingwebhookconfigurations"),
    validating_webhooks=GroupResource(ADMISSION, "validatingwebhookconfigurations"),
)
SYSTEM = "knative-serving"


class World:
    """An API with ConfigMaps and Revisions, and what is logged."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.log: list[str] = []
        self._make(NAMESPACES, {"name": SYSTEM})

    def _make(self, kind: GroupResource, metadata: dict[str, Any], **more: Any) -> None:
        self.api.create(kind, typed(kind, {"metadata": metadata} | more))

    def configure(self, name: str, **settings: str) -> None:
        data = {key.replace("__", ".").replace("_", "-"): value for key, value in settings.items()}
        if self.api.find(CONFIG_MAPS, SYSTEM, name) is None:
            self._make(CONFIG_MAPS, {"name": name, "namespace": SYSTEM}, data=data)
        else:
            self.api.patch(CONFIG_MAPS, SYSTEM, name, lambda old: old | {"data": data})

    def revision(self, name: str, **labels: str) -> None:
        found = {f"serving.knative.dev/{key}": value for key, value in labels.items()}
        self._make(REVISIONS, {"name": name, "namespace": SYSTEM, "labels": found})


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    rows = (
        Resource(group="", version="v1", plural="namespaces", kind="Namespace", namespaced=False),
        Resource(group="", version="v1", plural="configmaps", kind="ConfigMap", namespaced=True),
        Resource(
            group=REVISIONS.group, version="v1", plural="revisions", kind="Revision",
            namespaced=True,
        ),
    )  # fmt: skip
    store = Store(tmp_path / "store.db")
    yield World(Api(store, Registry(rows), ManualClock(), kinds=SERVER_KINDS))
    store.close()


def test_the_gateway_is_told_what_config_kourier_says_now_and_later(world: World) -> None:
    options = GatewayOptions()
    world.configure("config-kourier", stream_idle_timeout="5s")
    with gateway_settings(world.api, options, world.log.append):
        assert options.current.stream_idle_timeout == 5.0
        world.configure("config-kourier", enable_service_access_logging="false")
        assert options.current == GatewaySettings(access_log=None)
        world.configure("config-unrelated", enable_service_access_logging="true")
        assert options.current.access_log is None
        world.api.delete(CONFIG_MAPS, SYSTEM, "config-kourier")
        assert options.current == GatewaySettings()
    assert world.log == []


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (
            {"trusted_hops_count": "-1"},
            (
                'Error updating kourier config "config-kourier": "failed to parse'
                ' "trusted-hops-count": strconv.ParseUint: parsing "-1": invalid syntax"'
            ),
        ),
        (
            {"service_access_log_template": "%NOSUCH%"},
            (
                'Error updating kourier config "config-kourier": "service-access-log-template:'
                ' not supported by the embedded gateway: %NOSUCH%"'
            ),
        ),
    ],
    ids=["a value that cannot be", "a format that cannot be"],
)
def test_a_complaint_leaves_the_gateway_as_it_was(
    world: World, settings: dict[str, str], complaint: str
) -> None:
    options = GatewayOptions()
    with gateway_settings(world.api, options, world.log.append):
        world.configure("config-kourier", use_remote_address="true")
        before = options.current
        world.configure("config-kourier", **settings)
        assert options.current is before
    assert world.log == [complaint]


def test_what_the_gateway_does_not_heed_is_named(world: World) -> None:
    world.configure("config-kourier", enable_proxy_protocol="true", cipher_suites="A")
    with gateway_settings(world.api, GatewayOptions(), world.log.append):
        assert world.log == [
            "config-kourier: enable-proxy-protocol has no effect in the embedded cluster",
            "config-kourier: cipher-suites has no effect in the embedded cluster",
        ]


def test_the_activators_log_comes_and_goes_with_the_setting(world: World) -> None:
    world.revision("hello-00001", service="hello", configuration="hello")
    with activator_log(world.api, world.log.append) as log:

        def logs() -> bool:
            return log.template is not None

        assert not logs()
        world.configure("config-observability", logging__enable_request_log="true")
        assert logs()
        world.configure(
            "config-observability",
            logging__enable_request_log="true",
            logging__request_log_template="{{range .X}}{{end}}",
        )
        assert logs()
        world.configure("config-observability")
        assert not logs()
        found = log.describe(f"{SYSTEM}/hello-00001")
        assert found is not None
        assert (found.name, found.service, found.configuration) == ("hello-00001", "hello", "hello")
        assert log.describe(f"{SYSTEM}/nosuch") is None
    [line] = world.log
    assert line.startswith("Failed to update the request log template. template: requestLog:")


def test_settings_that_cannot_be_are_those_of_the_beginning(world: World) -> None:
    defaults = observability_now(world.api)
    world.configure("config-observability", metrics_protocol="prometheus")
    assert observability_now(world.api)["metrics"]["protocol"] == "prometheus"
    world.configure("config-observability", metrics_protocol="smoke")
    assert observability_now(world.api) == defaults

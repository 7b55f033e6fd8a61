"""A cluster of whatever kind `KNLAB_CLUSTER` names, and what the scenarios measured in it.

The scenarios do not say which world they run in: embedded and real Knative must both pass them.
`pytest -m live` runs them, images other than the course's own are named by `KNLAB_IMAGES`, and the
measured times are printed at the end.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import kubernetes.config
import pytest
from kubernetes.dynamic import DynamicClient

import knlab
from knlab._state import default_state_dir, read_running
from knlab.cluster import process
from knlab.cluster.service import Service
from tests.live.world import Measure, Object, Wire, World

_MEASURED = pytest.StashKey[dict[str, list[float]]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_MEASURED] = {}


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    measured = config.stash[_MEASURED]
    if measured:
        terminalreporter.section(f"measured in {os.environ.get('KNLAB_CLUSTER', 'embedded')}")
    for what, found in measured.items():
        low, middle, high = min(found), median(found), max(found)
        terminalreporter.line(f"{what:<62} n={len(found):<4} {low:9.4f} {middle:9.4f} {high:9.4f}")


@pytest.fixture
def measure(request: pytest.FixtureRequest) -> Measure:
    """Notes a measured number under a name; the summary shows minimum, median and maximum."""
    measured = request.config.stash[_MEASURED]

    def noted(what: str, value: float | None) -> None:
        if value is not None:
            measured.setdefault(what, []).append(value)

    return noted


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    """The cluster with Knative in it; an embedded one that did not run before is stopped again."""
    directory = default_state_dir()
    ran = read_running(directory) is not None
    cluster = knlab.connect()
    cluster.ensure_knative()
    yield World(cluster)
    if cluster.world == "embedded" and not ran:
        process.stop(directory)


@pytest.fixture(scope="session")
def wire(world: World) -> Wire:
    running = read_running(default_state_dir()) if world.cluster.world == "embedded" else None
    file = str(running.kubeconfig) if running else os.environ.get("KUBECONFIG")
    return Wire(DynamicClient(kubernetes.config.new_client_from_config(config_file=file)))


@pytest.fixture
def deploy(world: World) -> Iterator[Callable[..., Service]]:
    """Deploys like `cluster.deploy`, or a manifest as it is; what it made is deleted afterwards."""
    made: list[Service] = []

    def deployed(what: str | Object, /, **settings: Any) -> Service:
        if isinstance(what, str):
            service = world.cluster.deploy(what, **settings)
        else:
            world.cluster.api.apply(what)
            service = world.cluster.service(what["metadata"]["name"])
        made.append(service)
        return service

    yield deployed
    for service in made:
        service.delete()

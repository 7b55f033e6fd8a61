"""One embedded cluster with Knative for all scenarios, and stock clients to look at it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kubernetes.client
import kubernetes.config
import pytest

import knlab
from knlab._state import Running
from knlab.cluster import process
from knlab.cluster.cluster import Cluster
from knlab.cluster.connect import attach
from knlab.cluster.install import Installation
from knlab.cluster.service import Service
from tests.acceptance.machine import run_knlab
from tests.stock_kubectl import lacking

MANIFEST = """\
apiVersion: serving.knative.dev/v1
kind: Service
metadata: {{name: {name}}}
spec:
  template:
    spec:
      containers:
      - image: {image}
        env: [{{name: TARGET, value: Kubectl}}]
"""
Command = Callable[..., subprocess.CompletedProcess[str]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.acceptance)


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The embedded cluster's process; it ends with this one, however that ends."""
    directory = tmp_path_factory.mktemp("cluster") / "state"
    yield process.start(directory, process.Launch(with_parent=True))
    process.stop(directory)


@dataclass(frozen=True)
class Beginning:
    """A cluster from nothing to Knative: what was refused before, and what was installed."""

    refusal: str
    kubectl_refusal: str
    installation: Installation


@pytest.fixture(scope="session")
def beginning(running: Running) -> Beginning:
    cluster = attach(running)
    refused = cluster.attempt(lambda: cluster.deploy("early", image=knlab.images.HELLO))
    said = ""
    if not lacking():
        manifest = MANIFEST.format(name="early", image=knlab.images.HELLO)
        said = _kubectl(running)("apply", "-f", "-", input=manifest, check=False).stderr
    installation = cluster.install()
    cluster.ensure_knative()
    return Beginning(refused.message, said, installation)


@pytest.fixture(scope="session")
def cluster(running: Running, beginning: Beginning) -> Cluster:
    """The cluster with Knative in it."""
    found = attach(running)
    found.configure("config-autoscaler", {"allow-zero-initial-scale": "true"})
    return found


@pytest.fixture(scope="session")
def idler(cluster: Cluster) -> Service:
    """A Service that nobody uses, with the shortest window, since the session began."""
    cluster.configure("config-autoscaler", {"scale-to-zero-grace-period": "6s"})
    service = cluster.deploy("idler", image=knlab.images.HELLO, window="6s")
    service.wait_ready()
    return service


@pytest.fixture(autouse=True)
def _idling(request: pytest.FixtureRequest) -> None:
    """Whoever uses the shared cluster starts the idler, which then has the whole session."""
    if "cluster" in request.fixturenames:
        request.getfixturevalue("idler")


@pytest.fixture
def deploy(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Callable[..., Service]]:
    """Deploys a Service with a name of the test's own, deleted afterwards."""
    made: list[Service] = []

    def make(suffix: str = "", *, image: str = knlab.images.HELLO, **settings: Any) -> Service:
        name = request.node.name.removeprefix("test_").partition("[")[0].replace("_", "-")
        service = cluster.deploy((name[:50] + suffix).strip("-"), image=image, **settings)
        made.append(service)
        return service

    yield make
    for service in made:
        service.delete()


@pytest.fixture(scope="session")
def stock(running: Running) -> Iterator[kubernetes.client.ApiClient]:
    """The kubernetes package's own client, with nothing of knlab in it."""
    with kubernetes.config.new_client_from_config(running.kubeconfig) as client:
        yield client


@pytest.fixture(scope="session")
def core(stock: kubernetes.client.ApiClient) -> kubernetes.client.CoreV1Api:
    """Its calls for pods, ConfigMaps and the like."""
    return kubernetes.client.CoreV1Api(stock)


@pytest.fixture(scope="module")
def namespace(stock: kubernetes.client.ApiClient, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of the module's own, deleted afterwards."""
    core = kubernetes.client.CoreV1Api(stock)
    name = request.module.__name__.rpartition(".test_")[2].replace("_", "-")
    core.create_namespace({"metadata": {"name": name}})
    yield name
    core.delete_namespace(name)


def _kubectl(running: Running) -> Command:
    """kubectl that remembers nothing of an earlier cluster, which may have had the same port."""
    cache = Path(running.state_dir).parent / "kubectl-cache"

    def run(
        *arguments: str, check: bool = True, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["kubectl", "--kubeconfig", running.kubeconfig, "--cache-dir", str(cache), *arguments],
            capture_output=True, text=True, timeout=40, check=False, **options,
        )  # fmt: skip
        assert not check or done.returncode == 0, done.stderr
        return done

    return run


@pytest.fixture(scope="session")
def kubectl(running: Running) -> Command:
    """Runs stock kubectl on the shared cluster."""
    if lacking():
        pytest.skip(lacking())
    return _kubectl(running)


@pytest.fixture(scope="session")
def shared(running: Running) -> Command:
    """Runs `knlab` on the shared cluster."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return run_knlab(*arguments, state_dir=running.state_dir)

    return run

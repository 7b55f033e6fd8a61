"""Component pods are real: what they do stops with them and comes back with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import knlab
from knlab._exceptions import KnlabError
from knlab.cluster import kubernetes as k8s
from knlab.cluster.cluster import Cluster
from knlab.cluster.install import SYSTEM
from knlab.cluster.service import Service
from tests.acceptance.conftest import Command
from tests.acceptance.machine import eventually

Deploy = Callable[..., Service]


@contextmanager
def _stopped(cluster: Cluster, name: str) -> Iterator[None]:
    """No pod of a component while the block runs; ready again afterwards."""
    cluster.api.patch(k8s.DEPLOYMENT, name, {"spec": {"replicas": 0}}, SYSTEM)
    selector = f"app={name}"
    try:
        eventually(
            f"{name} has stopped",
            lambda: not cluster.api.items(k8s.POD, SYSTEM, labels=selector),
            within=30,
        )
        yield
    finally:
        cluster.api.patch(k8s.DEPLOYMENT, name, {"spec": {"replicas": 1}}, SYSTEM)
        eventually(f"{name} is back", lambda: name in cluster.components().ready, within=20)


def test_without_the_controller_new_services_stay_as_they_were_written(
    deploy: Deploy, cluster: Cluster
) -> None:
    with _stopped(cluster, "controller"):
        hello = deploy()
        refused = cluster.attempt(lambda: hello.wait_ready(timeout="0.5s"))
        assert "waited 0 s" in refused.message or "waited 1 s" in refused.message
        assert "conditions" not in hello.object.get("status", {})
        assert [node.kind for node in hello.graph().nodes] == ["Service"]
    hello.wait_ready()
    assert knlab.request(hello.url).ok


def test_without_the_webhook_nothing_of_knatives_can_be_written(
    deploy: Deploy, cluster: Cluster
) -> None:
    with _stopped(cluster, "webhook"):
        refused = cluster.attempt(deploy)
        assert "failed calling webhook" in refused.message
        assert 'service "webhook"' in refused.message
    deploy().wait_ready()


def test_an_activator_that_is_deleted_comes_back_and_goes_on(
    deploy: Deploy, cluster: Cluster
) -> None:
    hello = deploy(initial_scale=0)
    hello.wait_ready()
    before = cluster.delete_pods("activator", namespace=SYSTEM)
    eventually("a request is answered", lambda: knlab.request(hello.url).ok, within=20)
    eventually("activator is ready", lambda: "activator" in cluster.components().ready, within=20)
    pods = cluster.api.items(k8s.POD, SYSTEM, labels="app=activator")
    assert {pod["metadata"]["name"] for pod in pods} != set(before)


def test_components_have_logs(deploy: Deploy, cluster: Cluster) -> None:
    deploy().wait_ready()
    assert cluster.logs("deployment/autoscaler", namespace=SYSTEM)
    assert cluster.logs("deployment/controller", namespace=SYSTEM)


def test_a_pod_that_does_not_exist_has_no_log(cluster: Cluster) -> None:
    refused = cluster.attempt(lambda: cluster.logs("nobody"))
    assert refused.error is not None
    assert isinstance(refused.error, KnlabError)
    assert 'pods "nobody" not found' in refused.message


def test_the_clusters_own_log_can_be_printed(cluster: Cluster, shared: Command) -> None:
    printed = shared("logs")
    assert printed.returncode == 0
    assert f"serves the API at {cluster.api.server}" in printed.stdout

"""From nothing to Knative."""

from __future__ import annotations

import pytest

from knlab._state import Running
from knlab.cluster.cluster import Cluster
from tests.acceptance.conftest import Beginning, Command

COMPONENTS = {"activator", "autoscaler", "controller", "net-kourier-controller", "webhook"}


def test_a_fresh_cluster_knows_no_services(beginning: Beginning) -> None:
    kind = 'no matches for kind "Service" in version "serving.knative.dev/v1"'
    assert beginning.refusal == kind
    if not beginning.kubectl_refusal:
        pytest.skip("kubectl is not installed")
    assert kind in beginning.kubectl_refusal


def test_the_installation_went_through_its_stages(beginning: Beginning) -> None:
    stages = beginning.installation.stages
    assert [stage.name for stage in stages] == [
        "custom resources", "core components", "Kourier ingress", "external address",
    ]  # fmt: skip
    assert all(stage.created == stage.applied for stage in stages)
    assert dict(beginning.installation.kinds)["CustomResourceDefinition"] == 12


def test_the_components_of_release_1_23_are_ready(cluster: Cluster) -> None:
    pods = _staying_pods(cluster, "knative-serving")
    assert {row[0].rsplit("-", 2)[0] for row in pods} == COMPONENTS
    assert {row[1] for row in pods} == {"1/1"}
    assert set(cluster.components().ready) == {*COMPONENTS, "3scale-kourier-gateway"}


def test_installing_again_changes_nothing(cluster: Cluster) -> None:
    namespaces = ("knative-serving", "kourier-system")
    before = {row[0] for name in namespaces for row in _staying_pods(cluster, name)}
    again = cluster.install()
    assert sum(stage.created for stage in again.stages) == 0
    after = {row[0] for name in namespaces for row in _staying_pods(cluster, name)}
    assert after == before


def _staying_pods(cluster: Cluster, namespace: str) -> list[tuple[str, ...]]:
    """The rows of `kubectl get pods`, less those that another scenario has deleted."""
    rows = cluster.show("pods", namespace=namespace).rows
    return [row for row in rows if row[2] != "Terminating"]


def test_the_cluster_says_what_it_is(cluster: Cluster, running: Running, shared: Command) -> None:
    assert repr(cluster) == "<Cluster embedded: Kubernetes v1.34.4+knlab, Knative 1.23.0>"
    assert running.api in cluster._repr_html_()
    again = shared("install")
    assert again.returncode == 0, again.stderr
    assert "Knative is ready after" in again.stdout

"""From a name to a cluster: which names there are, and what is wrong with the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from knlab._exceptions import ClusterError, Unreachable, UsageError
from knlab.cluster import kubernetes as k8s
from knlab.cluster.connect import connect

KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: here, context: {cluster: c, user: u}}]
current-context: here
"""


@pytest.mark.parametrize("name", ["minikube", "kind", "k3d"])
def test_clusters_that_knlab_does_not_start_yet(name: str) -> None:
    with pytest.raises(UsageError, match=f"does not start {name} yet") as refused:
        connect(name)
    assert "kubeconfig:CONTEXT" in refused.value.hint


@pytest.mark.parametrize("name", ["moon", "embedded:x", ":x"])
def test_names_of_no_cluster(name: str) -> None:
    with pytest.raises(UsageError, match="names no cluster") as refused:
        connect(name)
    assert "embedded" in refused.value.hint


def test_the_environment_decides_when_nobody_else_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KNLAB_CLUSTER", "moon")
    with pytest.raises(UsageError, match="KNLAB_CLUSTER='moon'"):
        connect()


def _kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "config"
    path.write_text(KUBECONFIG)
    # The client reads KUBECONFIG when it is imported, which has happened by now.
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(path))


def test_a_context_of_the_kubeconfig_is_a_world_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _kubeconfig(tmp_path, monkeypatch)
    cluster = connect("kubeconfig:here")
    assert (cluster.world, cluster.api.server) == ("kubeconfig:here", "http://127.0.0.1:1")


def test_an_unknown_context_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _kubeconfig(tmp_path, monkeypatch)
    with pytest.raises(ClusterError, match="no usable kubeconfig") as refused:
        connect("kubeconfig:nowhere")
    assert "KUBECONFIG" in refused.value.hint


def test_nobody_at_the_address_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _kubeconfig(tmp_path, monkeypatch)
    with pytest.raises(Unreachable, match="nobody answers at http://127") as refused:
        connect("kubeconfig").api.items(k8s.POD)
    assert "knlab up" in refused.value.hint

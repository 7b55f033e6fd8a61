"""From a name to a cluster: the embedded one, or a context of the kubeconfig."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from knlab._exceptions import UsageError
from knlab._state import Running, default_state_dir
from knlab.cluster import process
from knlab.cluster.cluster import Cluster
from knlab.cluster.kubernetes import Kubernetes

ENVIRONMENT: Final = "KNLAB_CLUSTER"
_MANAGED_ELSEWHERE: Final = ("minikube", "kind", "k3d")


def connect(where: str | None = None, *, state_dir: str | Path | None = None) -> Cluster:
    """The cluster called `where`: `embedded` (the default), `kubeconfig` or `kubeconfig:CONTEXT`.

    Without an argument `KNLAB_CLUSTER` decides. The embedded cluster is started if it does not run.

    Raises:
        UsageError: for any other name.
        ClusterError: if the cluster cannot be started or reached.
    """
    name = where or os.environ.get(ENVIRONMENT) or "embedded"
    kind, _, context = name.partition(":")
    if kind == "embedded" and not context:
        return _embedded(Path(state_dir) if state_dir else default_state_dir())
    if kind == "kubeconfig":
        api = Kubernetes.from_kubeconfig(context=context or None)
        return Cluster(api, world=name)
    if kind in _MANAGED_ELSEWHERE:
        raise UsageError(
            f"knlab does not start {kind} yet",
            hint=f"start it yourself and use kubeconfig:CONTEXT with {kind}'s context",
        )
    raise UsageError(
        f"{ENVIRONMENT}={name!r} names no cluster",
        hint="use embedded, kubeconfig or kubeconfig:CONTEXT",
    )


def _embedded(directory: Path) -> Cluster:
    return attach(process.start(directory))


def attach(running: Running) -> Cluster:
    """The embedded cluster that runs as `running` says."""
    api = Kubernetes.from_kubeconfig(running.kubeconfig)
    return Cluster(api, world="embedded", gateway=running.gateway)

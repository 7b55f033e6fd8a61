"""The embedded cluster that is sent nonsense, and what its log says about it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from benchmarks.fuzz.samples import NAMESPACE
from benchmarks.https_client import Server, server_of
from knlab.cluster.cluster import Cluster

_TRACE = "Traceback (most recent call last)"
_ENTRY = re.compile(r"^(?=\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)", re.MULTILINE)
_LOG = Path("logs", "knlab.log")


def prepared(cluster: Cluster, kubeconfig: Path) -> Server:
    """`cluster` with Knative and a namespace for the samples, as a server to send to."""
    cluster.install()
    cluster.ensure_knative()
    cluster.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    return server_of(kubeconfig)


def tracebacks(log: Path) -> Iterator[str]:
    """Each entry of the log that has a traceback."""
    text = log.read_text(errors="replace") if log.exists() else ""
    return (entry.strip() for entry in _ENTRY.split(text) if _TRACE in entry)


def log_of(directory: Path) -> Path:
    """The log of the cluster whose state is in `directory`."""
    return directory / _LOG

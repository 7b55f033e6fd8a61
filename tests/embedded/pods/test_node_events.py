"""What a node's parts say of it when they start."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.builtin.kinds import EVENTS, NODES
from knlab.embedded.kube.objects import Object
from knlab.embedded.pods.node_events import record_start

pytestmark = pytest.mark.anyio

Cluster = Any


async def test_the_events_of_a_start(cluster: Cluster) -> None:
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "knlab"}}
    uid = cluster.api.create(NODES, node).object["metadata"]["uid"]
    record_start(cluster.api, "knlab")
    found: list[Object] = cluster.api.list(EVENTS, "default")
    found.sort(key=lambda event: int(event["metadata"]["resourceVersion"]))
    assert [
        (event["source"]["component"], event["reason"], event["message"]) for event in found
    ] == [
        ("kubelet", "Starting", "Starting kubelet."),
        ("kubelet", "NodeHasSufficientMemory",
         "Node knlab status is now: NodeHasSufficientMemory"),
        ("kubelet", "NodeHasNoDiskPressure", "Node knlab status is now: NodeHasNoDiskPressure"),
        ("kubelet", "NodeHasSufficientPID", "Node knlab status is now: NodeHasSufficientPID"),
        ("kubelet", "NodeAllocatableEnforced", "Updated Node Allocatable limit across pods"),
        ("kubelet", "NodeReady", "Node knlab status is now: NodeReady"),
        ("node-controller", "RegisteredNode",
         "Node knlab event: Registered Node knlab in Controller"),
    ]  # fmt: skip
    assert found[0]["involvedObject"] == {"kind": "Node", "name": "knlab", "uid": "knlab"}
    assert found[-1]["involvedObject"]["uid"] == uid

"""What a node's parts say of it when they start: events that `kubectl describe node` shows."""

from __future__ import annotations

from typing import Final

from knlab.embedded.builtin.kinds import NODES
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.controller import Note

_SUFFICIENT: Final = ("NodeHasSufficientMemory", "NodeHasNoDiskPressure", "NodeHasSufficientPID")


def record_start(api: Api, name: str) -> None:
    """Record the events of the start of node `name`, in Kubernetes' order."""
    # A kubelet does not know its node's uid, and says the name instead.
    itself = {"apiVersion": "", "kind": "Node", "metadata": {"name": name, "uid": name}}
    said = [
        ("Starting", "Starting kubelet."),
        *((reason, f"Node {name} status is now: {reason}") for reason in _SUFFICIENT),
        ("NodeAllocatableEnforced", "Updated Node Allocatable limit across pods"),
        ("NodeReady", f"Node {name} status is now: NodeReady"),
    ]
    for reason, message in said:
        api.record(Note(itself, "Normal", reason, message), "kubelet")
    if (node := api.find(NODES, "", name)) is not None:
        message = f"Node {name} event: Registered Node {name} in Controller"
        api.record(Note(node, "Normal", "RegisteredNode", message), "node-controller")

"""What a cluster has from its first moment: namespaces, the node, the API server's own Service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from knlab.embedded.builtin.service_addresses import API_SERVER_ADDRESS
from knlab.embedded.kube.discovery import GIT_VERSION
from knlab.embedded.kube.objects import Object

NODE: Final = "knlab"
NAMESPACES: Final = ("default", "kube-system", "kube-public", "kube-node-lease")
EMBEDDED_LABEL: Final = "knlab.dev/embedded"

_HEALTHY: Final = {
    "MemoryPressure": ("KubeletHasSufficientMemory", "has sufficient memory available"),
    "DiskPressure": ("KubeletHasNoDiskPressure", "has no disk pressure"),
    "PIDPressure": ("KubeletHasSufficientPID", "has sufficient PID available"),
    "Ready": ("KubeletReady", "is posting ready status"),
}
_RESERVED_BYTES: Final = 100 * 1024 * 1024
_PODS: Final = 110
_NO_HUGE_PAGES: Final = {"hugepages-1Gi": "0", "hugepages-2Mi": "0"}
"""The sizes that the architecture has; containers here get none."""
_CLUSTER_CRITICAL: Final = (
    "Used for system critical pods that must run in the cluster, but can be moved to another node"
    " if necessary."
)
_NODE_CRITICAL: Final = (
    "Used for system critical pods that must not be moved from their current node."
)
_LEASE_SECONDS: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """What is true of the machine that the cluster runs on."""

    cpus: int
    memory_bytes: int
    disk_bytes: int
    architecture: str
    """As Go names it: `amd64`, `arm64`."""
    operating_system: str
    """As Go names it: `linux`, `darwin`."""
    os_image: str
    kernel_version: str
    machine_id: str
    boot_id: str
    address: str
    """The node's InternalIP."""


def boot_objects(now_text: str, facts: NodeFacts, api_address: str, api_port: int) -> list[Object]:
    """The objects to create, in order; the server listens at `api_address` and `api_port`.

    The API ignores a status on create: write that of the node afterwards.
    """
    return [
        *api_objects(api_address, api_port),
        node(now_text, facts),
        lease(now_text),
        *_priority_classes(),
    ]


def api_objects(address: str, port: int) -> list[Object]:
    """What a server that listens at `address` and `port` keeps: namespaces, its own Service."""
    return [
        *(_object("v1", "Namespace", name) for name in NAMESPACES),
        _api_service(port),
        _api_endpoints(address, port),
        _api_slice(address, port),
    ]


def node(now_text: str, facts: NodeFacts) -> Object:
    """The one node, ready."""
    labels = {
        "beta.kubernetes.io/arch": facts.architecture,
        "beta.kubernetes.io/os": facts.operating_system,
        "kubernetes.io/arch": facts.architecture,
        "kubernetes.io/hostname": NODE,
        "kubernetes.io/os": facts.operating_system,
        EMBEDDED_LABEL: "true",
        "node-role.kubernetes.io/control-plane": "",
    }
    made = _object("v1", "Node", NODE, labels=labels)
    return made | {"spec": {}, "status": node_status(now_text, facts, since=now_text)}


def node_status(now_text: str, facts: NodeFacts, *, since: str) -> Object:
    """The status of the node at `now_text`; its conditions hold `since`."""
    capacity = {
        "cpu": str(facts.cpus),
        "ephemeral-storage": f"{facts.disk_bytes // 1024}Ki",
        **(_NO_HUGE_PAGES if facts.architecture == "amd64" else {}),
        "memory": f"{facts.memory_bytes // 1024}Ki",
        "pods": str(_PODS),
    }
    usable = max(0, facts.memory_bytes - _RESERVED_BYTES) // 1024
    return {
        "addresses": [
            {"type": "InternalIP", "address": facts.address},
            {"type": "Hostname", "address": NODE},
        ],
        "allocatable": capacity | {"memory": f"{usable}Ki"},
        "capacity": capacity,
        "conditions": _node_conditions(now_text, since),
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        "nodeInfo": _node_info(facts),
    }


def lease(now_text: str) -> Object:
    """The node's sign of life, renewed at `now_text`."""
    made = _object("coordination.k8s.io/v1", "Lease", NODE, namespace="kube-node-lease")
    spec = {
        "holderIdentity": NODE,
        "leaseDurationSeconds": _LEASE_SECONDS,
        "renewTime": now_text.removesuffix("Z") + ".000000Z",
    }
    return made | {"spec": spec}


def _node_conditions(now_text: str, since: str) -> list[Object]:
    return [
        {
            "type": kind,
            "status": "True" if kind == "Ready" else "False",
            "reason": reason,
            "message": f"kubelet {message}",
            "lastHeartbeatTime": now_text,
            "lastTransitionTime": since,
        }
        for kind, (reason, message) in _HEALTHY.items()
    ]


def _node_info(facts: NodeFacts) -> Object:
    return {
        "architecture": facts.architecture,
        "bootID": facts.boot_id,
        "containerRuntimeVersion": "knlab://processes",
        "kernelVersion": facts.kernel_version,
        "kubeProxyVersion": GIT_VERSION,
        "kubeletVersion": GIT_VERSION,
        "machineID": facts.machine_id,
        "operatingSystem": facts.operating_system,
        "osImage": facts.os_image,
        "systemUUID": facts.machine_id,
    }


def _api_service(port: int) -> Object:
    labels = {"component": "apiserver", "provider": "kubernetes"}
    made = _object("v1", "Service", "kubernetes", namespace="default", labels=labels)
    ports = [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": port}]
    return made | {"spec": {"type": "ClusterIP", "clusterIP": API_SERVER_ADDRESS, "ports": ports}}


def _api_endpoints(address: str, port: int) -> Object:
    labels = {"endpointslice.kubernetes.io/skip-mirror": "true"}
    made = _object("v1", "Endpoints", "kubernetes", namespace="default", labels=labels)
    ports = [{"name": "https", "port": port, "protocol": "TCP"}]
    return made | {"subsets": [{"addresses": [{"ip": address}], "ports": ports}]}


def _api_slice(address: str, port: int) -> Object:
    labels = {"kubernetes.io/service-name": "kubernetes"}
    made = _object(
        "discovery.k8s.io/v1", "EndpointSlice", "kubernetes", namespace="default", labels=labels
    )
    endpoints = [{"addresses": [address], "conditions": {"ready": True}}]
    ports = [{"name": "https", "port": port, "protocol": "TCP"}]
    return made | {"addressType": "IPv4", "endpoints": endpoints, "ports": ports}


def _priority_classes() -> list[Object]:
    """The two that every cluster has, for pods without which nothing works."""
    return [
        _object("scheduling.k8s.io/v1", "PriorityClass", name)
        | {"value": value, "preemptionPolicy": "PreemptLowerPriority", "description": words}
        for name, value, words in (
            ("system-cluster-critical", 2_000_000_000, _CLUSTER_CRITICAL),
            ("system-node-critical", 2_000_001_000, _NODE_CRITICAL),
        )
    ]


def _object(api_version: str, kind: str, name: str, **metadata: Any) -> Object:
    named = {"name": name, **metadata}
    return {"apiVersion": api_version, "kind": kind, "metadata": named}

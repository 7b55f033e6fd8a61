"""What `kubectl get` shows of Kubernetes' own kinds: one tuple of columns per kind.

Names, order and formatting are those of the real server's tables; columns with a priority show with
`-o wide` only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, Literal

from knlab.embedded.builtin import network_cells, pod_cells, workload_cells
from knlab.embedded.kube.ages import UNKNOWN, age_of
from knlab.embedded.kube.objects import Object, condition
from knlab.embedded.kube.registry import Column

NONE: Final = "<none>"

Cell = Callable[[Object, float], Any]
Type = Literal["string", "integer", "number", "boolean", "date"]


def _wide(name: str, cell: Cell, type: Type = "string") -> Column:  # noqa: A002 - the column's own word
    return Column(name, type, cell, priority=1)


def _at(*path: str, default: Any = "") -> Cell:
    """The value under `path`; `default` where it is missing, null or empty text."""

    def cell(obj: Object, _now: float) -> Any:
        value: Any = obj
        for step in path:
            value = value.get(step) if isinstance(value, dict) else None
        return default if value in (None, "") else value

    return cell


def _count(*paths: tuple[str, ...]) -> Cell:
    """How many entries the maps or lists under `paths` have together."""
    readers = [_at(*path, default=()) for path in paths]
    return lambda obj, now: sum(len(reader(obj, now)) for reader in readers)


def _age(obj: Object, now: float) -> str:
    return age_of(obj["metadata"].get("creationTimestamp"), now)


_NAME: Final = Column("Name", "string", _at("metadata", "name"), format="name")
_AGE: Final = Column("Age", "string", _age)
_CREATED_AT: Final = Column("Created At", "date", _at("metadata", "creationTimestamp"))


def _node_status(node: Object, _now: float) -> str:
    ready = condition(node, "Ready")
    words = ["Unknown" if ready is None else "Ready" if ready["status"] == "True" else "NotReady"]
    if node.get("spec", {}).get("unschedulable"):
        words.append("SchedulingDisabled")
    return ",".join(words)


def _node_roles(node: Object, _now: float) -> str:
    prefix = "node-role.kubernetes.io/"
    labels: dict[str, str] = node["metadata"].get("labels") or {}
    roles = {key.removeprefix(prefix) for key in labels if key.startswith(prefix)}
    roles.add(labels.get("kubernetes.io/role", ""))
    return ",".join(sorted(roles - {""})) or NONE


def _node_address(kind: str) -> Cell:
    def cell(node: Object, _now: float) -> str:
        listed: Iterable[Object] = node.get("status", {}).get("addresses") or ()
        return next((str(item["address"]) for item in listed if item["type"] == kind), NONE)

    return cell


def _event_first_seen(event: Object, now: float) -> str:
    return age_of(event.get("firstTimestamp") or event.get("eventTime"), now)


def _event_last_seen(event: Object, now: float) -> str:
    if series := event.get("series"):
        return age_of(series.get("lastObservedTime"), now)
    if last := event.get("lastTimestamp"):
        return age_of(last, now)
    return _event_first_seen(event, now)


def _event_object(event: Object, _now: float) -> str:
    about = event.get("involvedObject") or event.get("regarding") or {}
    kind, name = about.get("kind", "").lower(), about.get("name", "")
    return f"{kind}/{name}" if name else kind


def _event_subobject(event: Object, _now: float) -> str:
    about = event.get("involvedObject") or event.get("regarding") or {}
    return str(about.get("fieldPath", ""))


def _event_source(event: Object, _now: float) -> str:
    source = event.get("source") or {}
    component = source.get("component") or event.get("reportingComponent", "")
    host = source.get("host") or event.get("reportingInstance", "")
    return f"{component}, {host}" if host else str(component)


def _event_message(event: Object, _now: float) -> str:
    return str(event.get("message") or event.get("note") or "").strip()


def _event_count(event: Object, _now: float) -> int:
    series = event.get("series") or {}
    return int(series.get("count") or event.get("count") or 1)


def _role(binding: Object, _now: float) -> str:
    reference = binding["roleRef"]
    return f"{reference['kind']}/{reference['name']}"


def _subjects(kind: str) -> Cell:
    def cell(binding: Object, _now: float) -> str:
        found = [item for item in binding.get("subjects") or () if item["kind"] == kind]
        names = [
            f"{item.get('namespace', '')}/{item['name']}"
            if kind == "ServiceAccount"
            else item["name"]
            for item in found
        ]
        return ", ".join(names)

    return cell


def _text_at(*path: str, default: str) -> Cell:
    reader = _at(*path, default=default)
    return lambda obj, now: str(reader(obj, now))


NAMESPACE_COLUMNS: Final = (_NAME, Column("Status", "string", _at("status", "phase")), _AGE)

NODE_COLUMNS: Final = (
    _NAME,
    Column("Status", "string", _node_status),
    Column("Roles", "string", _node_roles),
    _AGE,
    Column("Version", "string", _at("status", "nodeInfo", "kubeletVersion")),
    _wide("Internal-IP", _node_address("InternalIP")),
    _wide("External-IP", _node_address("ExternalIP")),
    _wide("OS-Image", _at("status", "nodeInfo", "osImage", default=UNKNOWN)),
    _wide("Kernel-Version", _at("status", "nodeInfo", "kernelVersion", default=UNKNOWN)),
    _wide(
        "Container-Runtime", _at("status", "nodeInfo", "containerRuntimeVersion", default=UNKNOWN)
    ),
)

POD_COLUMNS: Final = (
    _NAME,
    Column("Ready", "string", pod_cells.ready_cell),
    Column("Status", "string", pod_cells.status_cell),
    Column("Restarts", "string", pod_cells.restarts_cell),
    _AGE,
    _wide("IP", pod_cells.ip_cell),
    _wide("Node", _at("spec", "nodeName", default=NONE)),
    _wide("Nominated Node", _at("status", "nominatedNodeName", default=NONE)),
    _wide("Readiness Gates", pod_cells.readiness_gates_cell),
)

_TEMPLATE_COLUMNS: Final = (
    _wide("Containers", workload_cells.container_names),
    _wide("Images", workload_cells.images),
    _wide("Selector", workload_cells.selector),
)

DEPLOYMENT_COLUMNS: Final = (
    _NAME,
    Column("Ready", "string", workload_cells.ready_of_wanted),
    Column("Up-to-date", "integer", _at("status", "updatedReplicas", default=0)),
    Column("Available", "integer", _at("status", "availableReplicas", default=0)),
    _AGE,
    *_TEMPLATE_COLUMNS,
)

REPLICA_SET_COLUMNS: Final = (
    _NAME,
    Column("Desired", "integer", _at("spec", "replicas", default=0)),
    Column("Current", "integer", _at("status", "replicas", default=0)),
    Column("Ready", "integer", _at("status", "readyReplicas", default=0)),
    _AGE,
    *_TEMPLATE_COLUMNS,
)

JOB_COLUMNS: Final = (
    _NAME,
    Column("Status", "string", workload_cells.job_status),
    Column("Completions", "string", workload_cells.completions),
    Column("Duration", "string", workload_cells.job_duration),
    _AGE,
    *_TEMPLATE_COLUMNS,
)

HPA_COLUMNS: Final = (
    _NAME,
    Column("Reference", "string", workload_cells.scale_target),
    Column("Targets", "string", workload_cells.targets),
    Column("MinPods", "string", _text_at("spec", "minReplicas", default="<unset>")),
    Column("MaxPods", "integer", _at("spec", "maxReplicas", default=0)),
    Column("Replicas", "integer", _at("status", "currentReplicas", default=0)),
    _AGE,
)

PDB_COLUMNS: Final = (
    _NAME,
    Column("Min Available", "string", _text_at("spec", "minAvailable", default="N/A")),
    Column("Max Unavailable", "string", _text_at("spec", "maxUnavailable", default="N/A")),
    Column("Allowed Disruptions", "integer", _at("status", "disruptionsAllowed", default=0)),
    _AGE,
)

SERVICE_COLUMNS: Final = (
    _NAME,
    Column("Type", "string", _at("spec", "type")),
    Column("Cluster-IP", "string", network_cells.cluster_ip),
    Column("External-IP", "string", network_cells.external_ip),
    Column("Port(s)", "string", network_cells.service_ports),
    _AGE,
    _wide("Selector", network_cells.service_selector),
)

ENDPOINTS_COLUMNS: Final = (_NAME, Column("Endpoints", "string", network_cells.endpoints), _AGE)

ENDPOINT_SLICE_COLUMNS: Final = (
    _NAME,
    Column("AddressType", "string", _at("addressType")),
    Column("Ports", "string", network_cells.slice_ports),
    Column("Endpoints", "string", network_cells.slice_addresses),
    _AGE,
)

CONFIG_MAP_COLUMNS: Final = (
    _NAME,
    Column("Data", "string", _count(("data",), ("binaryData",))),
    _AGE,
)

SECRET_COLUMNS: Final = (
    _NAME,
    Column("Type", "string", _at("type")),
    Column("Data", "string", _count(("data",))),
    _AGE,
)

SERVICE_ACCOUNT_COLUMNS: Final = (_NAME, Column("Secrets", "string", _count(("secrets",))), _AGE)

EVENT_COLUMNS: Final = (
    Column("Last Seen", "string", _event_last_seen),
    Column("Type", "string", _at("type")),
    Column("Reason", "string", _at("reason")),
    Column("Object", "string", _event_object),
    _wide("Subobject", _event_subobject),
    _wide("Source", _event_source),
    Column("Message", "string", _event_message),
    _wide("First Seen", _event_first_seen),
    _wide("Count", _event_count),
    Column("Name", "string", _at("metadata", "name"), format="name", priority=1),
)

LEASE_COLUMNS: Final = (_NAME, Column("Holder", "string", _at("spec", "holderIdentity")), _AGE)

CRD_COLUMNS: Final = (_NAME, _CREATED_AT)
ROLE_COLUMNS: Final = CRD_COLUMNS
CLUSTER_ROLE_COLUMNS: Final = CRD_COLUMNS

ROLE_BINDING_COLUMNS: Final = (
    _NAME,
    Column("Role", "string", _role),
    _AGE,
    _wide("Users", _subjects("User")),
    _wide("Groups", _subjects("Group")),
    _wide("ServiceAccounts", _subjects("ServiceAccount")),
)
CLUSTER_ROLE_BINDING_COLUMNS: Final = ROLE_BINDING_COLUMNS

MUTATING_WEBHOOK_COLUMNS: Final = (
    _NAME,
    Column("Webhooks", "integer", _count(("webhooks",))),
    _AGE,
)
VALIDATING_WEBHOOK_COLUMNS: Final = MUTATING_WEBHOOK_COLUMNS

"""What `kubectl get` shows of Kubernetes' own kinds: one tuple of columns per kind.

Names, types and descriptions are those of a real server's tables, as data; here are the cells, one
for each column in its order.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Final, cast

import orjson

from knlab.embedded.builtin import network_cells, pod_cells, workload_cells
from knlab.embedded.kube.ages import UNKNOWN, age_of
from knlab.embedded.kube.objects import Object, condition
from knlab.embedded.kube.registry import Column

NONE: Final = "<none>"

Cell = Callable[[Object, float], Any]


def _columns(resource: str, *cells: Cell) -> tuple[Column, ...]:
    """The columns of a real server's table of `resource`, filled with `cells`."""
    pairs = zip(_headers()[resource], cells, strict=True)
    return tuple(Column(**header, cell=cell) for header, cell in pairs)


@cache
def _headers() -> Mapping[str, Sequence[Mapping[str, Any]]]:
    packed = files(__package__).joinpath("data", "table_columns.json.gz").read_bytes()
    read = orjson.loads(gzip.decompress(packed))
    return cast("Mapping[str, Sequence[Mapping[str, Any]]]", read)


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


_name: Final = _at("metadata", "name")
_created_at: Final = _at("metadata", "creationTimestamp")


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


_TEMPLATE: Final = (
    workload_cells.container_names,
    workload_cells.images,
    workload_cells.selector,
)

NAMESPACE_COLUMNS: Final = _columns("v1/namespaces", _name, _at("status", "phase"), _age)

NODE_COLUMNS: Final = _columns(
    "v1/nodes",
    _name,
    _node_status,
    _node_roles,
    _age,
    _at("status", "nodeInfo", "kubeletVersion"),
    _node_address("InternalIP"),
    _node_address("ExternalIP"),
    _at("status", "nodeInfo", "osImage", default=UNKNOWN),
    _at("status", "nodeInfo", "kernelVersion", default=UNKNOWN),
    _at("status", "nodeInfo", "containerRuntimeVersion", default=UNKNOWN),
)

POD_COLUMNS: Final = _columns(
    "v1/pods",
    _name,
    pod_cells.ready_cell,
    pod_cells.status_cell,
    pod_cells.restarts_cell,
    _age,
    pod_cells.ip_cell,
    _at("spec", "nodeName", default=NONE),
    _at("status", "nominatedNodeName", default=NONE),
    pod_cells.readiness_gates_cell,
)

DEPLOYMENT_COLUMNS: Final = _columns(
    "apps/v1/deployments",
    _name,
    workload_cells.ready_of_wanted,
    _at("status", "updatedReplicas", default=0),
    _at("status", "availableReplicas", default=0),
    _age,
    *_TEMPLATE,
)

REPLICA_SET_COLUMNS: Final = _columns(
    "apps/v1/replicasets",
    _name,
    _at("spec", "replicas", default=0),
    _at("status", "replicas", default=0),
    _at("status", "readyReplicas", default=0),
    _age,
    *_TEMPLATE,
)

JOB_COLUMNS: Final = _columns(
    "batch/v1/jobs",
    _name,
    workload_cells.job_status,
    workload_cells.completions,
    workload_cells.job_duration,
    _age,
    *_TEMPLATE,
)

HPA_COLUMNS: Final = _columns(
    "autoscaling/v2/horizontalpodautoscalers",
    _name,
    workload_cells.scale_target,
    workload_cells.targets,
    _text_at("spec", "minReplicas", default="<unset>"),
    _at("spec", "maxReplicas", default=0),
    _at("status", "currentReplicas", default=0),
    _age,
)

PDB_COLUMNS: Final = _columns(
    "policy/v1/poddisruptionbudgets",
    _name,
    _text_at("spec", "minAvailable", default="N/A"),
    _text_at("spec", "maxUnavailable", default="N/A"),
    _at("status", "disruptionsAllowed", default=0),
    _age,
)

SERVICE_COLUMNS: Final = _columns(
    "v1/services",
    _name,
    _at("spec", "type"),
    network_cells.cluster_ip,
    network_cells.external_ip,
    network_cells.service_ports,
    _age,
    network_cells.service_selector,
)

ENDPOINTS_COLUMNS: Final = _columns("v1/endpoints", _name, network_cells.endpoints, _age)

ENDPOINT_SLICE_COLUMNS: Final = _columns(
    "discovery.k8s.io/v1/endpointslices",
    _name,
    _at("addressType"),
    network_cells.slice_ports,
    network_cells.slice_addresses,
    _age,
)

CONFIG_MAP_COLUMNS: Final = _columns(
    "v1/configmaps", _name, _count(("data",), ("binaryData",)), _age
)

SECRET_COLUMNS: Final = _columns("v1/secrets", _name, _at("type"), _count(("data",)), _age)

SERVICE_ACCOUNT_COLUMNS: Final = _columns("v1/serviceaccounts", _name, _count(("secrets",)), _age)

EVENT_COLUMNS: Final = _columns(
    "v1/events",
    _event_last_seen,
    _at("type"),
    _at("reason"),
    _event_object,
    _event_subobject,
    _event_source,
    _event_message,
    _event_first_seen,
    _event_count,
    _name,
)

LIMIT_RANGE_COLUMNS: Final = _columns("v1/limitranges", _name, _created_at)
RESOURCE_QUOTA_COLUMNS: Final = _columns(
    "v1/resourcequotas", _name, workload_cells.requests_used, workload_cells.limits_used, _age
)
PRIORITY_CLASS_COLUMNS: Final = _columns(
    "scheduling.k8s.io/v1/priorityclasses",
    _name,
    _at("value", default=0),
    _at("globalDefault", default=False),
    _age,
    _at("preemptionPolicy", default="PreemptLowerPriority"),
)

LEASE_COLUMNS: Final = _columns(
    "coordination.k8s.io/v1/leases", _name, _at("spec", "holderIdentity"), _age
)

CRD_COLUMNS: Final = _columns(
    "apiextensions.k8s.io/v1/customresourcedefinitions", _name, _created_at
)
ROLE_COLUMNS: Final = _columns("rbac.authorization.k8s.io/v1/roles", _name, _created_at)
CLUSTER_ROLE_COLUMNS: Final = _columns(
    "rbac.authorization.k8s.io/v1/clusterroles", _name, _created_at
)

_BINDING: Final = (
    _name,
    _role,
    _age,
    _subjects("User"),
    _subjects("Group"),
    _subjects("ServiceAccount"),
)
ROLE_BINDING_COLUMNS: Final = _columns("rbac.authorization.k8s.io/v1/rolebindings", *_BINDING)
CLUSTER_ROLE_BINDING_COLUMNS: Final = _columns(
    "rbac.authorization.k8s.io/v1/clusterrolebindings", *_BINDING
)

_WEBHOOKS: Final = (_name, _count(("webhooks",)), _age)
MUTATING_WEBHOOK_COLUMNS: Final = _columns(
    "admissionregistration.k8s.io/v1/mutatingwebhookconfigurations", *_WEBHOOKS
)
VALIDATING_WEBHOOK_COLUMNS: Final = _columns(
    "admissionregistration.k8s.io/v1/validatingwebhookconfigurations", *_WEBHOOKS
)

"""A Pod's status from what is known of its containers: pure."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from knlab.embedded.kube.ages import parse_time
from knlab.embedded.kube.objects import Object
from knlab.embedded.pods.specs import containers_of

NEVER: Final = "1970-01-01T00:00:00Z"
"""When a container started that could not be started."""
CREATING: Final = ("ContainerCreating", "")
INITIALIZING: Final = ("PodInitializing", "")
DEADLINE_EXCEEDED: Final = (
    "DeadlineExceeded",
    "Pod was active on the node longer than the specified deadline",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a container ended."""

    code: int
    reason: str
    finished: float
    started: float | None = None
    """None if it never ran."""
    message: str = ""
    container_id: str = ""

    def state(self) -> Object:
        """The `terminated` state of a container status."""
        found: Object = {
            "exitCode": self.code,
            "finishedAt": moment(self.finished),
            "reason": self.reason,
            "startedAt": NEVER if self.started is None else moment(self.started),
        }
        if self.message:
            found["message"] = self.message
        if self.container_id:
            found["containerID"] = self.container_id
        return found


@dataclass(slots=True, kw_only=True)
class Record:
    """What is known of one container: it is running, or has ended, or waits."""

    name: str
    image: str
    image_id: str = ""
    container_id: str = ""
    waiting: tuple[str, str] = CREATING
    """Reason and message; counts while it neither runs nor has ended."""
    running_since: float | None = None
    ended: Ended | None = None
    last: Ended | None = None
    """How the instance before this one ended."""
    restarts: int = 0
    started: bool = False
    """Whether it runs and its startup probe, if any, has succeeded."""
    ready: bool = False

    @property
    def succeeded(self) -> bool:
        """Whether it has ended well."""
        return self.running_since is None and self.ended is not None and self.ended.code == 0

    def run(self, container_id: str, now: float) -> None:
        """Note that it runs since `now`."""
        self.last = self.ended or self.last
        self.ended, self.running_since, self.container_id = None, now, container_id

    def end(self, ended: Ended) -> None:
        """Note that it has ended."""
        self.running_since, self.ended = None, ended
        self.started = self.ready = False

    def wait(self, reason: str, message: str = "") -> None:
        """Note what it waits for before it (again) runs."""
        self.last = self.ended or self.last
        self.ended, self.waiting = None, (reason, message)


@dataclass(slots=True, kw_only=True)
class PodState:
    """What is known of one pod on this node."""

    containers: Sequence[Record]
    init_containers: Sequence[Record] = ()
    ip: str = ""
    host_ip: str = ""
    started_at: float = 0.0
    over: bool = False
    """Nothing runs any more and nothing will."""
    conditions: dict[str, Object] = field(default_factory=dict)
    """The conditions written last, by type."""
    failure: tuple[str, str] | None = None
    """Reason and message if the pod as a whole has failed, whatever its containers say."""


def moment(now: float) -> str:
    """`now` as Kubernetes writes times: RFC 3339 in whole seconds."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))


def pod_status(pod: Object, state: PodState, now: float) -> Object:
    """The status of `pod`; transition times of conditions that have not changed are kept."""
    phase = _phase(pod, state)
    status: Object = {
        "observedGeneration": pod["metadata"].get("generation", 1),
        "phase": phase,
        "conditions": _conditions(pod, state, phase, now),
        "hostIP": state.host_ip,
        "hostIPs": [{"ip": state.host_ip}],
        "startTime": moment(state.started_at),
        "qosClass": pod.get("status", {}).get("qosClass") or qos_class(pod),
    }
    if state.failure:
        status["reason"], status["message"] = state.failure
    if state.ip:
        status |= {"podIP": state.ip, "podIPs": [{"ip": state.ip}]}
    if state.init_containers:
        status["initContainerStatuses"] = [
            _container(record, pod) for record in state.init_containers
        ]
    by_name = sorted(state.containers, key=lambda record: record.name)
    status["containerStatuses"] = [_container(record, pod) for record in by_name]
    return status


def qos_class(pod: Object) -> str:
    """Guaranteed, Burstable or BestEffort, by what the containers ask for."""
    containers: list[Object] = pod["spec"].get("containers") or []
    asked = [container.get("resources") or {} for container in containers]
    if not any(one.get("requests") or one.get("limits") for one in asked):
        return "BestEffort"
    fixed = all(
        set(one.get("limits") or ()) >= {"cpu", "memory"}
        and (one.get("requests") or one["limits"]) == one["limits"]
        for one in asked
    )
    return "Guaranteed" if fixed else "Burstable"


def _phase(pod: Object, state: PodState) -> str:
    policy = pod["spec"].get("restartPolicy", "Always")
    records = state.containers
    if state.over:
        everything = [*state.init_containers, *records]
        succeeded = not state.failure and all(record.succeeded for record in everything)
        return "Succeeded" if succeeded else "Failed"
    if not all(record.succeeded for record in state.init_containers):
        return "Pending"
    if any(_never_ran(record) for record in records):
        return "Pending"
    if policy == "Always" or any(record.ended is None for record in records):
        return "Running"
    if all(record.succeeded for record in records):
        return "Succeeded"
    return "Failed" if policy == "Never" else "Running"


def _never_ran(record: Record) -> bool:
    return record.running_since is None and record.ended is None and record.last is None


def _conditions(pod: Object, state: PodState, phase: str, now: float) -> list[Object]:
    ready = _readiness(state.containers, phase)
    found = [
        ("PodReadyToStartContainers", bool(state.ip) and not state.over, {}),
        ("Initialized", *_initialized(state, phase)),
        ("Ready", *ready),
        ("ContainersReady", *ready),
        ("PodScheduled", True, {}),
    ]
    generation = pod["metadata"].get("generation", 1)
    made = [_condition(state, kind, true, why, now) for kind, true, why in found]
    state.conditions = {condition["type"]: condition for condition in made}
    written: list[Object] = (pod.get("status") or {}).get("conditions") or []
    others = [one for one in written if one.get("type") not in state.conditions]
    return [*(condition | {"observedGeneration": generation} for condition in made), *others]


def _condition(state: PodState, kind: str, true: bool, why: Object, now: float) -> Object:  # noqa: FBT001
    status = "True" if true else "False"
    before = state.conditions.get(kind)
    since = before.get("lastTransitionTime") if before and before.get("status") == status else None
    return {
        "type": kind,
        "status": status,
        "lastProbeTime": None,
        "lastTransitionTime": since or moment(now),
        **why,
    }


def _initialized(state: PodState, phase: str) -> tuple[bool, Object]:
    if phase == "Succeeded":
        return True, {"reason": "PodCompleted"}
    missing = [record.name for record in state.init_containers if not record.succeeded]
    return not missing, _why("ContainersNotInitialized", "containers with incomplete", missing)


def _readiness(records: Iterable[Record], phase: str) -> tuple[bool, Object]:
    if phase in {"Succeeded", "Failed"}:
        return False, {"reason": "PodCompleted" if phase == "Succeeded" else "PodFailed"}
    unready = [record.name for record in records if not record.ready]
    return not unready, _why("ContainersNotReady", "containers with unready", unready)


def _why(reason: str, which: str, names: list[str]) -> Object:
    if not names:
        return {}
    return {"reason": reason, "message": f"{which} status: [{' '.join(names)}]"}


def _container(record: Record, pod: Object) -> Object:
    found: dict[str, Any] = {
        "name": record.name,
        "image": record.image,
        "imageID": record.image_id,
        "lastState": {"terminated": record.last.state()} if record.last else {},
        "ready": record.ready,
        "restartCount": record.restarts,
        "started": record.started,
        "state": _state(record),
    }
    if record.container_id:
        found["containerID"] = record.container_id
    spec = next((one for one in containers_of(pod["spec"]) if one["name"] == record.name), {})
    if mounts := spec.get("volumeMounts"):
        found["volumeMounts"] = [_mount(one) for one in mounts]
    if record.container_id:
        found |= _granted(spec.get("resources") or {})
    return found


def _mount(mount: Object) -> Object:
    found: Object = {"name": mount["name"], "mountPath": mount["mountPath"]}
    if mount.get("readOnly"):
        found |= {"readOnly": True, "recursiveReadOnly": "Disabled"}
    return found


def _granted(asked: Object) -> Object:
    """What a container has been given that was made, of what it asks for."""
    granted = {key: dict(asked[key]) for key in ("limits", "requests") if asked.get(key)}
    found: Object = {"resources": granted}
    if "requests" in granted:
        found["allocatedResources"] = dict(granted["requests"])
    return found


def _state(record: Record) -> Object:
    if record.running_since is not None:
        return {"running": {"startedAt": moment(record.running_since)}}
    if record.ended is not None:
        return {"terminated": record.ended.state()}
    reason, message = record.waiting
    return {"waiting": {"reason": reason, "message": message} if message else {"reason": reason}}


def adopt(record: Record, before: Object, now: float) -> None:
    """Take over what the status entry `before` says of an instance that an earlier run owned.

    What ran then has gone with it, unseen; Kubernetes calls that Unknown, with code 255.
    """
    record.restarts = max(0, before.get("restartCount", 0))
    record.image_id = before.get("imageID", "")
    record.container_id = before.get("containerID", "")
    states: list[Object] = [before.get("lastState") or {}, before.get("state") or {}]
    for state in states:
        if ended := state.get("terminated"):
            record.last = _ended(ended)
    if "running" in states[1]:
        record.last = Ended(
            code=255,
            reason="Unknown",
            started=seconds_of(states[1]["running"].get("startedAt", NEVER)),
            finished=now,
            container_id=record.container_id,
        )
    if "running" in states[1] or "terminated" in states[1]:
        record.restarts += 1


def _ended(state: Object) -> Ended:
    return Ended(
        code=state.get("exitCode", 0),
        reason=state.get("reason", ""),
        started=seconds_of(state.get("startedAt") or NEVER) or None,
        finished=seconds_of(state.get("finishedAt") or NEVER),
        message=state.get("message", ""),
        container_id=state.get("containerID", ""),
    )


def seconds_of(text: str) -> float:
    """The time that `moment` wrote as `text`; 0 for what is none."""
    return parse_time(text) or 0.0

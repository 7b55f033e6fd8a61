"""The cells of `kubectl get pods`: ready containers, the state the pod is in, restarts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from knlab.embedded.kube.ages import age_of
from knlab.embedded.kube.objects import Object, condition, is_true


class PodSummary(NamedTuple):
    """What the first columns show of a pod."""

    ready: int
    containers: int
    status: str
    restarts: int
    last_restart: str
    """When a container last ended before its restart; empty if none did."""


@dataclass(slots=True)
class _Tally:
    status: str
    ready: int = 0
    restarts: int = 0
    last_restart: str = ""
    running: bool = False

    def count_restarts(self, container: Object) -> None:
        self.restarts += container.get("restartCount", 0)
        ended = (container.get("lastState") or {}).get("terminated") or {}
        self.last_restart = max(self.last_restart, ended.get("finishedAt") or "")


def summary(pod: Object) -> PodSummary:
    """`pod` as the columns Ready, Status and Restarts show it."""
    status = pod.get("status") or {}
    sidecars = _sidecars(pod)
    tally = _Tally(_first_status(pod))
    if not _held_up(pod, sidecars, tally):
        _count_containers(status.get("containerStatuses") or [], tally)
        if tally.status == "Completed" and tally.running:
            tally.status = "Running" if is_true(pod, "Ready") else "NotReady"
    containers = len(pod.get("spec", {}).get("containers") or ()) + len(sidecars)
    return PodSummary(
        tally.ready, containers, _deleting(pod) or tally.status, tally.restarts, tally.last_restart
    )


def _first_status(pod: Object) -> str:
    scheduled = condition(pod, "PodScheduled") or {}
    if scheduled.get("reason") == "SchedulingGated":
        return "SchedulingGated"
    status = pod.get("status") or {}
    return str(status.get("reason") or status.get("phase", ""))


def _deleting(pod: Object) -> str:
    if not pod["metadata"].get("deletionTimestamp"):
        return ""
    status = pod.get("status") or {}
    if status.get("reason") == "NodeLost":
        return "Unknown"
    return "" if status.get("phase") in {"Succeeded", "Failed"} else "Terminating"


def _sidecars(pod: Object) -> set[str]:
    """Names of init containers that keep running beside the others."""
    listed: list[Object] = pod.get("spec", {}).get("initContainers") or []
    return {item["name"] for item in listed if item.get("restartPolicy") == "Always"}


def _held_up(pod: Object, sidecars: set[str], tally: _Tally) -> bool:
    """Whether an init container holds the pod up; afterwards only sidecars' restarts count."""
    total = len(pod.get("spec", {}).get("initContainers") or ())
    statuses = (pod.get("status") or {}).get("initContainerStatuses") or ()
    if not statuses:
        return False
    lasting = _Tally(tally.status)
    for index, container in enumerate(statuses):
        tally.count_restarts(container)
        sidecar = container["name"] in sidecars
        if sidecar:
            lasting.count_restarts(container)
        state = container.get("state") or {}
        if (state.get("terminated") or {}).get("exitCode") == 0:
            continue
        if sidecar and container.get("started"):
            tally.ready += bool(container.get("ready"))
            continue
        tally.status = _init_status(state, index, total)
        if is_true(pod, "Initialized"):
            break
        return True
    tally.restarts, tally.last_restart = lasting.restarts, lasting.last_restart
    return False


def _init_status(state: Object, index: int, total: int) -> str:
    if "terminated" in state:
        return f"Init:{_how_it_ended(state['terminated'])}"
    waiting = (state.get("waiting") or {}).get("reason", "")
    return f"Init:{waiting}" if waiting not in {"", "PodInitializing"} else f"Init:{index}/{total}"


def _count_containers(statuses: list[Object], tally: _Tally) -> None:
    """The first container that is not running decides, so look at it last."""
    for container in reversed(statuses):
        tally.count_restarts(container)
        state: Object = container.get("state") or {}
        waiting = (state.get("waiting") or {}).get("reason", "")
        if waiting:
            tally.status = waiting
        elif state.get("terminated") is not None:
            tally.status = _how_it_ended(state["terminated"])
        elif container.get("ready") and state.get("running") is not None:
            tally.running = True
            tally.ready += 1


def _how_it_ended(terminated: Object) -> str:
    if reason := terminated.get("reason"):
        return str(reason)
    signal = terminated.get("signal")
    return f"Signal:{signal}" if signal else f"ExitCode:{terminated.get('exitCode', 0)}"


def ready_cell(pod: Object, _now: float) -> str:
    """`READY`: containers that are ready, of all."""
    seen = summary(pod)
    return f"{seen.ready}/{seen.containers}"


def status_cell(pod: Object, _now: float) -> str:
    """`STATUS`: the phase, or what keeps a container from running."""
    return summary(pod).status


def restarts_cell(pod: Object, now: float) -> str:
    """`RESTARTS`: how many, and how long ago the last one was."""
    seen = summary(pod)
    if seen.restarts and seen.last_restart:
        return f"{seen.restarts} ({age_of(seen.last_restart, now)} ago)"
    return str(seen.restarts)


def ip_cell(pod: Object, _now: float) -> str:
    """`IP`: the pod's first address."""
    addresses = (pod.get("status") or {}).get("podIPs") or ()
    return str(addresses[0]["ip"]) if addresses else "<none>"


def readiness_gates_cell(pod: Object, _now: float) -> str:
    """`READINESS GATES`: conditions that are met, of those the spec asks for."""
    gates: list[Any] = pod.get("spec", {}).get("readinessGates") or []
    met = sum(is_true(pod, gate["conditionType"]) for gate in gates)
    return f"{met}/{len(gates)}" if gates else "<none>"

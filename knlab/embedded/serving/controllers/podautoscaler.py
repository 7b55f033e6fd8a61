"""PodAutoscalers of Knative's own class: from the decider's wish to replicas, mode and conditions.

Rules as in Knative's `pkg/reconciler/autoscaling/kpa/{kpa,scaler}.go`; the arithmetic is in `kpa`.
Two things are outside the cluster's objects: what the decider wants, and whether the activator
answers at the revision's public service. Both are asked through ports and wake the controller.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal, Protocol, cast

from knlab.embedded.kube.controller import (
    NOTHING,
    Controller,
    Outcome,
    View,
    create,
    scale,
    update,
)
from knlab.embedded.kube.objects import (
    Key,
    Object,
    condition,
)
from knlab.embedded.serving.conditions import StatusDraft, instant
from knlab.embedded.serving.config import reading_config
from knlab.embedded.serving.keys import REVISION, labels_of
from knlab.embedded.serving.kinds import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    METRICS,
    POD_AUTOSCALERS,
    PODS,
    SERVERLESS_SERVICES,
)
from knlab.embedded.serving.resources.metric import make_metric, make_serverless_service
from knlab.embedded.serving.scaling import (
    is_kpa,
    missing_target,
    read_scaling,
    revision_of_pod,
    takes_requests,
)
from knlab.embedded.serving.views import is_controlled_by, is_ready
from knlab.embedded.serving.work import Failed, Work
from knlab.kpa.activity import Activity, next_activity
from knlab.kpa.autoscaler import DeciderStatus, initial_status
from knlab.kpa.burst import MIN_ACTIVATORS, UNLIMITED, activators_needed, path_mode
from knlab.kpa.scale_to_zero import UNKNOWN_SCALE, NextScale, Standing, next_scale
from knlab.kpa.target import RevisionScaling

ACTIVE: Final = "Active"
INITIALIZED: Final = "ScaleTargetInitialized"
SKS_READY: Final = "SKSReady"
PROXYING: Final = "ActivatorEndpointsPopulated"

Wake = Callable[[Key], None]


class Deciders(Protocol):
    """What the autoscaler wants for each revision."""

    def status(self, key: Key) -> DeciderStatus | None:
        """The latest decision; None before the revision is known."""

    def on_decision(self, wake: Wake) -> None:
        """Call `wake` with a key whenever its decision calls for a look."""


class ActivatorProbe(Protocol):
    """Asks for `K-Network-Probe: activator` at the public service of a revision."""

    def answers(self, key: Key) -> bool:
        """Whether the activator has just answered."""

    def request(self, key: Key) -> None:
        """Begin to ask, unless that is under way."""

    def on_answer(self, wake: Wake) -> None:
        """Call `wake` with a key when asking has ended."""


def make_podautoscaler_controller(deciders: Deciders, probe: ActivatorProbe) -> Controller:
    """The controller of PodAutoscalers of class `kpa.autoscaling.knative.dev`."""

    def wakes(wake: Wake) -> None:
        deciders.on_decision(wake)
        probe.on_answer(wake)

    return Controller(
        name="kpa-class-podautoscaler-controller",
        parent=POD_AUTOSCALERS,
        sync=reading_config(partial(_sync, deciders, probe)),
        owns=(SERVERLESS_SERVICES, METRICS),
        watches={PODS: revision_of_pod},
        resync_on=(CONFIG_MAPS,),
        wakes=wakes,
    )


@dataclass(frozen=True, slots=True)
class _Round:
    """One look at one PodAutoscaler."""

    view: View
    now: float
    autoscaler: Object
    draft: StatusDraft
    work: Work
    scaling: RevisionScaling

    @property
    def name(self) -> str:
        return str(self.autoscaler["metadata"]["name"])


def _sync(deciders: Deciders, probe: ActivatorProbe, view: View, key: Key, now: float) -> Outcome:
    autoscaler = view.find(POD_AUTOSCALERS, *key)
    if autoscaler is None or autoscaler["metadata"].get("deletionTimestamp"):
        return NOTHING
    if not is_kpa(autoscaler):
        return NOTHING
    draft = StatusDraft(autoscaler, ACTIVE, INITIALIZED, SKS_READY, now=now)
    work = Work(autoscaler, draft, POD_AUTOSCALERS)
    this = _Round(view, now, autoscaler, draft, work, read_scaling(view, autoscaler))
    path = view.find(SERVERLESS_SERVICES, *key)
    metric = view.find(METRICS, *key)
    for kind, short, child in (("ServerlessService", "SKS", path), ("Metric", "Metric", metric)):
        if child is not None and not is_controlled_by(child, autoscaler):
            return _not_owned(this, kind, short)
    private = (path or {}).get("status", {}).get("privateServiceName", "")
    if path is None or not private:
        return _without_path(this, path)
    status = deciders.status(key) or initial_status(this.scaling.decider)
    step = next_scale(
        this.scaling.zero,
        this.scaling.bounds,
        _standing(this, path, answers=probe.answers(key)),
        status.desired,
    )
    if step.probe:
        probe.request(key)
    return _take(this, path, metric, step, status)


def _not_owned(this: _Round, kind: str, short: str) -> Outcome:
    text = f'There is an existing {kind} "{this.name}" that we do not own.'
    this.draft.false(ACTIVE, "NotOwned", text)
    failed = f"error reconciling {short}: PA: {this.name} does not own {short}: {this.name}"
    return this.work.outcome(failed=failed)


def _without_path(this: _Round, path: Object | None) -> Outcome:
    """Make the ServerlessService first; without its private Service there is nothing to scale."""
    _route(this, path, "Proxy", MIN_ACTIVATORS)
    this.draft.unknown(SKS_READY, "NotReady", "No Private Service Name")
    this.draft.status.setdefault("serviceName", "")
    this.draft.status.setdefault("metricsServiceName", "")
    _show_scale(this, wanted=UNKNOWN_SCALE, ready=0)
    return this.work.outcome()


def _standing(this: _Round, path: Object, *, answers: bool) -> Standing:
    active = this.draft.get(ACTIVE) or {}
    proxying = condition(path, PROXYING)
    proxied_for = 0.0
    if proxying is not None and proxying["status"] == "True":
        proxied_for = this.now - instant(proxying["lastTransitionTime"])
    return Standing(
        activity=cast("Activity", active["status"]),
        activity_age=this.now - instant(active["lastTransitionTime"]),
        initialized=this.draft.is_status(INITIALIZED, "True"),
        proxy_mode=path["spec"]["mode"] == "Proxy",
        proxied_for=proxied_for,
        activator_answers=answers,
    )


def _take(
    this: _Round, path: Object, metric: Object | None, step: NextScale, status: DeciderStatus
) -> Outcome:
    """Do what `step` says, and show it."""
    private = path["status"]["privateServiceName"]
    this.draft.status["metricsServiceName"] = private
    _measure(this, metric, private)
    if step.apply:
        try:
            _scale(this, step.wanted)
        except Failed as failure:
            return this.work.outcome(failed=str(failure))
    ready = _ready_pods(this)
    mode = path_mode(step.wanted, status.excess_burst_capacity)
    changed = _route(this, path, mode, activators_needed(this.scaling.decider, ready))
    this.draft.status["serviceName"] = path["status"].get("serviceName", "")
    _show_path(this, path, changed=changed)
    _show_scale(this, wanted=step.wanted, ready=ready)
    return this.work.outcome(again_after=step.again_after)


def _ready_pods(this: _Round) -> int:
    revision = labels_of(this.autoscaler).get(REVISION, this.autoscaler["metadata"]["name"])
    namespace = this.autoscaler["metadata"]["namespace"]
    pods = this.view.list(PODS, namespace, {REVISION: revision})
    return sum(takes_requests(pod) for pod in pods)


def _measure(this: _Round, metric: Object | None, private: str) -> None:
    """The Metric; with the activator always in the path nobody scrapes: it reports everything."""
    decider = this.scaling.decider
    target = "" if decider.target_burst_capacity == UNLIMITED else private
    wanted = make_metric(this.autoscaler, decider, target)
    failing = "error reconciling Metric: error"
    if metric is None:
        this.work.write(create(METRICS, wanted), f"{failing} creating metric")
    elif metric["spec"] != wanted["spec"]:
        changed = metric | {"spec": wanted["spec"]}
        this.work.write(update(METRICS, changed), f"{failing} updating metric")


def _route(
    this: _Round, path: Object | None, mode: Literal["Serve", "Proxy"], activators: int
) -> bool:
    """Tell the ServerlessService who is asked first; whether that is news to it."""
    wanted = make_serverless_service(this.autoscaler, mode, activators)
    failing = "error reconciling SKS: error"
    if path is None:
        this.work.write(create(SERVERLESS_SERVICES, wanted), f"{failing} creating SKS {this.name}")
    elif path["spec"] != wanted["spec"]:
        changed = path | {"spec": wanted["spec"]}
        this.work.write(update(SERVERLESS_SERVICES, changed), f"{failing} updating SKS {this.name}")
    else:
        return False
    return True


def _scale(this: _Round, wanted: int) -> None:
    """Give the Deployment `wanted` replicas."""
    namespace = this.autoscaler["metadata"]["namespace"]
    reference = this.autoscaler["spec"]["scaleTargetRef"]
    name = reference["name"]
    target = this.view.find(DEPLOYMENTS, namespace, name)
    failing = "error scaling target: failed to"
    if target is None:
        shown = f"{{{reference['kind']}  {name}  {reference['apiVersion']}  }}"
        raise Failed(f"{failing} get scale target {shown}: {missing_target(namespace, name)}")
    if target["spec"].get("replicas", 1) != wanted:
        text = f"{failing} apply scale {wanted} to scale target {name}"
        this.work.write(scale(DEPLOYMENTS, target, wanted), text)


def _show_path(this: _Round, path: Object, *, changed: bool) -> None:
    """SKSReady as the ServerlessService says, if it has seen what it was told."""
    if is_ready(path) and not changed:
        this.draft.true(SKS_READY)
    else:
        ready = condition(path, "Ready") or {}
        this.draft.unknown(SKS_READY, "NotReady", ready.get("message", ""))


def _show_scale(this: _Round, *, wanted: int, ready: int) -> None:
    """The scale in the status, and the conditions that follow from it.

    An unknown wish does not replace a known one: a restarted autoscaler will know soon.
    """
    draft = this.draft
    draft.status["actualScale"] = ready
    if wanted >= 0 or draft.status.get("desiredScale", UNKNOWN_SCALE) < 0:
        draft.status["desiredScale"] = wanted
    initialized = draft.is_status(INITIALIZED, "True")
    threshold = this.scaling.bounds.ready_threshold(initialized=initialized)
    if ready >= threshold and draft.status.get("serviceName"):
        draft.true(INITIALIZED)
    current = cast("Activity", (draft.get(ACTIVE) or {})["status"])
    following = next_activity(current, wanted=wanted, ready=ready, threshold=threshold)
    if following is None:
        return
    mark = {"True": draft.true, "False": draft.false, "Unknown": draft.unknown}
    mark[following.status](ACTIVE, following.reason, following.message)

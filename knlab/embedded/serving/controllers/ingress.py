"""Ingress → the gateway: what net-kourier-controller decides and reports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from knlab.embedded.kube.controller import NOTHING, Controller, Outcome, View, Wakes
from knlab.embedded.kube.index import Index
from knlab.embedded.kube.objects import Key, Object, annotations_of, key_of
from knlab.embedded.serving import keys, views
from knlab.embedded.serving.conditions import StatusDraft
from knlab.embedded.serving.kinds import INGRESSES
from knlab.embedded.serving.work import Work, has_finalizer, with_finalizer, without_finalizer

Probed: TypeAlias = Callable[[Object], bool]
"""Whether every gateway has taken over this generation of an Ingress."""

FINALIZER: Final = "ingresses.networking.internal.knative.dev"
NETWORK_CONFIGURED: Final = "NetworkConfigured"
LOAD_BALANCER_READY: Final = "LoadBalancerReady"
PUBLIC_HOST: Final = "kourier.kourier-system.svc.cluster.local"
PRIVATE_HOST: Final = "kourier-internal.kourier-system.svc.cluster.local"
_PROBE_AGAIN: Final = 0.05


def is_kourier(ingress: Object) -> bool:
    """Whether `ingress` is Kourier's to serve, by its class annotation in either spelling."""
    klass = keys.ranked_value(annotations_of(ingress), keys.INGRESS_CLASS)
    return klass == keys.KOURIER_CLASS


def ingress_hosts(ingress: Object) -> set[str]:
    """All hosts of `ingress`, inside and outside."""
    rules = ingress.get("spec", {}).get("rules") or ()
    return {host for rule in rules for host in rule.get("hosts") or ()}


_BY_HOST: Final = Index(INGRESSES, ingress_hosts)


def is_rejected(ingress: Object) -> bool:
    """Whether `ingress` lost its hosts to another one."""
    conditions = (ingress.get("status") or {}).get("conditions") or ()
    return any(
        item["type"] == LOAD_BALANCER_READY and item.get("reason") == "DomainConflict"
        for item in conditions
    )


def _is_conflicting(view: View, ingress: Object) -> bool:
    hosts, mine = ingress_hosts(ingress), _seniority(ingress)
    return any(
        is_kourier(other)
        and key_of(other) != key_of(ingress)
        and not is_rejected(other)
        and _seniority(other) < mine
        for host in hosts
        for other in view.having(_BY_HOST, host)
    )


def _seniority(ingress: Object) -> tuple[str, Key]:
    return ingress["metadata"].get("creationTimestamp", ""), key_of(ingress)


def ingress_controller(probed: Probed, wakes: Wakes | None = None) -> Controller:
    """The control loop for Ingresses of Kourier's class.

    `probed` asks the gateway; `wakes` tells of its news, so that nobody waits for the next probe.
    """

    def sync(view: View, key: Key, now: float) -> Outcome:
        return _sync_ingress(view, key, now, probed)

    return Controller(name="ingress-controller", parent=INGRESSES, sync=sync, wakes=wakes)


def _sync_ingress(view: View, key: Key, now: float, probed: Probed) -> Outcome:
    ingress = view.find(INGRESSES, *key)
    if ingress is None or not is_kourier(ingress):
        return NOTHING
    if (finalized := _finalizer(ingress)) is not None:
        return finalized
    draft = StatusDraft(ingress, NETWORK_CONFIGURED, LOAD_BALANCER_READY, now=now)
    work = Work(ingress, draft, INGRESSES)
    if _is_conflicting(view, ingress):
        text = "Ingress rejected: ingress has a conflicting domain with another ingress"
        draft.false(LOAD_BALANCER_READY, "DomainConflict", text)
        return work.outcome(again_after=1.0)
    draft.true(NETWORK_CONFIGURED)
    if draft.is_status("Ready", "True") and views.is_observed(ingress) and _is_expected(ingress):
        return work.outcome()
    # A generation is told of as being on its way first, as probing it takes Kourier a moment
    if not views.is_observed(ingress) or not probed(ingress):
        text = "Waiting for load balancer to be ready"
        draft.unknown(LOAD_BALANCER_READY, "Uninitialized", text)
        return work.outcome(again_after=_PROBE_AGAIN)
    draft.status["publicLoadBalancer"] = {"ingress": [{"domainInternal": PUBLIC_HOST}]}
    draft.status["privateLoadBalancer"] = {"ingress": [{"domainInternal": PRIVATE_HOST}]}
    draft.true(LOAD_BALANCER_READY)
    return work.outcome()


def _is_expected(ingress: Object) -> bool:
    status = ingress.get("status") or {}
    shown = [
        ((status.get(part) or {}).get("ingress") or [{}])[0].get("domainInternal")
        for part in ("publicLoadBalancer", "privateLoadBalancer")
    ]
    return shown == [PUBLIC_HOST, PRIVATE_HOST]


def _finalizer(ingress: Object) -> Outcome | None:
    """What the finalizer asks for before anything else; None if it is in its place."""
    present = has_finalizer(ingress, FINALIZER)
    if ingress["metadata"].get("deletionTimestamp"):
        return _finalizer_update(ingress, without_finalizer) if present else NOTHING
    return None if present else _finalizer_update(ingress, with_finalizer)


def _finalizer_update(ingress: Object, change: Callable[[Object, str], Object]) -> Outcome:
    work = Work(ingress)
    work.set_finalizers(INGRESSES, change(ingress, FINALIZER))
    return work.outcome()

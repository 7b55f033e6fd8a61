"""ResourceQuotas: their status shows what is used of what they limit."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from knlab.embedded.builtin.controllers.conditions import status_write
from knlab.embedded.builtin.kinds import RESOURCE_QUOTAS
from knlab.embedded.builtin.resource_quotas import limits_of, matters, used
from knlab.embedded.kube.backing import AfterWrite
from knlab.embedded.kube.controller import NOTHING, Controller, Outcome, View
from knlab.embedded.kube.index import Index
from knlab.embedded.kube.objects import Key, Object, key_of
from knlab.embedded.kube.registry import Resource
from knlab.embedded.kube.store import Change, Store

Follow: TypeAlias = Callable[[AfterWrite], None]
"""Has its argument called after every write."""


def resource_quota_controller(store: Store, follow: Follow) -> Controller:
    """Counts again whenever something in the namespace of a quota of `store` uses more or less."""

    def wakes(look_at: Callable[[Key], None]) -> None:
        def written(row: Resource, change: Change) -> None:
            obj = change.object
            old = None if change.type == "DELETED" else change.old
            for quota in store.items(RESOURCE_QUOTAS, obj["metadata"].get("namespace", "-")):
                if matters(quota, row.storage, obj, old):
                    look_at(key_of(quota))

        follow(written)

    return Controller(
        name="resourcequota-controller",
        parent=RESOURCE_QUOTAS,
        sync=sync_resource_quota,
        wakes=wakes,
    )


def sync_resource_quota(view: View, key: Key, _now: float) -> Outcome:
    """The status of a ResourceQuota."""
    quota = view.find(RESOURCE_QUOTAS, *key)
    if quota is None:
        return NOTHING
    found = used(quota, lambda kind: view.having(Index(kind, _namespace), key[0]))
    return Outcome(
        status_write(RESOURCE_QUOTAS, quota, {"hard": dict(limits_of(quota)), "used": found})
    )


def _namespace(obj: Object) -> tuple[str, ...]:
    return (obj["metadata"].get("namespace", ""),)

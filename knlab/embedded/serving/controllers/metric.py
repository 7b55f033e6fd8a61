"""Metrics: their Ready condition says whether the revision's pods report.

Rules as in Knative's `pkg/reconciler/metric/metric.go`. The reports themselves are collected by the
autoscaler; it wakes this controller when collecting begins to fail or succeeds again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from knlab.embedded.kube.controller import NOTHING, Controller, Outcome, View
from knlab.embedded.kube.objects import Key
from knlab.embedded.serving.conditions import READY, StatusDraft
from knlab.embedded.serving.kinds import METRICS


class Collections(Protocol):
    """How collecting the reports of each revision goes."""

    def failure(self, key: Key) -> str:
        """Why the latest round failed; empty if it did not."""

    def on_collected(self, wake: Callable[[Key], None]) -> None:
        """Call `wake` with a key whenever its `failure` has changed."""


def make_metric_controller(collections: Collections) -> Controller:
    """The controller of Metrics."""
    return Controller(
        name="metric-controller",
        parent=METRICS,
        sync=partial(_sync, collections),
        wakes=collections.on_collected,
    )


def _sync(collections: Collections, view: View, key: Key, now: float) -> Outcome:
    metric = view.find(METRICS, *key)
    if metric is None or metric["metadata"].get("deletionTimestamp"):
        return NOTHING
    draft = StatusDraft(metric, now=now)
    failure = collections.failure(key)
    if failure:
        text = f"Failed to reconcile metric collection: {failure}"
        draft.false(READY, "CollectionFailed", text)
    else:
        draft.true(READY)
    return Outcome(draft.write(METRICS))

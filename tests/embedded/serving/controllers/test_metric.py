"""Metrics: whether the pods report."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from knlab.embedded.kube.controller import NOTHING
from knlab.embedded.kube.objects import Key, condition
from knlab.embedded.serving.controllers.metric import make_metric_controller
from knlab.embedded.serving.kinds import METRICS
from tests.factories import NOW, DictView, make, settle

KEY = ("default", "hello-00001")


class Rounds:
    """How scraping went."""

    def __init__(self, why: str = "") -> None:
        self.why = why
        self.wake: Callable[[Key], None] | None = None

    def failure(self, key: Key) -> str:
        assert key == KEY
        return self.why

    def on_collected(self, wake: Callable[[Key], None]) -> None:
        self.wake = wake


@pytest.mark.parametrize(
    ("why", "expected"),
    [
        pytest.param("", ("True", "", ""), id="reports arrive"),
        pytest.param(
            "pods exhausted",
            (
                "False",
                "CollectionFailed",
                "Failed to reconcile metric collection: pods exhausted",
            ),
            id="too few pods report",
        ),
    ],
)
def test_ready(why: str, expected: tuple[str, str, str]) -> None:
    view = DictView(
        [make("autoscaling.internal.knative.dev/v1alpha1", "Metric", KEY[1], namespace=KEY[0])]
    )
    settle(view, make_metric_controller(Rounds(why)).sync, KEY)
    ready = condition(view.objects[METRICS, KEY], "Ready")
    assert ready is not None
    assert (ready["status"], ready.get("reason", ""), ready.get("message", "")) == expected
    assert view.objects[METRICS, KEY]["status"]["observedGeneration"] == 1


def test_a_metric_that_goes_is_left_alone() -> None:
    sync = make_metric_controller(Rounds()).sync
    going = make(
        "autoscaling.internal.knative.dev/v1alpha1", "Metric", KEY[1], namespace=KEY[0],
        metadata={"deletionTimestamp": "2025-10-09T08:53:20Z"},
    )  # fmt: skip
    assert sync(DictView(), KEY, NOW) == NOTHING
    assert sync(DictView([going]), KEY, NOW) == NOTHING


def test_a_failing_scrape_wakes_it() -> None:
    rounds = Rounds()
    controller = make_metric_controller(rounds)
    woken: list[Key] = []
    assert controller.wakes is not None
    controller.wakes(woken.append)
    assert rounds.wake is not None
    rounds.wake(KEY)
    assert woken == [KEY]

"""The deciders: following the cluster, scraping, ticking."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from knlab._clock import ManualClock
from knlab.embedded.autoscaling.deciders import FOLLOWED, HISTORY, Deciders
from knlab.embedded.kube.objects import Key
from knlab.embedded.serving.kinds import POD_AUTOSCALERS, PODS
from knlab.kpa.autoscaler import DeciderStatus
from knlab.kpa.bounds import Bounded
from knlab.kpa.stat import Stat

if TYPE_CHECKING:
    from tests.embedded.autoscaling.conftest import Cluster, Reports

KEY = ("default", "hello-00001")


class Bench:
    """Deciders with a clock that is moved by hand."""

    def __init__(self, cluster: Cluster, clock: ManualClock, reports: Reports) -> None:
        self.cluster = cluster
        self.clock = clock
        self.reports = reports
        self.log: list[str] = []
        self.woken: list[Key] = []
        self.woken_metrics: list[Key] = []
        self.deciders = Deciders(cluster.api, reports, lambda _pods: None)
        self.deciders.on_decision(self.woken.append)
        self.deciders.on_collected(self.woken_metrics.append)

    def begin(self) -> None:
        self.deciders.begin(self.log.append)

    def second(self, count: int = 1) -> None:
        """Let `count` seconds pass as the loops would."""
        for _ in range(count):
            self.clock.advance(1.0)
            self.deciders.scrape()
            self.deciders.tick()

    def from_activator(self, concurrency: float) -> None:
        self.deciders.observe(
            Stat(
                revision="/".join(KEY), pod="activator", time=self.clock.now(),
                average_concurrent_requests=concurrency,
            )
        )  # fmt: skip


@pytest.fixture
def bench(cluster: Cluster, clock: ManualClock, reports: Reports) -> Iterator[Bench]:
    made = Bench(cluster, clock, reports)
    with cluster.api.store.listening(made.deciders.heard, *FOLLOWED):
        made.begin()
        yield made


def test_a_podautoscaler_gets_a_decider_that_knows_nothing(bench: Bench) -> None:
    assert bench.deciders.status(KEY) is None
    bench.cluster.autoscaler()
    assert bench.deciders.status(KEY) == DeciderStatus(-1, -111)


def test_one_of_another_class_gets_none(bench: Bench) -> None:
    bench.cluster.autoscaler({"class": "hpa.autoscaling.knative.dev"})
    assert bench.deciders.status(KEY) is None


def test_a_deleted_one_loses_its_decider(bench: Bench) -> None:
    bench.cluster.autoscaler()
    bench.cluster.api.delete(POD_AUTOSCALERS, *KEY)
    assert bench.deciders.status(KEY) is None
    bench.from_activator(1)
    assert bench.deciders.history(KEY) == ()
    assert bench.deciders.failure(KEY) == ""


def test_pods_are_scraped_every_second_and_decided_about_every_two(bench: Bench) -> None:
    bench.cluster.autoscaler({"target": "1"})
    bench.cluster.pod("pod-1")
    bench.reports.concurrency = {"pod-1": 50.0}
    bench.second()
    assert bench.deciders.status(KEY) == DeciderStatus(-1, -210)
    bench.second()
    assert bench.deciders.status(KEY) == DeciderStatus(72, -260)
    assert bench.reports.asked == 2
    assert bench.woken == [KEY]
    (line,) = bench.log
    assert line == (
        "default/hello-00001: desired -1 → 72, ready 1, concurrency 50 (stable) 50 (panic),"
        " target 0.7, wants 72 (stable) 72 (panic), excess burst capacity -260, panicking"
    )


def test_a_bound_that_changes_a_decision_is_named(bench: Bench) -> None:
    bench.cluster.autoscaler({"target": "1", "max-scale": "3"})
    bench.cluster.pod("pod-1")
    bench.reports.concurrency = {"pod-1": 50.0}
    bench.second(2)
    assert bench.log[0].endswith("panicking, max-scale makes it 3")
    assert bench.deciders.history(KEY)[0].bounded == Bounded(3, "max-scale")


def test_at_level_debug_every_decision_has_a_line(bench: Bench) -> None:
    bench.cluster.autoscaler()
    bench.cluster.pod("pod-1")
    bench.reports.concurrency = {"pod-1": 1.0}
    bench.second(10)
    assert len(bench.log) == 1
    bench.cluster.configure("config-logging", {"loglevel.autoscaler": "debug"})
    bench.second(10)
    assert len(bench.log) == 6
    assert bench.log[-1] == (
        "default/hello-00001: desired 1 → 1, ready 1, concurrency 1 (stable) 1 (panic), target 70,"
        " wants 1 (stable) 1 (panic), excess burst capacity -112"
    )


def test_the_same_decision_again_wakes_nobody(bench: Bench) -> None:
    bench.cluster.autoscaler({"target": "1"})
    bench.cluster.pod("pod-1")
    bench.reports.concurrency = {"pod-1": 50.0}
    bench.second(10)
    assert bench.woken == [KEY]
    assert [decision.result.desired for decision in bench.deciders.history(KEY)] == [72] * 5
    assert bench.deciders.history(KEY)[0].time == bench.clock.now() - 8


def test_the_history_is_bounded(bench: Bench) -> None:
    bench.cluster.autoscaler()
    bench.cluster.pod("pod-1")
    bench.reports.concurrency = {"pod-1": 1.0}
    bench.second(2 * HISTORY + 20)
    assert len(bench.deciders.history(KEY)) == HISTORY


def test_nobody_asks_where_there_are_no_ready_pods(bench: Bench) -> None:
    bench.cluster.autoscaler()
    bench.cluster.pod("pod-1", ready=False)
    bench.second(4)
    assert bench.reports.asked == 0
    assert bench.deciders.status(KEY) == DeciderStatus(-1, -111)


def test_nobody_asks_where_the_activator_sees_everything(bench: Bench) -> None:
    bench.cluster.autoscaler({"target-burst-capacity": "-1"})
    bench.cluster.pod("pod-1")
    bench.second(2)
    assert bench.reports.asked == 0
    assert bench.deciders.status(KEY) == DeciderStatus(0, -1)


def test_a_pod_that_is_not_ready_any_more_does_not_count(bench: Bench) -> None:
    bench.cluster.autoscaler()
    bench.cluster.pod("pod-1")
    bench.cluster.pod("pod-2")
    bench.reports.concurrency = {"pod-1": 1.0, "pod-2": 1.0}
    bench.second(2)
    bench.cluster.mark("pod-1", ready=False)
    bench.cluster.api.delete(PODS, "default", "pod-2")
    bench.second(2)
    assert [decision.result.ready for decision in bench.deciders.history(KEY)] == [2, 0]


def test_pods_that_do_not_report_are_a_failure_until_they_do(bench: Bench) -> None:
    bench.cluster.autoscaler()
    bench.cluster.pod("pod-1")
    bench.second(2)
    assert bench.deciders.failure(KEY) == "pods exhausted"
    bench.reports.concurrency = {"pod-1": 1.0}
    bench.second(2)
    assert bench.deciders.failure(KEY) == ""
    assert bench.woken_metrics == [KEY, KEY]


def test_a_request_for_a_revision_at_zero_does_not_wait_for_the_tick(bench: Bench) -> None:
    bench.cluster.autoscaler()
    bench.cluster.pod("pod-1")
    bench.reports.concurrency = {"pod-1": 0.0}
    bench.second(2)
    assert bench.deciders.status(KEY) == DeciderStatus(0, -111)
    bench.cluster.api.delete(PODS, "default", "pod-1")
    bench.clock.advance(100)
    bench.from_activator(0)
    assert bench.deciders.status(KEY) == DeciderStatus(0, -111)
    bench.from_activator(1)
    assert bench.deciders.status(KEY) == DeciderStatus(1, -212)
    assert bench.woken == [KEY, KEY]


def test_missed_ticks_are_not_made_up(bench: Bench) -> None:
    bench.cluster.autoscaler()
    bench.from_activator(1)
    bench.clock.advance(5.0)
    assert bench.deciders.tick() == bench.clock.monotonic() + 1.0
    assert len(bench.deciders.history(KEY)) == 1


def test_a_new_setting_changes_what_is_decided(bench: Bench) -> None:
    bench.cluster.autoscaler()
    bench.cluster.configure("config-autoscaler", {"target-burst-capacity": "0"})
    bench.from_activator(50)
    bench.second(2)
    assert bench.deciders.status(KEY) == DeciderStatus(1, 0)


def test_an_impossible_setting_changes_nothing_and_is_logged(bench: Bench) -> None:
    bench.cluster.autoscaler()
    bench.cluster.configure("config-autoscaler", {"stable-window": "1s"})
    bench.from_activator(50)
    bench.second(2)
    assert bench.deciders.status(KEY) == DeciderStatus(1, -261)
    assert bench.log[0].startswith("settings unchanged: config-autoscaler: stable-window = 1s")


def test_other_configmaps_are_no_news(bench: Bench) -> None:
    bench.cluster.autoscaler()
    bench.cluster.configure("config-domain", {"example.com": ""})
    assert bench.deciders.status(KEY) == DeciderStatus(-1, -111)


def test_a_changed_annotation_changes_what_is_decided(bench: Bench) -> None:
    bench.cluster.autoscaler()
    bench.cluster.api.patch(
        POD_AUTOSCALERS, *KEY,
        lambda old: old | {
            "metadata": old["metadata"]
            | {"annotations": {"autoscaling.knative.dev/target": "10"}}
        },
    )  # fmt: skip
    bench.from_activator(50)
    bench.second(2)
    assert bench.deciders.status(KEY) == DeciderStatus(8, -261)


def test_a_restarted_autoscaler_keeps_the_pods_it_finds(bench: Bench) -> None:
    bench.cluster.autoscaler()
    for number in range(4):
        bench.cluster.pod(f"pod-{number}")
    bench.reports.concurrency = {f"pod-{number}": 0.0 for number in range(4)}
    bench.deciders.end()
    assert bench.deciders.status(KEY) is None
    bench.begin()
    bench.second(2)
    assert bench.deciders.status(KEY) == DeciderStatus(4, 189)
    assert bench.deciders.history(KEY)[0].result.limited_by == "panic"
    assert bench.log[-1].endswith("panicking, limited by panic")


def test_without_anybody_to_tell_it_decides_all_the_same(
    cluster: Cluster, clock: ManualClock, reports: Reports
) -> None:
    alone = Deciders(cluster.api, reports, lambda _pods: None)
    cluster.autoscaler()
    cluster.pod("pod-1")
    alone.begin(lambda _line: None)
    clock.advance(2.0)
    alone.scrape()
    alone.tick()
    reports.concurrency = {"pod-1": 1.0}
    clock.advance(2.0)
    alone.scrape()
    alone.tick()
    assert alone.status(KEY) == DeciderStatus(1, -112)


def test_a_revision_is_due_two_seconds_after_it_came_not_after_one_of_its_name(
    bench: Bench,
) -> None:
    now = bench.clock.monotonic
    assert bench.deciders.tick() == math.inf
    bench.cluster.autoscaler()
    assert bench.deciders.tick() == now() + 2.0
    bench.cluster.api.delete(POD_AUTOSCALERS, *KEY)
    bench.clock.advance(0.5)
    bench.cluster.autoscaler()
    bench.clock.advance(1.5)
    assert bench.deciders.tick() == now() + 0.5
    bench.deciders.end()
    assert bench.deciders.tick() == math.inf

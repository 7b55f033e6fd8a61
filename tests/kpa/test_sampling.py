"""How many pods are asked, and how they stand for the others."""

from __future__ import annotations

import random

import pytest

from knlab.kpa.sampling import PODS_EXHAUSTED, Scraped, sample_size, scraped
from knlab.kpa.stat import Stat

REVISION = "default/hello-00001"


def report(pod: str, concurrency: float) -> Stat:
    return Stat(
        revision=REVISION, pod=pod, time=0.0,
        average_concurrent_requests=concurrency,
        average_proxied_concurrent_requests=concurrency / 2,
        request_count=concurrency * 10,
        proxied_request_count=concurrency * 5,
    )  # fmt: skip


def ask(
    reports: dict[str, Stat], ages: dict[str, float], *, shuffle: bool = False, window: float = 60.0
) -> Scraped:
    shuffled = random.Random(7).shuffle if shuffle else lambda _pods: None
    return scraped(reports, ages, revision=REVISION, now=5.0, window=window, shuffle=shuffled)


@pytest.mark.parametrize(
    ("population", "size"),
    [(-1, 0), (0, 0), (1, 1), (2, 2), (3, 3), (4, 4), (5, 4), (10, 7), (100, 14), (1000, 16)],
)
def test_sample_size(population: int, size: int) -> None:
    assert sample_size(population) == size


def test_without_pods_nothing_is_reported_and_nothing_has_failed() -> None:
    assert ask({}, {}) == Scraped()


def test_all_of_three_pods_are_added_up() -> None:
    reports = {pod: report(pod, load) for pod, load in (("a", 1), ("b", 2), ("c", 3))}
    stat = ask(reports, dict.fromkeys(reports, 100.0)).stat
    assert stat is not None
    assert stat.pod == "service-scraper"
    assert stat.time == 5.0
    assert stat.average_concurrent_requests == 6
    assert stat.average_proxied_concurrent_requests == 3
    assert stat.request_count == 60
    assert stat.proxied_request_count == 30


def test_a_sample_stands_for_all_pods() -> None:
    reports = {f"pod-{n}": report(f"pod-{n}", 2.0) for n in range(10)}
    stat = ask(reports, dict.fromkeys(reports, 100.0), shuffle=True).stat
    assert stat is not None
    assert stat.average_concurrent_requests == pytest.approx(20.0)


def test_old_pods_are_asked_first() -> None:
    old = {f"old-{n}": report(f"old-{n}", 4.0) for n in range(7)}
    young = {f"young-{n}": report(f"young-{n}", 0.0) for n in range(3)}
    ages = dict.fromkeys(young, 59.9) | dict.fromkeys(old, 60.0)
    stat = ask(young | old, ages, shuffle=True).stat
    assert stat is not None
    assert stat.average_concurrent_requests == pytest.approx(40.0)


def test_young_pods_fill_a_sample_that_lacks_old_ones() -> None:
    reports = {"old": report("old", 4.0), "y1": report("y1", 1.0), "y2": report("y2", 1.0)}
    stat = ask(reports, {"old": 61.0, "y1": 1.0, "y2": 1.0}, shuffle=True).stat
    assert stat is not None
    assert stat.average_concurrent_requests == 6.0


def test_a_pod_that_does_not_answer_is_replaced_by_the_next() -> None:
    reports = {f"pod-{n}": report(f"pod-{n}", 2.0) for n in range(9)}
    ages = dict.fromkeys(reports, 100.0) | {"silent": 100.0}
    stat = ask(reports, ages, shuffle=True).stat
    assert stat is not None
    assert stat.average_concurrent_requests == pytest.approx(20.0)


@pytest.mark.parametrize(
    "answering",
    [
        pytest.param(2, id="too few of three answer"),
        pytest.param(0, id="nobody answers"),
    ],
)
def test_too_few_answers_give_no_report(answering: int) -> None:
    reports = {f"pod-{n}": report(f"pod-{n}", 2.0) for n in range(answering)}
    ages = {f"pod-{n}": 100.0 for n in range(3)}
    assert ask(reports, ages) == Scraped(failure=PODS_EXHAUSTED)


def test_a_report_of_a_pod_that_is_not_ready_does_not_count() -> None:
    reports = {"ready": report("ready", 1.0), "terminating": report("terminating", 50.0)}
    stat = ask(reports, {"ready": 100.0}).stat
    assert stat is not None
    assert stat.average_concurrent_requests == 1.0

"""The autoscaler of one revision, over time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest

from knlab.kpa.autoscaler import Autoscaler, DeciderStatus
from knlab.kpa.bounds import ScaleBounds, bounded
from knlab.kpa.decide import ScaleResult
from knlab.kpa.spec import DeciderSpec
from knlab.kpa.stat import Stat

T = 1_700_000_000.0
ARTICLE = DeciderSpec(target=0.7, total=1.0)


def stat(
    concurrency: float = 0.0, *, proxied: float = 0.0, count: float = 0.0, proxied_count: float = 0
) -> Stat:
    return Stat(
        revision="default/hello-00001", pod="some", time=0.0,
        average_concurrent_requests=concurrency,
        average_proxied_concurrent_requests=proxied,
        request_count=count,
        proxied_request_count=proxied_count,
    )  # fmt: skip


def autoscaler(spec: DeciderSpec = ARTICLE, ready: int = 0) -> Autoscaler:
    return Autoscaler(spec, ready=ready, now=T)


def test_before_the_first_decision_nothing_is_known() -> None:
    assert autoscaler(DeciderSpec()).status == DeciderStatus(-1, -111)


def test_without_reports_there_is_no_decision() -> None:
    scaler = autoscaler()
    assert scaler.tick(T + 2, 1) is None
    assert scaler.status.desired == -1


def test_an_old_report_is_no_report() -> None:
    scaler = autoscaler()
    scaler.observe(T, stat(1))
    assert scaler.tick(T + 60, 1) is not None
    assert scaler.tick(T + 61, 1) is None


def test_with_the_activator_always_in_the_path_no_report_means_no_load() -> None:
    result = autoscaler(replace(ARTICLE, target_burst_capacity=-1.0)).tick(T + 2, 1)
    assert result is not None
    assert result.desired == 0


def test_what_came_through_the_activator_counts_once() -> None:
    scaler = autoscaler()
    scaler.observe(T, stat(7, proxied=5))
    scaler.observe(T, stat(5))
    result = scaler.tick(T, 1)
    assert result is not None
    assert result.observed_stable == 7.0


def test_reports_of_rps_count_requests_not_concurrency() -> None:
    scaler = autoscaler(DeciderSpec(metric="rps", target=140.0, total=200.0))
    scaler.observe(T, stat(50, count=300, proxied_count=20))
    result = scaler.tick(T, 1)
    assert result is not None
    assert result.observed_stable == 280.0
    assert result.desired == 2


def test_a_new_window_takes_effect_at_the_next_tick() -> None:
    scaler = autoscaler()
    scaler.observe(T, stat(7))
    scaler.respec(replace(ARTICLE, stable_window=6.0, panic_window=1.0), T + 5)
    assert scaler.tick(T + 7, 1) is None


@pytest.mark.parametrize(
    ("desired", "concurrency", "urgent"),
    [
        pytest.param(0, 1.0, True, id="a request for a revision at zero"),
        pytest.param(0, 0.0, False, id="no request"),
        pytest.param(1, 1.0, False, id="a request for a revision with pods"),
        pytest.param(-1, 1.0, False, id="a request before the first decision"),
    ],
)
def test_urgency(desired: int, concurrency: float, *, urgent: bool) -> None:
    scaler = autoscaler()
    scaler.status = DeciderStatus(desired, 0)
    assert scaler.must_tick_for(stat(concurrency)) is urgent


@pytest.mark.parametrize(
    ("before", "after", "calls"),
    [
        pytest.param((1, 5), (1, 9), False, id="the same scale and sign"),
        pytest.param((1, 5), (2, 5), True, id="another scale"),
        pytest.param((1, 0), (1, -1), True, id="the sign of the burst capacity"),
        pytest.param((1, 7), (1, 0), False, id="zero is not negative"),
    ],
)
def test_who_must_act(before: tuple[int, int], after: tuple[int, int], *, calls: bool) -> None:
    assert DeciderStatus(*after).calls_for_reconcile(DeciderStatus(*before)) is calls


# A closed loop of users, as small as it can be.


@dataclass
class Model:
    """`users` always have a request in flight from `start` on; a pod is ready after `delay`."""

    users: float
    stop: float
    delay: float = 1.0
    bounds: ScaleBounds = field(default_factory=ScaleBounds)

    def run(self, spec: DeciderSpec, until: float, start: float = T) -> list[ScaleResult]:
        scaler = Autoscaler(spec, ready=1, now=start)
        ready, wished = 1, [(start, 1)]
        results = []
        for second in range(1, int(until) + 1):
            now = start + second
            ready = [scale for at, scale in wished if at + self.delay <= now or at == start][-1]
            scaler.observe(now, stat(self.users if second <= self.stop else 0.0))
            if second % 2 == 0:
                result = scaler.tick(now, ready)
                assert result is not None
                results.append(result)
                scale = bounded(self.bounds, result.desired, initialized=True).scale
                wished.append((now, scale))
        return results


def test_fifty_users_want_72_pods_within_a_tick_and_get_five() -> None:
    bounds = ScaleBounds(minimum=1, maximum=5)
    results = Model(50, stop=30, bounds=bounds).run(ARTICLE, 30)
    assert {result.desired for result in results} == {72}
    assert results[0].panicking
    assert bounded(bounds, results[0].desired, initialized=True).clipped_by == "max-scale"
    assert {result.ready for result in results[1:]} == {5}


def test_after_the_load_pods_go_when_panic_is_over_and_by_half_at_most() -> None:
    """A real cluster, too, within a tick: 50 users at target 10 for 30 s."""
    measured = {4: 65.6, 3: 67.6, 2: 73.6, 1: 83.6, 0: 91.6}
    results = Model(50, stop=30).run(DeciderSpec(target=7.0, total=10.0), 110)
    changes = {
        after.desired: 2.0 * tick
        for tick, (before, after) in enumerate(pairwise(results), start=2)
        if after.desired != before.desired
    }
    assert results[0].desired == 8
    assert results[30].limited_by == "panic"
    assert not results[31].panicking
    assert changes == pytest.approx(measured, abs=2.0)


def test_a_replay_gives_the_same_decisions() -> None:
    model = Model(50, stop=20)
    assert model.run(ARTICLE, 120) == model.run(ARTICLE, 120)


@pytest.mark.parametrize("aggregation", ["linear", "weighted-exponential"])
def test_shifting_all_times_changes_no_decision(aggregation: str) -> None:
    spec = replace(
        ARTICLE,
        aggregation="linear" if aggregation == "linear" else "weighted-exponential",
        scale_down_delay=10.0,
    )
    model = Model(50, stop=20)
    assert model.run(spec, 120, start=T) == model.run(spec, 120, start=T + 7_200.0)

"""One decision: rates, panic, activation scale, delay, and the explanation."""

from __future__ import annotations

from dataclasses import replace

import pytest

from knlab.kpa.decide import INITIAL, Limit, Observation, ScalerState, begin, decide
from knlab.kpa.spec import DeciderSpec

T = 1_700_000_000.0
SPEC = DeciderSpec()
PANIC = ScalerState(panic_since=T, panic_peak=5)


def seen(ready: int, stable: float, panic: float | None = None) -> Observation:
    return Observation(ready=ready, stable=stable, panic=stable if panic is None else panic)


@pytest.mark.parametrize(
    ("spec", "observation", "desired", "limit"),
    [
        pytest.param(SPEC, seen(1, 0), 0, None, id="no load wants no pod"),
        pytest.param(SPEC, seen(0, 0.01), 1, None, id="any load wants a pod"),
        pytest.param(SPEC, seen(1, 70), 1, None, id="a full target wants no further pod"),
        pytest.param(SPEC, seen(1, 70.01), 2, None, id="more than the target wants another"),
        pytest.param(
            SPEC, seen(10, 0), 5, "max-scale-down-rate", id="one tick takes away at most half"
        ),
        pytest.param(
            SPEC, seen(11, 0), 5, "max-scale-down-rate", id="the way down is rounded down"
        ),
        pytest.param(SPEC, seen(1, 0), 0, None, id="one pod can go to zero in one tick"),
        pytest.param(
            replace(SPEC, reachable=False), seen(10, 0), 0, None,
            id="unreachable revisions go down at once",
        ),
        pytest.param(
            replace(SPEC, max_scale_up_rate=2.0), seen(3, 700), 6, "max-scale-up-rate",
            id="one tick multiplies by the scale-up rate at most",
        ),
        pytest.param(
            replace(SPEC, max_scale_up_rate=1.1), seen(2, 700), 3, "max-scale-up-rate",
            id="the way up is rounded up, so that one pod more is always possible",
        ),
        pytest.param(
            replace(SPEC, max_scale_up_rate=2.0), seen(0, 700), 2, "max-scale-up-rate",
            id="without ready pods rates count from one",
        ),
        pytest.param(
            replace(SPEC, activation_scale=3), seen(0, 1), 3, "activation-scale",
            id="the first request wants the activation scale",
        ),
        pytest.param(
            replace(SPEC, activation_scale=3), seen(3, 1), 3, "activation-scale",
            id="the activation scale stays the least while there is load",
        ),
        pytest.param(
            replace(SPEC, activation_scale=3), seen(3, 0), 1, "max-scale-down-rate",
            id="without load the activation scale does not hold",
        ),
        pytest.param(
            replace(SPEC, activation_scale=3), seen(3, 280), 4, None,
            id="more load than the activation scale wants more",
        ),
        pytest.param(
            replace(SPEC, activation_scale=1), seen(1, 1), 1, None,
            id="an activation scale of one means none",
        ),
    ],
)  # fmt: skip
def test_stable_mode(
    spec: DeciderSpec, observation: Observation, desired: int, limit: Limit | None
) -> None:
    state = begin(spec, 0, T)
    _, result = decide(spec, state, observation, T)
    assert (result.desired, result.limited_by) == (desired, limit)


@pytest.mark.parametrize(
    ("observation", "panicking"),
    [
        pytest.param(seen(1, 0, 70), False, id="one pod at its target does not panic"),
        pytest.param(seen(1, 0, 70.1), True, id="one pod just over its target does"),
        pytest.param(seen(0, 0, 70.1), True, id="no pod counts as one"),
        pytest.param(seen(2, 0, 210), False, id="one and a half times the pods is no panic"),
        pytest.param(seen(2, 0, 210.1), True, id="twice the pods, rounded up, is"),
        pytest.param(seen(1, 700, 0), False, id="the stable window cannot cause panic"),
    ],
)
def test_panic_begins_when_the_panic_window_wants_twice_the_ready_pods(
    observation: Observation, *, panicking: bool
) -> None:
    _, result = decide(SPEC, INITIAL, observation, T)
    assert result.panicking is panicking


def test_the_panic_threshold_is_judged_before_the_scale_up_rate() -> None:
    spec = replace(SPEC, max_scale_up_rate=1.5)
    _, result = decide(spec, INITIAL, seen(2, 0, 700), T)
    assert result.panicking
    assert result.desired == 3


@pytest.mark.parametrize(
    ("observation", "desired", "limit"),
    [
        pytest.param(seen(5, 0, 0), 5, "panic", id="panic never takes pods away"),
        pytest.param(seen(5, 0, 420), 6, None, id="panic follows the panic window up"),
        pytest.param(seen(5, 490, 0), 7, None, id="panic follows the stable window up too"),
    ],
)
def test_in_panic(observation: Observation, desired: int, limit: Limit | None) -> None:
    state, result = decide(SPEC, PANIC, observation, T + 2)
    assert (result.desired, result.limited_by, result.panicking) == (desired, limit, True)
    assert state.panic_peak == desired
    assert state.panic_since == T


def test_every_tick_over_the_threshold_extends_panic() -> None:
    state, _ = decide(SPEC, PANIC, seen(1, 0, 350), T + 40)
    assert state.panic_since == T + 40


@pytest.mark.parametrize(
    ("after", "panicking"),
    [
        pytest.param(60.0, True, id="panic lasts the whole stable window"),
        pytest.param(60.1, False, id="and ends strictly after it"),
    ],
)
def test_panic_ends_after_a_calm_stable_window(after: float, *, panicking: bool) -> None:
    state, result = decide(SPEC, PANIC, seen(5, 70, 70), T + after)
    assert result.panicking is panicking
    assert (state.panic_since is None) is not panicking
    assert result.desired == (5 if panicking else 2)


def test_a_restarted_autoscaler_keeps_the_pods_it_finds() -> None:
    state = begin(SPEC, 4, T)
    assert state == ScalerState(panic_since=T, panic_peak=4)
    _, result = decide(SPEC, state, seen(4, 0), T + 2)
    assert (result.desired, result.panicking) == (4, True)


@pytest.mark.parametrize("ready", [0, 1])
def test_with_at_most_one_pod_there_is_nothing_to_protect(ready: int) -> None:
    assert begin(SPEC, ready, T).panic_since is None


DELAYED = replace(SPEC, scale_down_delay=10.0)


def test_scaling_down_waits_for_the_delay() -> None:
    state = begin(DELAYED, 0, T)
    desired = []
    for tick, load in enumerate([280, 280, 70, 70, 70, 70, 70, 70]):
        state, result = decide(DELAYED, state, seen(4, load, 0), T + 2 * tick)
        desired.append((result.desired, result.limited_by))
    down = (2, "max-scale-down-rate")
    held = (4, "scale-down-delay")
    assert desired == [(4, None), (4, None), held, held, held, held, down, down]


def test_a_delay_of_five_minutes_counts_slots_of_two_seconds() -> None:
    spec = replace(SPEC, scale_down_delay=300.0)
    start = T - T % 2
    state, _ = decide(spec, begin(spec, 0, start), seen(4, 280, 0), start + 2)
    _, held = decide(spec, state, seen(4, 140, 0), start + 300)
    _, gone = decide(spec, state, seen(4, 140, 0), start + 302)
    assert (held.desired, gone.desired) == (4, 2)


def test_of_two_decisions_in_one_slot_the_larger_counts() -> None:
    spec = replace(SPEC, scale_down_delay=2.0)
    start = T - T % 2
    state, _ = decide(spec, begin(spec, 0, start), seen(4, 280, 0), start)
    _, result = decide(spec, state, seen(4, 140, 0), start + 1)
    assert result.desired == 4


def test_the_delay_does_not_hold_up_going_up() -> None:
    state, _ = decide(DELAYED, begin(DELAYED, 0, T), seen(4, 70, 0), T)
    _, result = decide(DELAYED, state, seen(4, 350, 0), T + 2)
    assert (result.desired, result.limited_by) == (5, None)


def test_an_unreachable_revision_is_not_delayed() -> None:
    state, _ = decide(DELAYED, begin(DELAYED, 0, T), seen(4, 280, 0), T)
    _, result = decide(replace(DELAYED, reachable=False), state, seen(4, 0, 0), T + 2)
    assert result.desired == 0


def test_a_delay_that_comes_later_is_not_taken_up() -> None:
    state, _ = decide(SPEC, begin(SPEC, 0, T), seen(4, 280, 0), T)
    _, result = decide(DELAYED, state, seen(4, 140, 0), T + 2)
    assert result.desired == 2


def test_the_article_wants_72_pods() -> None:
    """50 users, target 1 at 70 %."""
    spec = DeciderSpec(target=0.7, total=1.0)
    _, result = decide(spec, INITIAL, seen(1, 50.0), T)
    assert (result.wanted_stable, result.wanted_panic, result.desired) == (72, 72, 72)


def test_a_result_explains_itself() -> None:
    spec = replace(SPEC, max_scale_up_rate=3.0)
    _, result = decide(spec, INITIAL, seen(1, 100.0, 500.0), T)
    assert result.wanted_stable == 2
    assert result.wanted_panic == 8
    assert result.observed_stable == 100.0
    assert result.observed_panic == 500.0
    assert result.ready == 1
    assert result.desired == 3
    assert result.panicking
    assert result.limited_by == "max-scale-up-rate"
    assert result.excess_burst_capacity == -611


def test_deciding_again_from_the_same_state_gives_the_same() -> None:
    again = [decide(SPEC, PANIC, seen(3, 300, 500), T + 4) for _ in range(2)]
    assert again[0] == again[1]

"""The bucket rings of the stable and the panic window."""

from __future__ import annotations

import pytest

from knlab.kpa.windows import Window, smoothing_coefficient

T = 1_700_000_000.0


def window(seconds: float, *records: tuple[float, float], weighted: bool = False) -> Window:
    made = Window(seconds, "weighted-exponential" if weighted else "linear")
    for at, value in records:
        made.record(T + at, value)
    return made


@pytest.mark.parametrize(
    ("records", "at", "average"),
    [
        pytest.param([], 0, 0.0, id="a window never written to averages 0"),
        pytest.param([(0, 5)], 0, 5.0, id="the first second is the whole average"),
        pytest.param([(0, 5), (0.9, 2)], 0.95, 7.0, id="records of one second add up"),
        pytest.param([(0, 4), (1, 8)], 1, 6.0, id="the divisor counts seconds since first write"),
        pytest.param([(0, 4), (3, 8)], 3, 3.0, id="seconds without data between writes count as 0"),
        pytest.param([(0, 6), (1, 6)], 3, 6.0, id="silence does not lower the average"),
        pytest.param(
            [(0, 60), (1, 6), (2, 6), (3, 6), (4, 6), (5, 6)], 6, 6.0,
            id="silence lets the oldest second expire",
        ),
        pytest.param([(0, 6)], 5, 6.0, id="the last moment before the window is over"),
        pytest.param([(0, 6)], 6, 0.0, id="silence as long as the window averages 0"),
        pytest.param(
            [(second, 12) for second in range(6)] + [(6, 0)], 6, 10.0,
            id="a new second takes the place of the oldest",
        ),
        pytest.param(
            [(0, 9), (6, 3)], 6, 3.0, id="a gap as long as the window starts the average anew"
        ),
        pytest.param([(0, 9), (60, 3)], 60, 3.0, id="a longer gap too"),
        pytest.param([(5, 6), (2, 6)], 5, 3.0, id="a late record moves the first write back"),
        pytest.param(
            [(0, 0), (5, 6), (2, 6)], 5, 2.0, id="a late record inside the data just adds"
        ),
        pytest.param([(6, 6), (0, 60)], 6, 6.0, id="a record as old as the window is ignored"),
        pytest.param([(6, 6), (1, 6)], 6, 2.0, id="a record almost as old counts"),
        pytest.param([(3, 6)], 0, 6.0, id="asking about the past gives the present"),
        pytest.param(
            [(0, 1), (1, 0), (2, 0)], 2, 0.333333, id="averages have six digits"
        ),
        pytest.param(
            [(0, 0.000001), (1, 0)], 1, 0.000001, id="halves are rounded away from zero"
        ),
        pytest.param([(0, -0.000001), (1, 0)], 1, -0.000001, id="below zero as well"),
    ],
)  # fmt: skip
def test_linear_average(records: list[tuple[float, float]], at: float, average: float) -> None:
    assert window(6, *records).average(T + at) == average


def test_rounding_leaves_no_negative_zero() -> None:
    ring = window(6, (0, 0.1), (1, 0.2), (6, 0.0), (7, 0.0))
    assert str(ring.average(T + 7)) == "0.0"


@pytest.mark.parametrize(
    ("buckets", "coefficient"),
    [
        pytest.param(1, 0.9999, id="one bucket has all the weight that is distributed"),
        pytest.param(6, 0.78456, id="six buckets"),
        pytest.param(40, 0.20567, id="forty buckets"),
        pytest.param(42, 0.2, id="from 42 buckets on the newest weighs a fifth"),
        pytest.param(3600, 0.2, id="an hour too"),
    ],
)
def test_smoothing_coefficient(buckets: int, coefficient: float) -> None:
    assert smoothing_coefficient(buckets) == pytest.approx(coefficient, abs=1e-5)


@pytest.mark.parametrize(
    ("records", "at", "average"),
    [
        pytest.param([], 0, 0.0, id="an empty ring averages 0"),
        pytest.param([(0, 10)], 0, 7.8456, id="weights are not normalised"),
        pytest.param([(0, 10), (1, 20)], 1, 20 * 0.78456 + 10 * 0.78456 * 0.21544, id="decay"),
        pytest.param([(0, 10)], 2, 10 * 0.78456 * 0.21544**2, id="silence decays as zeros would"),
        pytest.param([(0, 10)], 6, 0.0, id="after the window nothing is left"),
        pytest.param([(0, 10)], 7, 0.0, id="and later nothing either"),
        pytest.param([(3, 10)], 0, 7.8456, id="asking about the past gives the present"),
    ],
)
def test_weighted_average(records: list[tuple[float, float]], at: float, average: float) -> None:
    ring = window(6, *records, weighted=True)
    assert ring.average(T + at) == pytest.approx(average, abs=1e-3)


@pytest.mark.parametrize(
    ("at", "empty"),
    [
        pytest.param(0, False, id="just written"),
        pytest.param(6, False, id="exactly the window ago"),
        pytest.param(7, True, id="more than the window ago"),
    ],
)
def test_a_window_is_empty_after_silence_longer_than_itself(at: float, *, empty: bool) -> None:
    assert window(6, (0, 0.0)).is_empty(T + at) is empty


def test_a_window_never_written_to_is_empty() -> None:
    assert window(6).is_empty(0.0)


def test_a_window_has_as_many_buckets_as_its_seconds_rounded_up() -> None:
    ring = window(5.5, *((second, 6.0) for second in range(6)))
    assert ring.average(T + 5) == 6.0


def test_growing_keeps_everything_and_assumes_a_full_old_window() -> None:
    ring = window(6, *((second, 6.0) for second in range(6)))
    ring.resize(10, T + 5)
    assert ring.average(T + 5) == 6.0
    ring.record(T + 6, 13.0)
    assert ring.average(T + 6) == 7.0


def test_shrinking_keeps_the_newest_seconds() -> None:
    ring = window(6, (0, 100), (1, 100), (2, 100), (3, 1), (4, 2), (5, 3))
    ring.resize(3, T + 5)
    assert ring.average(T + 5) == 2.0


def test_resizing_a_short_history_pretends_that_it_filled_the_window() -> None:
    ring = window(6, (0, 12))
    ring.resize(12, T)
    assert ring.average(T) == 2.0


def test_resizing_forgets_what_is_older_than_the_window() -> None:
    ring = window(6, (0, 12))
    ring.resize(60, T + 10)
    assert ring.average(T + 10) == 0.0
    ring.record(T + 10, 8)
    assert ring.average(T + 10) == 8.0


def test_resizing_before_any_record_changes_only_the_length() -> None:
    ring = window(6)
    ring.resize(3, T)
    assert ring.average(T) == 0.0
    assert ring.window == 3


def test_resizing_to_the_same_window_changes_nothing() -> None:
    ring = window(6, (0, 12))
    ring.resize(6, T)
    assert ring.average(T) == 12.0


@pytest.mark.parametrize("weighted", [False, True], ids=["linear", "weighted"])
def test_shifting_all_times_changes_nothing(*, weighted: bool) -> None:
    def averages(shift: float) -> list[float]:
        records = [(shift + 0.5 * step, step % 7) for step in range(40) if step % 5]
        ring = window(6, *records, weighted=weighted)
        return [ring.average(T + shift + 19 + silence) for silence in range(8)]

    assert averages(0.0) == averages(86_400.0)

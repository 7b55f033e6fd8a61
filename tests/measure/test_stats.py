"""Statistics against values that are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from knlab.measure.columns import ErrorClass, Requests
from knlab.measure.records import ClientUse, LoadRecord, Workload
from knlab.measure.stats import (
    Interval,
    chi_square_p,
    chi_square_tail,
    ecdf,
    linear_bins,
    littles_law,
    log_bins,
    percentile_interval,
    percentiles,
    rank,
    summarize,
    wilson_interval,
)


@pytest.mark.parametrize(
    ("percentage", "count", "expected"),
    [(50, 10, 5), (50, 11, 6), (99, 100, 99), (99.9, 1000, 999), (99.9, 100, 100), (0, 5, 1)],
)
def test_a_rank_is_the_nearest_from_above(percentage: float, count: int, expected: int) -> None:
    assert rank(percentage, count) == expected


def test_percentiles_are_values_that_occurred() -> None:
    values = np.random.default_rng(1).permutation(np.arange(1.0, 1001.0))
    assert percentiles(values, (10, 50, 99, 99.9, 100)) == (100, 500, 990, 999, 1000)
    assert percentiles(values, (50,)) == (np.percentile(values, 50, method="inverted_cdf"),)


def test_percentiles_of_nothing_are_unknown() -> None:
    assert all(math.isnan(value) for value in percentiles([], (50, 99)))


def test_the_interval_of_a_median_is_the_textbook_one() -> None:
    # n = 10, 95 %: the second and the ninth of ten (confidence 97.9 %).
    assert percentile_interval(range(1, 11), 50) == Interval(2, 9)


def test_an_interval_says_when_the_data_cannot() -> None:
    found = percentile_interval(range(1, 101), 99.9)
    assert found.high == math.inf
    assert found.low > 90
    assert percentile_interval([], 50) == Interval(-math.inf, math.inf)


@pytest.mark.parametrize("count", [300, 20_000])
def test_intervals_hold_the_true_percentile_as_often_as_they_say(count: int) -> None:
    chance = np.random.default_rng(7)
    truth = -math.log(0.1)
    held = sum(truth in percentile_interval(chance.exponential(size=count), 90) for _ in range(200))
    assert held >= 182


def test_heys_bins_hold_every_value_once() -> None:
    values = [0.002, *[0.1] * 5, 0.3, 2.0]
    bins = linear_bins(values)
    assert len(bins) == 11
    assert bins[0] == (0.002, 1)
    assert bins[-1] == (2.0, 1)
    assert sum(count for _, count in bins) == len(values)
    assert linear_bins([]) == ()


def test_log_bins_are_powers_of_ten_and_hold_every_value_once() -> None:
    values = np.array([0.001, 0.0015, 0.01, 0.5, 1.0])
    edges, counts = log_bins(values, per_decade=1)
    assert edges == pytest.approx([0.001, 0.01, 0.1, 1.0, 10.0])
    assert counts.tolist() == [2, 1, 1, 1]
    assert counts.sum() == len(values)


def test_an_ecdf_ends_at_one() -> None:
    values, shares = ecdf([3.0, 1.0, 2.0])
    assert values.tolist() == [1, 2, 3]
    assert shares.tolist() == pytest.approx([1 / 3, 2 / 3, 1])


def test_wilsons_interval_is_the_published_one() -> None:
    found = wilson_interval(210, 400)
    assert [found.low, found.high] == pytest.approx([0.4761, 0.5734], abs=1e-4)
    assert wilson_interval(0, 10).low == 0
    assert wilson_interval(0, 0) == Interval(0, 1)


@pytest.mark.parametrize(
    ("statistic", "freedom", "p"),
    [(3.841, 1, 0.05), (5.991, 2, 0.05), (7.815, 3, 0.05), (9.488, 4, 0.05), (6.635, 1, 0.01)],
)
def test_the_chi_square_tail_matches_the_tables(statistic: float, freedom: int, p: float) -> None:
    assert chi_square_tail(statistic, freedom) == pytest.approx(p, rel=1e-3)


def test_a_split_is_judged_against_what_was_asked_for() -> None:
    assert chi_square_p([210, 190], [50, 50]) == pytest.approx(0.3173, abs=1e-4)
    assert chi_square_p([400, 0], [50, 50]) < 1e-60
    assert chi_square_p([10, 1], [100, 0]) == 0
    with pytest.raises(ValueError, match="one share"):
        chi_square_p([1], [1, 2])


def record(**columns: object) -> LoadRecord:
    return LoadRecord(
        workload=Workload(url="http://x", concurrency=2),
        requests=Requests.of(columns),
        elapsed=2.0,
        client=ClientUse(cpu_share=0.1, lag=0.0),
        started=1e9,
        world="embedded",
    )


def test_errors_and_warm_up_are_never_in_the_latency() -> None:
    found = summarize(
        record(
            intended_start=[-1.0, 0.0, 0.5, 1.0, 1.5],
            start=[-1.0, 0.0, 0.5, 1.0, 1.5],
            first_byte=[-0.6, 0.09, 0.69, 9.0, np.nan],
            end=[-0.5, 0.1, 0.7, 9.9, 2.0],
            status=[200, 200, 200, 503, 0],
            bytes=[5, 10, 10, 7, 0],
            error=[0, 0, 0, ErrorClass.STATUS, ErrorClass.UNFINISHED],
        )
    )
    assert (found.requests, found.failed, found.unfinished) == (2, 1, 1)
    assert found.slowest == pytest.approx(0.2)
    assert found.average == pytest.approx(0.15)
    assert found.requests_per_second == 1.0
    assert found.errors == (("status", 1),)
    assert found.status == ((200, 2), (503, 1))
    assert (found.total_bytes, found.bytes_per_request) == (20, 10)
    assert found.to_json()["percentiles"]["p50"] == pytest.approx(0.1)


def test_latency_counts_from_the_intended_start() -> None:
    found = summarize(record(intended_start=[0.0], start=[0.4], end=[0.5], status=[200]))
    assert found.slowest == pytest.approx(0.5)


def test_a_run_without_success_has_no_latency() -> None:
    found = summarize(record(error=[ErrorClass.REFUSED] * 3))
    assert found.requests == 0
    assert found.percentiles == ()
    assert math.isnan(found.average)
    assert found.to_json()["average"] is None


def test_littles_law_holds_for_the_articles_run() -> None:
    assert littles_law(1412.4594, 0.0353) == pytest.approx(50, rel=0.01)

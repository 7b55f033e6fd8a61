"""Rows of a comparison."""

from __future__ import annotations

import math

import pytest

from knlab.article import COLD, LOAD_TEST, WARM
from knlab.measure.contrast import Row, load_rows, phase_rows, ratio_text


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ((1.0, 1.2), "alike"), ((1.0, 1.9), "near"), ((2.1, 1.0), "apart"), ((1.0, 0.0), "unknown"),
    ],
)  # fmt: skip
def test_a_verdict_is_a_band_around_one(values: tuple[float, float], verdict: str) -> None:
    assert Row("x", "s", values).verdict == verdict


def test_the_articles_cold_start_is_a_thousand_times_the_warm_one_not_ten() -> None:
    rows = {row.what: row for row in phase_rows([[COLD], [WARM]])}
    assert rows["wait"].ratio == pytest.approx(1086, abs=1)
    assert rows["total"].ratio == pytest.approx(10, abs=0.1)
    assert rows["namelookup"].ratio < 0.01
    assert "tls" not in rows


def test_load_rows_carry_their_reason_and_admit_what_is_unknown() -> None:
    rows = {row.what: row for row in load_rows([LOAD_TEST, LOAD_TEST])}
    assert rows["requests/s"].ratio == 1
    assert rows["requests/s"].verdict == "alike"
    assert math.isnan(rows["p99.9"].values[0])
    assert math.isnan(rows["errors"].values[0])
    assert all(row.reason for row in rows.values())


@pytest.mark.parametrize(
    ("ratio", "text"),
    [(1086.4, "1,086"), (1.53, "1.5"), (0.0094, "0.0094"), (20.4, "20")],
)
def test_a_ratio_has_the_digits_it_deserves(ratio: float, text: str) -> None:
    assert ratio_text(ratio) == f"{text}\N{MULTIPLICATION SIGN}"
    assert ratio_text(math.nan) == "unknown"

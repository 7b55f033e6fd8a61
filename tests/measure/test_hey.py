"""hey's report, out and in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from knlab._exceptions import UsageError
from knlab.article import HEY, LOAD_TEST
from knlab.measure.hey import doubts, format_report, from_hey


def test_the_articles_report_comes_back_letter_by_letter() -> None:
    assert format_report(from_hey(HEY)) == HEY


def test_status_codes_and_errors_come_back() -> None:
    told = replace(LOAD_TEST, status=((200, 42394), (503, 1)), errors=(("timeout", 2),))
    found = from_hey(format_report(told), concurrency=50, world="article")
    assert found == told
    assert found.failed == 2


def test_a_report_of_ours_comes_back_to_four_digits() -> None:
    found = from_hey(format_report(replace(LOAD_TEST, average=0.03531234)))
    assert found.average == 0.0353


def test_a_run_without_a_success_has_no_latencies() -> None:
    nothing = replace(
        LOAD_TEST, requests=0, total_bytes=0, slowest=float("nan"), fastest=float("nan"),
        average=float("nan"), percentiles=(), histogram=(), details=(), errors=(("refused", 9),),
    )  # fmt: skip
    said = format_report(nothing)
    assert "nan" not in said
    assert "Latency" not in said
    assert "[9]\trefused" in said


def test_what_the_articles_report_hides_is_said() -> None:
    copied, tail, lookup = doubts(LOAD_TEST)
    assert "v0.1.4" in copied
    assert "50 of 42,395 requests (0.118%)" in tail
    assert "name lookup" in lookup
    assert "296 ms" in lookup


def test_a_report_in_order_raises_no_doubt() -> None:
    plain = replace(LOAD_TEST, details=(), histogram=((0.002, 1), (0.2, 42394)), slowest=0.2)
    assert doubts(plain) == ()


def test_another_text_is_refused() -> None:
    with pytest.raises(UsageError, match="no report of hey"):
        from_hey("hello")

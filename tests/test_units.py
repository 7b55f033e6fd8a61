"""Durations, counts and sizes as people write them."""

from __future__ import annotations

import pytest

from knlab._exceptions import UsageError
from knlab._units import format_bytes, format_count, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30.0), ("1m30s", 90.0), ("250ms", 0.25), ("1.5h", 5400.0), (".5s", 0.5),
        ("10us", 1e-5), ("10µs", 1e-5), ("7ns", 7e-9), (" 2m ", 120.0), (3, 3.0), (0.25, 0.25),
        ("0s", 0.0),
    ],
)  # fmt: skip
def test_durations_are_read(text: str | float, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "30", "s", "30 s", "1m 30s", "1d", "-3s", "soon", "3s!"])
def test_what_is_no_duration_is_named(text: str) -> None:
    with pytest.raises(UsageError, match="window=") as refused:
        parse_duration(text, name="window")
    assert refused.value.hint


def test_negative_numbers_are_refused() -> None:
    with pytest.raises(UsageError, match="is negative"):
        parse_duration(-1.0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0285, "28.5 ms"), (0.0, "0.00 µs"), (1.0, "1.00 s"), (9.996, "10.0 s"),
        (99.96, "100 s"), (1234.0, "1,234 s"), (0.00005, "50.0 µs"), (0.001, "1.00 ms"),
    ],
)  # fmt: skip
def test_durations_are_written(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


def test_counts_and_sizes() -> None:
    assert format_count(42395.4) == "42,395"
    assert [format_bytes(size) for size in (0, 1023, 1536, 3 * 2**20, 5 * 2**40)] == [
        "0 B",
        "1023 B",
        "1.5 KiB",
        "3.0 MiB",
        "5120.0 GiB",
    ]

from __future__ import annotations

import pytest

from knlab.embedded.kube.ages import age_of, format_age, parse_time

MINUTE, HOUR, DAY = 60, 3600, 86400


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-2, "<invalid>"), (-1.9, "0s"), (0, "0s"), (119, "119s"), (120, "2m"), (304, "5m4s"),
        (10 * MINUTE, "10m"), (3 * HOUR - 1, "179m"), (3 * HOUR, "3h"), (3 * HOUR + 61, "3h1m"),
        (8 * HOUR + 61, "8h"), (2 * DAY - 1, "47h"), (2 * DAY, "2d"), (2 * DAY + HOUR, "2d1h"),
        (8 * DAY + HOUR, "8d"), (729 * DAY, "729d"), (730 * DAY, "2y"), (731 * DAY, "2y1d"),
        (8 * 365 * DAY + DAY, "8y"),
    ],
)  # fmt: skip
def test_an_age_has_at_most_two_units(seconds: float, text: str) -> None:
    assert format_age(seconds) == text


def test_times_are_rfc_3339_with_or_without_fractions() -> None:
    assert parse_time("2023-11-14T22:13:20Z") == 1_700_000_000.0
    assert parse_time("2023-11-14T22:13:20.500000Z") == 1_700_000_000.5
    assert parse_time("yesterday") is None


@pytest.mark.parametrize(
    ("stamp", "text"),
    [(None, "<unknown>"), ("", "<unknown>"), ("x", "<invalid>"), ("2023-11-14T22:08:20Z", "5m")],
)
def test_age_of_a_timestamp(stamp: str | None, text: str) -> None:
    assert age_of(stamp, 1_700_000_000.0) == text

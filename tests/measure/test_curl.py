"""curl's output as a timing."""

from __future__ import annotations

import pytest

from knlab._exceptions import UsageError
from knlab.article import CURL_COLD
from knlab.measure.curl import FORMAT_FILE, from_curl


def test_the_articles_output_is_read_field_by_field() -> None:
    timing = from_curl(CURL_COLD, world="article")
    assert (timing.namelookup, timing.connect, timing.pretransfer) == (0.001831, 0.002052, 0.00211)
    assert (timing.starttransfer, timing.total) == (1.96637, 1.966427)
    assert (timing.appconnect, timing.redirect) == (0.0, 0.0)
    assert timing.text == "Hello Knative!"
    assert repr(timing) == "<Timing 1.97 s total, 1.96 s wait, article>"


def test_the_format_file_asks_for_each_field_that_is_read() -> None:
    asked = FORMAT_FILE.read_text().replace("%{", "").replace("}\\n", "")
    assert all(name in asked for name in ("time_namelookup", "time_appconnect", "time_total"))
    assert len(FORMAT_FILE.read_text().splitlines()) == 8


def test_a_missing_field_is_named() -> None:
    with pytest.raises(UsageError, match="lacks time_total"):
        from_curl(CURL_COLD.replace("time_total", "time_of_day"))

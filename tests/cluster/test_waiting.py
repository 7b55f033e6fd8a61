"""Waits end with what they waited for, or with what they last saw."""

from __future__ import annotations

import pytest

from knlab._exceptions import TimedOut, UsageError
from knlab.cluster.waiting import wait_until


def test_the_first_result_that_is_not_none_is_returned() -> None:
    answers = iter([None, 0])
    assert wait_until("a number", lambda: next(answers), timeout="5s") == 0


def test_a_deadline_says_what_was_waited_for_and_last_seen() -> None:
    with pytest.raises(TimedOut) as late:
        wait_until("rain", lambda: None, timeout=0, last_seen=lambda: "sun", hint="move north")
    assert late.value.message == "waited 0 s for rain; last seen: sun"
    assert late.value.hint == "move north"


def test_a_timeout_that_is_none_is_named() -> None:
    with pytest.raises(UsageError, match="timeout='soon' is not a duration"):
        wait_until("rain", lambda: None, timeout="soon")

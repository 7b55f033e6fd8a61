"""Waiting with a deadline that says what it waits for and what it last saw."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from knlab._exceptions import TimedOut
from knlab._units import parse_duration

T = TypeVar("T")

_POLL = 0.1


def wait_until(
    what: str,
    look: Callable[[], T | None],
    *,
    timeout: str | float,
    last_seen: Callable[[], str] = str,
    hint: str = "",
) -> T:
    """The first result of `look` that is not None.

    Raises:
        TimedOut: after `timeout`, with what `last_seen` says then.
    """
    patience = parse_duration(timeout, name="timeout")
    deadline = time.monotonic() + patience
    while (found := look()) is None:
        if time.monotonic() >= deadline:
            raise TimedOut(what, after=patience, last_seen=last_seen(), hint=hint)
        time.sleep(_POLL)
    return found

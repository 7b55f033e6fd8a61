"""Errors are a designed surface: one tree, each with a remedy on a line of its own."""

from __future__ import annotations

import inspect

from knlab import _exceptions
from knlab._exceptions import KnlabError, TimedOut


def test_the_hint_has_a_line_of_its_own() -> None:
    assert str(KnlabError("it broke", hint="mend it")) == "it broke\n  → mend it"
    assert str(KnlabError("it broke")) == "it broke"


def test_a_wait_says_what_for_how_long_and_what_was_seen() -> None:
    late = TimedOut("the train", after=12.4, last_seen="a bus", hint="walk")
    assert str(late) == "waited 12 s for the train; last seen: a bus\n  → walk"


def test_the_drawing_of_the_tree_is_the_tree() -> None:
    drawn = _exceptions.__doc__ or ""
    for name, found in inspect.getmembers(_exceptions, inspect.isclass):
        assert issubclass(found, KnlabError)
        assert name in drawn

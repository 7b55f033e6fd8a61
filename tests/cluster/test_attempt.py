"""Attempts: a refusal is a result."""

from __future__ import annotations

import pytest

from knlab._exceptions import Invalid
from knlab.cluster.attempt import attempt


def _refuse() -> None:
    raise Invalid("spec is wrong", hint="correct it")


def test_what_works_is_accepted() -> None:
    found = attempt(lambda: None)
    assert (found.refused, found.message, repr(found)) == (False, "", "<accepted>")
    assert "accepted" in found._repr_html_()


def test_a_refusal_keeps_its_words() -> None:
    found = attempt(_refuse)
    assert found.refused
    assert found.message == "spec is wrong"
    assert repr(found) == "<refused, Invalid: spec is wrong>"
    assert "correct it" in found._repr_html_()


def test_what_nobody_raised_on_purpose_is_no_refusal() -> None:
    with pytest.raises(ZeroDivisionError):
        attempt(lambda: 1 / 0)

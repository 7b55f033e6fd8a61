"""Pace: two sets of settings, by name."""

from __future__ import annotations

import pytest

from knlab._exceptions import UsageError
from knlab.pace import ARTICLE, QUICK, pace_named


def test_paces_by_name() -> None:
    assert (pace_named("article"), pace_named("quick")) == (ARTICLE, QUICK)
    assert repr(QUICK) == "<Pace quick: 6s window, 10s of load>"


def test_the_article_has_the_articles_settings() -> None:
    assert (ARTICLE.window, ARTICLE.load_duration, ARTICLE.cold_samples) == ("60s", "30s", 10)


@pytest.mark.parametrize("name", ["", "slow", "Quick"])
def test_an_unknown_pace_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"KNLAB_PACE={name!r}") as refused:
        pace_named(name)
    assert "article or quick" in refused.value.hint

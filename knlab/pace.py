"""How much time a lesson takes: the article's settings, or the shortest that Knative accepts.

`KNLAB_PACE=article` (the default) uses the article's settings, `quick` is for CI and for the
impatient. Pace changes what is configured and how much is measured, never how.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from knlab._exceptions import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """One set of settings; durations as Knative's annotations take them."""

    name: str
    window: str
    """`autoscaling.knative.dev/window`: the stable window."""
    load_duration: str
    cold_samples: int
    warm_samples: int
    split_requests: int

    def __repr__(self) -> str:
        return f"<Pace {self.name}: {self.window} window, {self.load_duration} of load>"


ARTICLE: Final = Pace(
    name="article",
    window="60s",
    load_duration="30s",
    cold_samples=10,
    warm_samples=100,
    split_requests=400,
)
QUICK: Final = Pace(
    name="quick",
    window="6s",
    load_duration="10s",
    cold_samples=10,
    warm_samples=100,
    split_requests=400,
)


def pace_named(name: str) -> Pace:
    """The pace called `name`.

    Raises:
        UsageError: if there is none.
    """
    for pace in (ARTICLE, QUICK):
        if pace.name == name:
            return pace
    raise UsageError(f"KNLAB_PACE={name!r}", hint="set it to article or quick")


PACE: Final = pace_named(os.environ.get("KNLAB_PACE", "article"))
"""The pace of this process, from `KNLAB_PACE`."""

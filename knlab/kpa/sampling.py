"""How many pods are asked, and how their reports stand for the others.

Rules as in Knative's `pkg/autoscaler/metrics/sample_size.go` and `stats_scraper.go`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from knlab.kpa.stat import Stat

SAMPLE_OF_INFINITY: Final = 1.96**2 * 100 / 25
"""Pods to ask of infinitely many, for 95 % confidence (z = 1.96), variance 100, margin ±5."""
SCRAPER: Final = "service-scraper"
"""Who reports for all pods of a revision."""
PODS_EXHAUSTED: Final = "pods exhausted"
"""The failure when too few pods answer."""

Shuffle = Callable[[list[str]], None]
"""Brings a list into random order, as `random.Random.shuffle` does."""


def sample_size(population: int) -> int:
    """How many of `population` pods are asked."""
    if population <= 3:
        return max(population, 0)
    return math.ceil(population * SAMPLE_OF_INFINITY / (population + SAMPLE_OF_INFINITY - 1))


@dataclass(frozen=True, slots=True)
class Scraped:
    """One round of asking pods: the report for all of them, or why there is none."""

    stat: Stat | None = None
    failure: str = ""


def scraped(
    reports: Mapping[str, Stat],
    ages: Mapping[str, float],
    *,
    revision: str,
    now: float,
    window: float,
    shuffle: Shuffle,
) -> Scraped:
    """One report for all ready pods, from the `reports` of those that answered, both by pod name.

    `ages` are those of all ready pods. Pods as old as the `window` are preferred, because young
    ones report less than their share.
    """
    size = sample_size(len(ages))
    if size == 0:
        return Scraped()
    order = _order(ages, size, window, shuffle)
    answers = [reports[pod] for pod in order if pod in reports][:size]
    if len(answers) < size:
        return Scraped(failure=PODS_EXHAUSTED)
    return Scraped(_extrapolated(answers, len(ages), revision, now))


def _order(ages: Mapping[str, float], size: int, window: float, shuffle: Shuffle) -> list[str]:
    old = [pod for pod, age in ages.items() if age >= window]
    young = [pod for pod, age in ages.items() if age < window]
    shuffle(young if len(old) < size else old)
    return old + young


def _extrapolated(answers: Sequence[Stat], population: int, revision: str, now: float) -> Stat:
    factor = population / len(answers)
    return Stat(
        revision=revision,
        pod=SCRAPER,
        time=now,
        average_concurrent_requests=sum(s.average_concurrent_requests for s in answers) * factor,
        average_proxied_concurrent_requests=(
            sum(s.average_proxied_concurrent_requests for s in answers) * factor
        ),
        request_count=sum(s.request_count for s in answers) * factor,
        proxied_request_count=sum(s.proxied_request_count for s in answers) * factor,
    )

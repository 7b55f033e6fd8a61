"""Two or more results side by side: ratios, a verdict for each, and the reason behind it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from knlab.measure.records import PHASES, LoadSummary, Timing

Verdict = Literal["alike", "near", "apart", "unknown"]
"""Within a quarter, within a factor of two, further apart, or not to be compared."""

_REASONS = {
    "requests/s": "how fast machine, gateway and client are; compare ratios, not machines",
    "average": "Little's law: users divided by requests per second",
    "p50": "the usual request: gateway, queue-proxy and program",
    "p90": "queueing where the pods are busy",
    "p99": "queueing, scheduling, and pods that have just started",
    "p99.9": "the tail that hey does not print",
    "slowest": "name lookups and cold starts, each a handful of requests",
    "errors": "hey's list was cut from the article, so success is unproven there",
}
_PERCENTILES = (50.0, 90.0, 99.0, 99.9)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a comparison: a value for each part, and how the first relates to the last."""

    what: str
    unit: Literal["s", "requests/s", "requests"]
    values: tuple[float, ...]
    reason: str = ""

    @property
    def ratio(self) -> float:
        """The first value divided by the last; NaN where that means nothing."""
        first, last = self.values[0], self.values[-1]
        return first / last if last > 0 and first > 0 else math.nan

    @property
    def verdict(self) -> Verdict:
        """How far apart the first and the last are."""
        if math.isnan(self.ratio):
            return "unknown"
        distance = max(self.ratio, 1 / self.ratio)
        return "alike" if distance <= 1.25 else "near" if distance <= 2 else "apart"


def phase_rows(parts: Sequence[Sequence[Timing]]) -> tuple[Row, ...]:
    """The median of each phase and of the total, for each group of timings."""
    rows = [
        Row(phase, "s", tuple(median(each.phases[phase] for each in part) for part in parts))
        for phase in PHASES
    ]
    rows.append(Row("total", "s", tuple(median(each.total for each in part) for part in parts)))
    return tuple(row for row in rows if any(row.values))


def load_rows(parts: Sequence[LoadSummary]) -> tuple[Row, ...]:
    """Rate, average, percentiles, slowest and errors of each summary, and why they differ."""
    lines: list[tuple[str, Literal["s", "requests/s", "requests"], tuple[float, ...]]] = [
        ("requests/s", "requests/s", tuple(part.requests_per_second for part in parts)),
        ("average", "s", tuple(part.average for part in parts)),
    ]
    lines += [
        (f"p{share:g}", "s", tuple(part.percentile(share) for part in parts))
        for share in _PERCENTILES
    ]
    lines += [
        ("slowest", "s", tuple(part.slowest for part in parts)),
        ("errors", "requests", tuple(_errors(part) for part in parts)),
    ]
    return tuple(Row(what, unit, values, _REASONS[what]) for what, unit, values in lines)


def _errors(part: LoadSummary) -> float:
    """NaN where the status distribution is missing: then nobody knows."""
    return float(part.failed) if part.status or part.errors else math.nan


def ratio_text(ratio: float) -> str:
    """`ratio` with as many digits as it deserves and the sign of multiplication."""
    if math.isnan(ratio):
        return "unknown"
    digits = f"{ratio:,.0f}" if ratio >= 20 else f"{ratio:.2g}" if ratio < 1 else f"{ratio:.1f}"
    return f"{digits}\N{MULTIPLICATION SIGN}"

"""Statistics of latencies and counts, as functions of numbers.

A percentile here is the *nearest rank*: the smallest observed value such that at least that share
of the observations is no larger. It is always a value that occurred, and p100 is the maximum.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

import numpy as np

from knlab.measure.columns import ErrorClass, Requests
from knlab.measure.records import LoadRecord, LoadSummary, PhaseRange

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

PERCENTAGES: Final = (10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99)
"""hey's seven, and the two it leaves out."""
EXACT_RANKS: Final = 10_000
"""Up to this many observations the ranks of an interval come from the binomial itself."""


@dataclass(frozen=True, slots=True)
class Interval:
    """What a value lies in with the confidence asked for; infinite where the data cannot say."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


def rank(percentage: float, count: int) -> int:
    """The 1-based nearest rank of `percentage` among `count` observations."""
    # Rounding first: 99.9 % of 1,000 is 999.0000000000001 in floats and must not become rank 1,000.
    return max(1, math.ceil(round(percentage / 100 * count, 9)))


def percentiles(values: ArrayLike, percentages: Sequence[float] = PERCENTAGES) -> tuple[float, ...]:
    """The nearest-rank percentiles of `values`; NaN for each if there are none."""
    ordered = np.sort(np.asarray(values, dtype=float))
    if not len(ordered):
        return (math.nan,) * len(percentages)
    return tuple(float(ordered[rank(each, len(ordered)) - 1]) for each in percentages)


def percentile_interval(values: ArrayLike, percentage: float, confidence: float = 0.95) -> Interval:
    """The interval between two order statistics that holds the true percentile with `confidence`.

    It assumes independent observations and nothing about their distribution. A side is infinite
    when there are too few observations to bound it.
    """
    ordered = np.sort(np.asarray(values, dtype=float))
    low, high = _ranks(len(ordered), percentage / 100, confidence)
    return Interval(
        float(ordered[low - 1]) if low >= 1 else -math.inf,
        float(ordered[high - 1]) if high <= len(ordered) else math.inf,
    )


def _ranks(count: int, share: float, confidence: float) -> tuple[int, int]:
    """1-based ranks around the percentile; each misses it with (1 - confidence) / 2 at most."""
    tail = (1 - confidence) / 2
    if not count:
        return 0, 1
    if count > EXACT_RANKS:
        spread = normal_quantile(1 - tail) * math.sqrt(count * share * (1 - share))
        return math.floor(count * share - spread), math.ceil(count * share + spread) + 1
    # P(X ≤ k) where X is how many observations lie below the true percentile.
    below = np.cumsum(_binomial(count, share))
    low = int(np.searchsorted(below, tail, side="right"))
    high = int(np.searchsorted(below, 1 - tail, side="left")) + 1
    return low, high


def _binomial(count: int, share: float) -> NDArray[np.float64]:
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, count + 1)))])
    k = np.arange(count + 1)
    chance = logs[count] - logs[k] - logs[count - k]
    chance = chance + k * math.log(share) + (count - k) * math.log1p(-share)
    return np.asarray(np.exp(chance), dtype=float)


def normal_quantile(probability: float) -> float:
    """The value below which a standard normal variable lies with `probability`."""
    return NormalDist().inv_cdf(probability)


def linear_bins(values: ArrayLike, count: int = 10) -> tuple[tuple[float, int], ...]:
    """hey's histogram, upper edges and counts: the fastest value alone, then equal bins."""
    ordered = np.sort(np.asarray(values, dtype=float))
    if not len(ordered):
        return ()
    edges = np.linspace(ordered[0], ordered[-1], count + 1)
    upto = np.searchsorted(ordered, edges, side="right")
    upto[-1] = len(ordered)
    return tuple(
        (float(edge), int(number))
        for edge, number in zip(edges, np.diff(upto, prepend=0), strict=True)
    )


def log_bins(
    values: ArrayLike, per_decade: int = 12
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Edges that are evenly spaced on a logarithmic scale, and counts.

    The edges are powers of ten and fixed fractions between, so that two histograms line up.
    Values of 0 or less go into the first bin.
    """
    seen = np.asarray(values, dtype=float)
    positive = seen[seen > 0]
    if not len(positive):
        return np.array([]), np.array([], dtype=np.int64)
    first = math.floor(round(math.log10(positive.min()) * per_decade, 9))
    last = math.floor(round(math.log10(positive.max()) * per_decade, 9)) + 1
    edges = 10.0 ** (np.arange(first, last + 1) / per_decade)
    places = np.clip(np.searchsorted(edges, seen, side="right") - 1, 0, len(edges) - 2)
    return edges, np.bincount(places, minlength=len(edges) - 1)


def ecdf(values: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sorted values, and the share of all values that is no larger than each."""
    ordered = np.sort(np.asarray(values, dtype=float))
    return ordered, np.arange(1, len(ordered) + 1) / max(1, len(ordered))


def wilson_interval(hits: int, count: int, confidence: float = 0.95) -> Interval:
    """Wilson's score interval for a share of which `hits` out of `count` were seen."""
    if not count:
        return Interval(0.0, 1.0)
    z = normal_quantile((1 + confidence) / 2)
    share = hits / count
    scale = 1 + z * z / count
    middle = (share + z * z / (2 * count)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    # At the ends the two terms are equal; floats would leave a trace of their difference.
    low = middle - half if hits else 0.0
    high = middle + half if hits < count else 1.0
    return Interval(low, high)


def chi_square_p(counts: Sequence[int], shares: Sequence[float]) -> float:
    """How likely counts at least this far from `shares` are, if `shares` is true (Pearson's test).

    Shares may be in any unit. A share of 0 with a count is impossible (0.0).

    Raises:
        ValueError: if the lengths differ or no share is positive.
    """
    if len(counts) != len(shares) or sum(shares) <= 0:
        raise ValueError("one share for each count, and one of them positive")
    expected = [share / sum(shares) * sum(counts) for share in shares]
    if any(seen and not due for seen, due in zip(counts, expected, strict=True)):
        return 0.0
    pairs = [(seen, due) for seen, due in zip(counts, expected, strict=True) if due]
    statistic = sum((seen - due) ** 2 / due for seen, due in pairs)
    return chi_square_tail(statistic, len(pairs) - 1)


def chi_square_tail(statistic: float, freedom: int) -> float:
    """The chance that a chi-square variable with `freedom` degrees exceeds `statistic`."""
    if freedom < 1 or statistic <= 0:
        return 1.0
    half = statistic / 2
    step = 0.5 if freedom % 2 else 1.0
    tail = math.erfc(math.sqrt(half)) if freedom % 2 else math.exp(-half)
    while step < freedom / 2:
        tail += math.exp(step * math.log(half) - half - math.lgamma(step + 1))
        step += 1
    return min(1.0, tail)


def littles_law(requests_per_second: float, average: float) -> float:
    """How many requests were under way on average: rate times mean response time (Little's law)."""
    return requests_per_second * average


def summarize(record: LoadRecord) -> LoadSummary:
    """The numbers of `record`: latencies of the successes, errors counted apart."""
    rows = record.requests
    good = rows.succeeded
    total = rows.latency[good]
    failed = Counter(ErrorClass(code) for code in rows.error[rows.measured].tolist())
    failed.pop(ErrorClass.NONE, None)
    unfinished = failed.pop(ErrorClass.UNFINISHED, 0)
    size = int(rows.bytes[good].sum())
    count = len(total)
    return LoadSummary(
        total=record.elapsed,
        slowest=float(total.max()) if count else math.nan,
        fastest=float(total.min()) if count else math.nan,
        average=float(total.mean()) if count else math.nan,
        requests_per_second=count / record.elapsed if record.elapsed else 0.0,
        requests=count,
        concurrency=record.workload.concurrency,
        total_bytes=size,
        bytes_per_request=size // count if count else 0,
        histogram=linear_bins(total),
        percentiles=tuple(zip(PERCENTAGES, percentiles(total), strict=True)) if count else (),
        details=_details(rows, good),
        status=_status(rows),
        errors=tuple((each.label, number) for each, number in sorted(failed.items())),
        unfinished=unfinished,
        world=record.world,
    )


def _status(rows: Requests) -> tuple[tuple[int, int], ...]:
    codes, counts = np.unique(rows.status[rows.measured & (rows.status > 0)], return_counts=True)
    return tuple(zip(codes.tolist(), counts.tolist(), strict=True))


def _details(rows: Requests, good: NDArray[np.bool_]) -> tuple[PhaseRange, ...]:
    if not good.any():
        return ()
    dialup = rows.namelookup[good].astype(float) + rows.connect[good] + rows.tls[good]
    return tuple(
        PhaseRange(
            name=name,
            average=float(spent.mean()),
            fastest=float(spent.min()),
            slowest=float(spent.max()),
        )
        for name, spent in (
            ("DNS+dialup", dialup),
            ("DNS-lookup", rows.namelookup[good].astype(float)),
            ("req write", rows.send[good].astype(float)),
            ("resp wait", rows.first_byte[good] - rows.sent[good]),
            ("resp read", rows.end[good] - rows.first_byte[good]),
        )
    )

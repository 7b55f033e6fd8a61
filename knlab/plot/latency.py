"""Latency pictures: hey's ten equal buckets beside a logarithmic scale, percentiles, two groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from knlab._units import format_count, format_duration
from knlab.measure.stats import linear_bins, log_bins, percentiles
from knlab.plot.chart import Chart
from knlab.plot.style import (
    BLUE,
    INK,
    MARKERS,
    MUTED,
    RED,
    SERIES,
    figure,
    headline,
    seconds_axis,
    seconds_log_y,
    styled,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_MARKS: Final = (50.0, 99.0, 99.9)
_NINES: Final = (50.0, 90.0, 99.0, 99.9, 99.99, 99.999)


def latency_chart(seconds: ArrayLike, *, failed: int = 0, world: str = "") -> Chart:
    """The histogram as hey draws it beside one that shows the tail, with p50, p99 and p99.9."""
    values = np.asarray(seconds, dtype=float)
    with styled():
        fig = figure()
        linear, log = fig.subplots(1, 2, width_ratios=[2, 3])
        draw_linear_histogram(values, ax=linear)
        draw_log_histogram(values, ax=log)
        note = f"n = {format_count(len(values))} successes, {format_count(failed)} errors"
        headline(fig, "How long requests took", world=world, note=note)
    return Chart(fig, _latency_sentence(values, failed, world))


def draw_linear_histogram(seconds: NDArray[np.float64], *, ax: Axes) -> None:
    """hey's histogram: one row a bucket, the count beside its bar."""
    ax.set_title("as hey draws it: ten equal buckets")
    if not len(seconds):
        _say_empty(ax)
        return
    bins = linear_bins(seconds)
    counts = [count for _, count in bins]
    ax.barh(range(len(bins)), counts, color=BLUE, height=0.75)
    ax.set_yticks(range(len(bins)), [format_duration(edge) for edge, _ in bins])
    ax.invert_yaxis()
    ax.grid(visible=False, axis="y")
    for row, count in enumerate(counts):
        ax.annotate(
            format_count(count), (count, row), (3, 0), textcoords="offset points",
            va="center", fontsize=8, color=INK if count else MUTED,
        )  # fmt: skip
    ax.set_xlim(0, 1.22 * max(counts, default=1))
    ax.xaxis.set_major_locator(NullLocator())
    ax.spines["bottom"].set_visible(False)
    ax.set_ylabel("bucket's upper edge")


def draw_log_histogram(seconds: NDArray[np.float64], *, ax: Axes) -> None:
    """Buckets of equal width on a logarithmic scale, and where the percentiles lie."""
    ax.set_title("the same on logarithmic scales")
    if not len(seconds):
        _say_empty(ax)
        return
    edges, counts = log_bins(seconds)
    seconds_axis(ax, log=True)
    ax.set_yscale("log")
    ax.bar(
        edges[:-1], counts, width=np.diff(edges), align="edge", color=BLUE, edgecolor="white",
        linewidth=0.5,
    )  # fmt: skip
    top = float(counts.max())
    ax.set_ylim(0.6, top * 14)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: format_count(value)))
    ax.set_ylabel("requests")
    ax.set_xlabel("time of one request")
    marks = zip(_MARKS, percentiles(seconds, _MARKS), strict=True)
    # The further right, the lower: no line then runs through the label of another.
    for step, (share, value) in enumerate(marks):
        height = 0.94 - 0.07 * step
        ax.axvline(value, color=RED, linewidth=1.2, ymax=height)
        ax.annotate(
            f"p{share:g} {format_duration(value)}", (value, height),
            (3, -1), xycoords=("data", "axes fraction"), textcoords="offset points",
            va="center", fontsize=8, color=RED,
        )  # fmt: skip
    _make_room(ax, float(edges[0]), float(edges[-1]))


def _say_empty(ax: Axes) -> None:
    ax.set_xticks([])
    ax.set_yticks([])
    ax.text(0.5, 0.5, "no successes", ha="center", va="center", color=MUTED)


def _make_room(ax: Axes, low: float, high: float) -> None:
    """A quarter of the axis is left to the right, where the last percentile's label goes."""
    ax.set_xlim(low, high * (high / low) ** 0.3)


def _latency_sentence(values: NDArray[np.float64], failed: int, world: str) -> str:
    if not len(values):
        return f"Histogram of latencies: no successes, {format_count(failed)} errors."
    p50, p99, p999 = percentiles(values, _MARKS)
    place = f", {world}" if world else ""
    return (
        f"Histogram of the latencies of {format_count(len(values))} successful requests{place}: "
        f"median {format_duration(p50)}, p99 {format_duration(p99)}, "
        f"p99.9 {format_duration(p999)}, slowest {format_duration(float(values.max()))}; "
        f"{format_count(failed)} errors."
    )


def percentile_chart(series: Mapping[str, ArrayLike], *, world: str = "") -> Chart:
    """Latency by percentile, on a scale on which every further nine is one step."""
    named = {name: np.sort(np.asarray(values, dtype=float)) for name, values in series.items()}
    with styled():
        fig = figure()
        ax = fig.subplots()
        draw_percentiles(named, ax=ax)
        sizes = ", ".join(f"{name} n = {format_count(len(v))}" for name, v in named.items())
        headline(fig, "Latency by percentile", world=world, note=sizes)
    return Chart(fig, _percentile_sentence(named, world))


def draw_percentiles(series: Mapping[str, NDArray[np.float64]], *, ax: Axes) -> None:
    """One curve for each series, up to the percentile that a single observation decides."""
    for (name, values), colour, marker in zip(series.items(), SERIES, MARKERS, strict=False):
        shares = _shares(len(values))
        curve = percentiles(values, tuple(shares))
        ax.plot([_nines(share) for share in shares], curve, color=colour, label=name)
        marked = [share for share in _NINES if share <= shares[-1]] if len(values) else []
        ax.plot(
            [_nines(share) for share in marked], percentiles(values, marked), marker,
            color=colour, markersize=5,
        )  # fmt: skip
    longest = max((len(values) for values in series.values()), default=0)
    ticks = [share for share in _NINES if share <= max(99.0, *_shares(longest)[-1:])]
    ax.xaxis.set_major_locator(FixedLocator([_nines(share) for share in ticks]))
    ax.set_xticklabels([f"p{share:g}" for share in ticks])
    seconds_log_y(ax)
    ax.set_ylabel("time of one request")
    ax.legend(loc="upper left")


def _shares(count: int) -> list[float]:
    """Percentages up to the last that `count` observations can tell from the maximum."""
    if not count:
        return [50.0]
    last = _nines(100 * (1 - 1 / max(2, count)))
    return [100 * (1 - 10.0**-step) for step in np.linspace(_nines(10.0), last, 120)]


def _nines(share: float) -> float:
    return float(-np.log10(1 - share / 100))


def _percentile_sentence(series: Mapping[str, NDArray[np.float64]], world: str) -> str:
    parts = []
    for name, values in series.items():
        p50, p99 = percentiles(values, (50.0, 99.0))
        slowest = float(values[-1]) if len(values) else float("nan")
        parts.append(
            f"{name} (n = {format_count(len(values))}) median {format_duration(p50)}, "
            f"p99 {format_duration(p99)}, slowest {format_duration(slowest)}"
        )
    place = f", {world}" if world else ""
    return f"Latency by percentile{place}: {'; '.join(parts)}."


def groups_chart(groups: Mapping[str, Sequence[float]], *, what: str, world: str = "") -> Chart:
    """A histogram for each group on one logarithmic scale, every single observation below it."""
    named = {name: np.asarray(values, dtype=float) for name, values in groups.items()}
    with styled():
        fig = figure(1.2 + 1.2 * len(named))
        axes = fig.subplots(len(named), 1, sharex=True, squeeze=False)[:, 0]
        for row, (ax, (name, values)) in enumerate(zip(axes, named.items(), strict=True)):
            _draw_group(name, values, SERIES[row % len(SERIES)], ax)
        axes[-1].set_xlabel(what)
        note = ", ".join(f"{name} n = {len(values)}" for name, values in named.items())
        headline(fig, what[0].upper() + what[1:], world=world, note=note)
    medians = "; ".join(
        f"{name} (n = {len(values)}) median {format_duration(float(np.median(values)))}, "
        f"from {format_duration(float(values.min()))} to {format_duration(float(values.max()))}"
        for name, values in named.items()
    )
    place = f", {world}" if world else ""
    return Chart(fig, f"Histograms of the {what}{place}: {medians}.")


def _draw_group(name: str, values: NDArray[np.float64], colour: str, ax: Axes) -> None:
    edges, counts = log_bins(values, per_decade=10)
    seconds_axis(ax, log=True)
    ax.bar(
        edges[:-1], counts, width=np.diff(edges), align="edge", color=colour, edgecolor="white",
        alpha=0.85,
    )  # fmt: skip
    top = max(1, int(counts.max()))
    ax.set_ylim(-0.16 * top, 1.3 * top)
    ax.plot(values, np.full(len(values), -0.08 * top), "|", color=INK, markersize=6, alpha=0.6)
    middle = float(np.median(values))
    ax.axvline(middle, color=INK, linewidth=1)
    ax.annotate(
        f"median {format_duration(middle)}", (middle, 0.99), (4, 0),
        xycoords=("data", "axes fraction"), textcoords="offset points", va="top", fontsize=8.5,
    )  # fmt: skip
    ax.set_ylabel(f"{name}\nrequests")
    ax.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=4))
    ax.grid(visible=False, axis="y")

"""Who answered: shares of requests by revision, with how far chance alone could move them."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from knlab._units import format_count
from knlab.measure.stats import wilson_interval
from knlab.plot.chart import Chart
from knlab.plot.style import INK, MUTED, SERIES, figure, headline, styled


def split_chart(
    counts: Mapping[str, int], expected: Mapping[str, float], *, world: str = ""
) -> Chart:
    """The share of each revision with its 95 % interval, and the share that was asked for."""
    total = sum(counts.values())
    with styled():
        fig = figure(1.4 + 0.55 * len(counts))
        ax = fig.subplots()
        draw_split(counts, expected, ax=ax)
        note = f"n = {format_count(total)} requests, whiskers are 95 % Wilson intervals"
        headline(fig, "Who answered", world=world, note=note)
    return Chart(fig, _split_sentence(counts, expected, world))


def draw_split(counts: Mapping[str, int], expected: Mapping[str, float], *, ax: Axes) -> None:
    """A bar for each name, its interval as whiskers, the expected share as a line across."""
    total = max(1, sum(counts.values()))
    for row, (name, count) in enumerate(counts.items()):
        share = count / total
        interval = wilson_interval(count, total)
        ax.barh(row, share, color=SERIES[row % len(SERIES)], height=0.55)
        ax.errorbar(
            share, row, xerr=[[share - interval.low], [interval.high - share]], color=INK,
            capsize=4, linewidth=1.4,
        )  # fmt: skip
        ax.annotate(
            f"{format_count(count)}  ({share:.1%})", (interval.high, row), (8, 0), va="center",
            textcoords="offset points", fontsize=9,
        )  # fmt: skip
        if name in expected:
            due = expected[name]
            ax.plot([due, due], [row - 0.36, row + 0.36], "--", color=INK, linewidth=1.4)
            ax.annotate(
                f"asked for {due:.0%}", (due, row - 0.36), (0, 1), ha="center", va="bottom",
                textcoords="offset points", fontsize=8, color=MUTED,
            )  # fmt: skip
    ax.set_yticks(range(len(counts)), list(counts))
    ax.set_ylim(len(counts) - 0.45, -0.75)
    ax.set_xlim(0, 1.15)
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1.0])
    ax.xaxis.set_major_formatter(PercentFormatter(1.0))
    ax.grid(visible=False)
    ax.set_xlabel("share of the requests")


def _split_sentence(counts: Mapping[str, int], expected: Mapping[str, float], world: str) -> str:
    total = sum(counts.values())
    parts = []
    for name, count in counts.items():
        interval = wilson_interval(count, total)
        due = f", asked for {expected[name]:.0%}" if name in expected else ""
        parts.append(
            f"{name} {format_count(count)} ({count / max(1, total):.1%}, "
            f"95 % interval {interval.low:.1%} to {interval.high:.1%}{due})"
        )
    place = f", {world}" if world else ""
    return f"Answers to {format_count(total)} requests{place}: {'; '.join(parts)}."

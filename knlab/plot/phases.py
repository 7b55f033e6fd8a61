"""Where the time of a request goes: phases on a time axis of their own, and side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from knlab._units import format_duration
from knlab.measure.contrast import Row, ratio_text
from knlab.measure.records import PHASES, Timing
from knlab.plot.chart import Chart
from knlab.plot.style import (
    GRID,
    INK,
    MARKERS,
    MUTED,
    PHASE_COLOURS,
    SERIES,
    figure,
    headline,
    seconds_axis,
    styled,
)

_READABLE = 0.10
"""A phase that takes less of its bar than this is named in the legend only."""


def waterfall_chart(timings: Mapping[str, Timing], *, world: str = "") -> Chart:
    """Each request as one bar on a time axis of its own, divided into its phases."""
    with styled():
        fig = figure(1.25 + 0.95 * len(timings))
        axes = fig.subplots(len(timings), 1, squeeze=False)[:, 0]
        for ax, (name, timing) in zip(axes, timings.items(), strict=True):
            draw_waterfall(name, timing, ax=ax)
        handles = {label: bar for ax in axes for bar, label in _legend(ax)}
        shown = [phase for phase in PHASES if phase in handles]
        fig.legend(
            [handles[phase] for phase in shown], shown, loc="outside upper right",
            ncols=len(shown), fontsize=8.5, handlelength=1, columnspacing=1.2,
        )  # fmt: skip
        note = f"n = {len(timings)} requests, each on a scale of its own"
        headline(fig, "Where the time went", world=world, note=note)
    return Chart(fig, _waterfall_sentence(timings))


def draw_waterfall(name: str, timing: Timing, *, ax: Axes) -> None:
    """One bar of phases from the beginning of a request to its last byte."""
    at = 0.0
    for phase, spent in timing.phases.items():
        if spent > 0:
            ax.barh([0], [spent], left=at, color=PHASE_COLOURS[phase], height=0.62, label=phase)
            if spent >= _READABLE * timing.total:
                text = f"{phase} {format_duration(spent)}"
                colour = "white" if phase == "wait" else INK
                ax.text(at + spent / 2, 0, text, ha="center", va="center", color=colour, fontsize=9)
        at += spent
    ax.set_yticks([0], [f"{name}\n{format_duration(timing.total)}"])
    ax.set_xlim(0, timing.total)
    ax.set_ylim(-0.45, 0.45)
    ax.grid(visible=False, axis="y")
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.tick_params(axis="x", labelsize=8)
    seconds_axis(ax)


def _legend(ax: Axes) -> list[tuple[Artist, str]]:
    return list(zip(*ax.get_legend_handles_labels(), strict=True))


def _waterfall_sentence(timings: Mapping[str, Timing]) -> str:
    parts = []
    for name, timing in timings.items():
        phase, spent = max(timing.phases.items(), key=lambda item: item[1])
        place = f", {timing.world}" if timing.world else ""
        parts.append(
            f"{name}{place}: {format_duration(timing.total)} in all, of which {phase} "
            f"{format_duration(spent)} ({spent / timing.total:.0%})"
        )
    return f"Phases of {len(timings)} requests. {'; '.join(parts)}."


def rows_chart(
    rows: Sequence[Row], labels: Sequence[str], *, title: str, note: str, world: str = ""
) -> Chart:
    """Each row's values as dots on one logarithmic scale of time, with the ratio at the end."""
    timed = [row for row in rows if row.unit == "s" and any(v > 0 for v in row.values)]
    with styled():
        fig = figure(1.5 + 0.34 * len(timed))
        ax = fig.subplots()
        draw_rows(timed, labels, ax=ax)
        fig.legend(
            *ax.get_legend_handles_labels(), loc="outside upper right", ncols=len(labels),
            fontsize=9, handletextpad=0.2,
        )  # fmt: skip
        headline(fig, title, world=world, note=note)
    return Chart(fig, _rows_sentence(timed, labels, f"{title}, {world}" if world else title))


def draw_rows(rows: Sequence[Row], labels: Sequence[str], *, ax: Axes) -> None:
    """One line a row: a dot for each value, joined, and how many times the first is the last."""
    seconds_axis(ax, log=True)
    for place, row in enumerate(rows):
        shown = [value for value in row.values if value > 0]
        ax.plot([min(shown), max(shown)], [place, place], color=GRID, linewidth=5, zorder=1)
        if not math.isnan(row.ratio):
            ax.annotate(
                f"{ratio_text(row.ratio)}", (1, place), (6, 0), va="center",
                xycoords=("axes fraction", "data"), textcoords="offset points", fontsize=9,
                color=INK if row.verdict == "apart" else MUTED,
            )  # fmt: skip
    for index, label in enumerate(labels):
        points = [(row.values[index], y) for y, row in enumerate(rows) if row.values[index] > 0]
        ax.plot(
            [x for x, _ in points], [y for _, y in points], MARKERS[index % len(MARKERS)],
            color=SERIES[index % len(SERIES)], markersize=8, label=label, zorder=2,
            linestyle="none",
        )  # fmt: skip
    ax.set_yticks(range(len(rows)), [row.what for row in rows])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.yaxis.set_minor_locator(NullLocator())
    ax.grid(visible=False, axis="y")
    ax.set_xlabel("time (logarithmic)")
    if rows:
        ax.annotate(
            f"{labels[0]} ÷ {labels[-1]}", (1, 1), (6, 2), xycoords="axes fraction",
            textcoords="offset points", fontsize=8.5, color=MUTED, va="bottom",
        )  # fmt: skip


def _rows_sentence(rows: Sequence[Row], labels: Sequence[str], title: str) -> str:
    parts = []
    for row in rows:
        values = " against ".join(
            f"{label} {format_duration(value) if value > 0 else 'none'}"
            for label, value in zip(labels, row.values, strict=True)
        )
        ratio = "" if math.isnan(row.ratio) else f" ({ratio_text(row.ratio)})"
        parts.append(f"{row.what}: {values}{ratio}")
    return f"{title}. {'; '.join(parts)}."

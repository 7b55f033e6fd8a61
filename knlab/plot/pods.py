"""Pods over time: how many were ready, starting and terminating, and how many were meant to be."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from knlab._units import format_duration
from knlab.measure.records import Gap, PodSample
from knlab.plot.chart import Chart
from knlab.plot.style import GRID, INK, MUTED, PINK, POD_COLOURS, figure, headline, styled

_STACK = ("ready", "starting", "terminating")


def pods_chart(
    samples: Sequence[PodSample],
    *,
    load: tuple[float, float] | None = None,
    gaps: Sequence[Gap] = (),
    world: str = "",
) -> Chart:
    """Pods by phase as stacked steps, desired and wanted as lines, the load's time shaded.

    Times are seconds since the epoch; the axis counts from the load's beginning, or else from the
    first sample.
    """
    origin = load[0] if load else samples[0].time
    with styled():
        fig = figure()
        ax = fig.subplots()
        draw_pods(samples, origin, ax=ax)
        if load:
            _shade_load(load, origin, ax)
        for gap in gaps:
            ax.axvspan(
                gap.start - origin, gap.end - origin, facecolor="white", edgecolor=MUTED,
                hatch="///", linewidth=0, label="not seen" if gap is gaps[0] else None,
            )  # fmt: skip
        ax.set_xlabel("seconds since the load began" if load else "seconds since watching began")
        fig.legend(
            *ax.get_legend_handles_labels(), loc="outside upper right", ncols=6, fontsize=8.5,
            handlelength=1.4, columnspacing=1.2,
        )  # fmt: skip
        note = f"n = {len(samples)} changes in {samples[-1].time - samples[0].time:.0f} s"
        headline(fig, "Pods over time", world=world, note=note)
    return Chart(fig, _pods_sentence(samples, load, gaps, world))


def draw_pods(samples: Sequence[PodSample], origin: float, *, ax: Axes) -> None:
    """The stack and the lines; wishes far beyond it are cut off and told as a number."""
    times = [sample.time - origin for sample in samples]
    stack = [[getattr(sample, phase) for sample in samples] for phase in _STACK]
    ax.stackplot(
        times, stack, step="post", labels=_STACK, colors=[POD_COLOURS[each] for each in _STACK],
        linewidth=0,
    )  # fmt: skip
    tallest = max((sum(column) for column in zip(*stack, strict=True)), default=0)
    desired = [sample.desired for sample in samples]
    top = max([1, tallest, *(value for value in desired if value is not None)])
    _line(times, desired, "desired", INK, "-", ax)
    wanted = [sample.wanted for sample in samples]
    most = max((value for value in wanted if value is not None), default=0)
    if any(value is not None for value in wanted):
        _line(times, wanted, "wanted", PINK, "--", ax)
    ceiling = 1.25 * top + 0.5
    if most > 2.5 * top:
        _tell_clipped(times, wanted, most, ceiling, ax)
    else:
        ceiling = max(ceiling, 1.1 * most)
    ax.set_ylim(0, ceiling)
    ax.set_xlim(times[0], max(times[-1], times[0] + 1))
    ax.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    ax.set_ylabel("pods")
    ax.set_axisbelow(True)


def _line(
    times: Sequence[float],
    values: Sequence[int | None],
    label: str,
    colour: str,
    style: str,
    ax: Axes,
) -> None:
    if any(value is not None for value in values):
        seen = [float("nan") if value is None else value for value in values]
        ax.step(
            times, seen, style, where="post", color=colour, label=label, linewidth=1.6,
            solid_joinstyle="miter",
        )  # fmt: skip


def _tell_clipped(
    times: Sequence[float], wanted: Sequence[int | None], most: int, ceiling: float, ax: Axes
) -> None:
    when = next(time for time, value in zip(times, wanted, strict=True) if value == most)
    ax.annotate(
        f"wanted {most} ↑", (when, ceiling), (5, -4), textcoords="offset points", va="top",
        color=PINK, fontsize=9, fontweight="bold",
    )  # fmt: skip


def _shade_load(load: tuple[float, float], origin: float, ax: Axes) -> None:
    begin, end = load[0] - origin, load[1] - origin
    ax.axvspan(begin, end, color=GRID, zorder=0)
    for edge in (begin, end):
        ax.axvline(edge, color=INK, linewidth=1, linestyle=":", zorder=3)
    ax.annotate(
        "load ends", (end, 1), (4, -4), xycoords=("data", "axes fraction"), va="top",
        textcoords="offset points", fontsize=8.5, color=MUTED,
    )  # fmt: skip


def _pods_sentence(
    samples: Sequence[PodSample],
    load: tuple[float, float] | None,
    gaps: Sequence[Gap],
    world: str,
) -> str:
    spent = samples[-1].time - samples[0].time
    most = max(sample.ready for sample in samples)
    peak = next(sample.time for sample in samples if sample.ready == most)
    since = load[0] if load else samples[0].time
    parts = [
        f"ready from {samples[0].ready} to at most {most}",
        f"the most first after {format_duration(max(0.0, peak - since))}",
        f"{samples[-1].ready} at the end",
    ]
    for name in ("desired", "wanted"):
        known = [value for s in samples if (value := getattr(s, name)) is not None]
        if known:
            parts.append(f"{name} at most {max(known)}")
    if load:
        parts.append(f"load for {format_duration(load[1] - load[0])}")
    if gaps:
        parts.append(f"nothing could be seen in {len(gaps)} stretches")
    place = f", {world}" if world else ""
    return f"Pods over {format_duration(spent)}{place}: {'; '.join(parts)}."

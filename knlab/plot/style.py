"""How every picture looks: sizes, colours, axes, the badge that says which world it shows.

The colours are Okabe and Ito's, which people with any kind of colour blindness can tell apart; the
card is white in light and in dark themes, so that text on it is always dark on light.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from knlab._units import format_duration

WIDTH: Final = 8.0
HEIGHT: Final = 3.6

INK: Final = "#222222"
MUTED: Final = "#6b6b6b"
GRID: Final = "#e4e4e4"
CARD: Final = "#ffffff"

BLUE: Final = "#0072B2"
SKY: Final = "#56B4E9"
GREEN: Final = "#009E73"
ORANGE: Final = "#E69F00"
RED: Final = "#D55E00"
PINK: Final = "#CC79A7"
YELLOW: Final = "#F0E442"

SERIES: Final = (BLUE, RED, GREEN, PINK)
"""For parts of a comparison, in order."""
MARKERS: Final = ("o", "s", "^", "D")
"""The same parts by shape, for whoever sees no colours at all."""
PHASE_COLOURS: Final = {
    "namelookup": ORANGE,
    "connect": SKY,
    "tls": GREEN,
    "send": PINK,
    "wait": BLUE,
    "read": YELLOW,
}
POD_COLOURS: Final = {"ready": SKY, "starting": ORANGE, "terminating": "#a8a8a8"}

_RC: Final[dict[Any, Any]] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "figure.facecolor": CARD,
    "axes.facecolor": CARD,
    "svg.hashsalt": "knlab",
}


@contextmanager
def styled() -> Iterator[None]:
    """Our look for the figures made inside; the reader's own settings are left alone."""
    with mpl.rc_context(_RC):
        yield


def figure(height: float = HEIGHT) -> Figure:
    """An empty figure of the usual width, known to nobody but its owner."""
    return Figure(figsize=(WIDTH, height), layout="constrained")


def headline(fig: Figure, title: str, *, world: str, note: str) -> None:
    """The title over everything, and under it how many of what from where."""
    fig.suptitle(title, x=0.01, ha="left", fontsize=11.5, fontweight="bold", color=INK)
    badge = world or "world unknown"
    fig.supxlabel(f"{note}  ·  {badge}", x=0.99, ha="right", fontsize=8.5, color=MUTED)


def seconds_axis(ax: Axes, *, log: bool = False) -> None:
    """An x axis of durations, labelled with their own units."""
    if log:
        ax.set_xscale("log")
    _seconds(ax.xaxis, log=log)


def seconds_log_y(ax: Axes) -> None:
    """A logarithmic y axis of durations, labelled with their own units."""
    ax.set_yscale("log")
    _seconds(ax.yaxis, log=True)


def _seconds(axis: Axis, *, log: bool) -> None:
    if log:
        axis.set_major_locator(DurationLocator())
        axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: tick_duration(value)))


class DurationLocator(LogLocator):
    """Ticks at powers of ten, with 2 and 5 between them, or evenly where the axis is short."""

    def tick_values(self, vmin: float, vmax: float) -> Sequence[float]:
        """Where the ticks go between `vmin` and `vmax`."""
        decades = math.log10(vmax / vmin) if 0 < vmin < vmax else 0.0
        if decades < 0.7:
            return MaxNLocator(nbins=5).tick_values(vmin, vmax)
        self.set_params(subs=(1.0,) if decades > 2.6 else (1.0, 2.0, 5.0))
        return super().tick_values(vmin, vmax)


def tick_duration(seconds: float) -> str:
    """`seconds` for a tick: no digits that say nothing."""
    if seconds == 0:
        return "0"
    number, unit = format_duration(seconds).split(" ")
    if "." in number:
        number = number.rstrip("0").rstrip(".")
    return f"{number} {unit}"

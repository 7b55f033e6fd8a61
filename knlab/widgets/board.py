"""The live board: one output that changes in place while a cell runs and ends as a static picture.

Outside IPython a board shows nothing, so the same code runs in scripts and tests.
"""

from __future__ import annotations

from html import escape
from types import TracebackType
from typing import Final, Self

import ipywidgets
from IPython.core.getipython import get_ipython
from IPython.display import HTML, DisplayHandle, display

from knlab._clock import Clock, SystemClock
from knlab._units import format_count
from knlab.measure.load import Progress
from knlab.measure.records import PodSample
from knlab.measure.timeline import samples
from knlab.measure.watch import PodRecorder
from knlab.results import PodWatch

PACE: Final = 0.25
"""The least time between two changes of a board, in seconds."""
_COLOURS: Final = {"ready": "#56B4E9", "starting": "#E69F00", "terminating": "#a8a8a8"}


class Board:
    """One output cell, changed in place; `finish` replaces it by something that stays."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._widget: ipywidgets.HTML | None = None
        self._handle: DisplayHandle | None = None
        self._last = float("-inf")

    def show(self, text: str) -> None:
        """Put the HTML `text` on the board; changes that come too fast are left out."""
        now = self._clock.monotonic()
        if get_ipython() is None or now - self._last < PACE:
            return
        self._last = now
        if self._widget is None:
            self._widget = ipywidgets.HTML(text)
            self._handle = display(self._widget, display_id=True)
        else:
            self._widget.value = text

    def finish(self, result: object) -> None:
        """Leave `result` in the board's place, if the board was ever shown."""
        if self._handle is not None:
            self._handle.update(result)
        if self._widget is not None:
            self._widget.close()
        self._handle = self._widget = None


class LivePods(PodWatch):
    """A pod watch with a board: pods as squares while the block runs, the chart afterwards."""

    _board: Board

    def __enter__(self) -> Self:
        self._board = Board()
        entered = super().__enter__()
        # The board appears on this thread, so that it belongs to the cell that runs now.
        self._redraw(self)
        self.on_change = self._redraw
        return entered

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            super().__exit__(kind, error, trace)
        finally:
            self._board.finish(self.plot())

    def _redraw(self, recorder: PodRecorder) -> None:
        record = recorder.record
        sample = samples(record)[-1]
        self._board.show(pods_html(sample, sample.time - record.started, record.world))


class LoadBoard:
    """Progress of a load run: pass it as `on_progress=`, in a `with` block that ends it."""

    def __init__(self, seconds: float, world: str = "") -> None:
        self._seconds = seconds
        self._world = world
        self._board = Board()
        self._latest = Progress(0.0, 0, 0)

    def __enter__(self) -> Self:
        return self

    def __call__(self, progress: Progress) -> None:
        """Show how far the run is."""
        self._latest = progress
        self._board.show(progress_html(progress, self._seconds, self._world))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        last = progress_html(self._latest, self._seconds, self._world)
        self._board.finish(HTML(last))


def pods_html(sample: PodSample, elapsed: float, world: str) -> str:
    """A line with a square for each pod, coloured by phase, and the counts in words."""
    squares = "".join(
        f'<span style="color:{colour}" aria-hidden="true">{"■" * getattr(sample, phase)}</span>'
        for phase, colour in _COLOURS.items()
    )
    counts = [f"{getattr(sample, phase)} {phase}" for phase in _COLOURS]
    counts += [
        f"{name} {value}"
        for name in ("desired", "wanted")
        if (value := getattr(sample, name)) is not None
    ]
    words = " · ".join([f"{elapsed:.0f} s", *counts, *([world] if world else [])])
    return f'<div><span style="font-size:1.4em">{squares}</span> {escape(words)}</div>'


def progress_html(progress: Progress, seconds: float, world: str) -> str:
    """A bar with what a load run has done by now."""
    share = min(1.0, max(0.0, progress.at / seconds)) if seconds else 0.0
    words = [
        "warming up" if progress.at < 0 else f"{progress.at:.0f} of {seconds:.0f} s",
        f"{format_count(progress.requests)} requests",
        f"{format_count(progress.failed)} errors",
        *([world] if world else []),
    ]
    return (
        f'<div><progress value="{share:.2f}" max="1"></progress> {escape(" · ".join(words))}</div>'
    )

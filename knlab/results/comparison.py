"""Requests and load runs beside each other: the same rows, a ratio and a verdict for each."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

from knlab._exceptions import MeasureError, UsageError
from knlab._html import html_table
from knlab._units import format_count, format_duration
from knlab.measure.contrast import Row, load_rows, phase_rows, ratio_text
from knlab.measure.recording import write_recording
from knlab.measure.records import LoadSummary, Timing
from knlab.results.presentation import caption_of, frame_of, world_suffix

if TYPE_CHECKING:
    import pandas as pd

    from knlab.plot.chart import Chart


@dataclass(frozen=True, slots=True, repr=False)
class Timings:
    """Several requests of one kind, such as ten cold starts."""

    items: tuple[Timing, ...]

    @classmethod
    def of(cls, timings: Iterable[Timing]) -> Timings:
        """The timings, in order.

        Raises:
            MeasureError: if there are none.
        """
        items = tuple(timings)
        if not items:
            raise MeasureError("no timings", hint="make at least one request")
        return cls(items)

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Timing]:
        return iter(self.items)

    def __getitem__(self, place: int) -> Timing:
        return self.items[place]

    @property
    def world(self) -> str:
        """The world of the requests; several are joined with a plus."""
        return " + ".join(dict.fromkeys(each.world for each in self.items if each.world))

    @property
    def frame(self) -> pd.DataFrame:
        """One row a request: curl's fields in seconds, counted from its beginning."""
        names = ("namelookup", "connect", "appconnect", "pretransfer", "starttransfer", "total")
        columns = {name: [getattr(each, name) for each in self] for name in names}
        columns["wait"] = [each.wait for each in self]
        for name in ("started", "status", "text", "resolver", "via", "world"):
            columns[name] = [getattr(each, name) for each in self]
        return frame_of(columns)

    def plot(self, *, name: str = "requests") -> Chart:
        """The histogram of how long the server took, on a logarithmic scale."""
        return compare(**{name: self}).plot(view="histogram")

    def compare(self, other: Timings | Timing) -> Comparison:
        """These beside `other`."""
        return compare(ours=self, theirs=other)

    def save(self, path: str | Path) -> Path:
        """A recording at `path`."""
        return write_recording(path, "Timings", self.items)

    def __repr__(self) -> str:
        waits = [each.wait for each in self]
        return (
            f"<Timings {len(self)} requests, wait median {format_duration(median(waits))}, "
            f"max {format_duration(max(waits))}{world_suffix(self.world)}>"
        )

    def _repr_html_(self) -> str:
        return compare(requests=self)._repr_html_()


View = Literal["phases", "waterfall", "histogram"]


@dataclass(frozen=True, slots=True, repr=False)
class Comparison:
    """Named parts of one kind, requests or load summaries; ratios are the first to the last."""

    parts: tuple[tuple[str, Timings | LoadSummary], ...]

    @classmethod
    def from_record(cls, record: Iterable[Any]) -> Comparison:
        """The comparison in a recording."""
        return cls(
            tuple(
                (name, part if isinstance(part, LoadSummary) else Timings.of(part))
                for name, part in record
            )
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """The parts' names."""
        return tuple(name for name, _ in self.parts)

    @property
    def rows(self) -> tuple[Row, ...]:
        """One line for each quantity: phases by their medians, or a load run's numbers."""
        timings = self._timings()
        if timings:
            return phase_rows([part.items for part in timings.values()])
        return load_rows([part for _, part in self.parts if isinstance(part, LoadSummary)])

    @property
    def world(self) -> str:
        """The worlds of the parts, each once."""
        return " + ".join(dict.fromkeys(part.world for _, part in self.parts if part.world))

    @property
    def frame(self) -> pd.DataFrame:
        """One row a quantity: unit, a column for each part, ratio, verdict and reason."""
        found = self.rows
        columns: dict[str, Any] = {"what": [r.what for r in found], "unit": [r.unit for r in found]}
        for place, label in enumerate(self.labels):
            columns[label] = [row.values[place] for row in found]
        for name in ("ratio", "verdict", "reason"):
            columns[name] = [getattr(row, name) for row in found]
        return frame_of(columns)

    def plot(self, *, view: View = "phases") -> Chart:
        """The rows on one logarithmic scale; of requests also a `waterfall` or a `histogram`.

        Raises:
            UsageError: if the parts have no such view.
        """
        from knlab.plot import latency, phases

        timings = self._timings()
        if view != "phases" and not timings:
            raise UsageError(f"view={view!r} needs requests", hint='use view="phases"')
        if view == "waterfall":
            middle = {name: _typical(part) for name, part in timings.items()}
            return phases.waterfall_chart(middle, world=self.world)
        if view == "histogram":
            waits = {name: [each.wait for each in part] for name, part in timings.items()}
            return latency.groups_chart(waits, what="wait for the first byte", world=self.world)
        title = "Phases of a request" if timings else "Load runs side by side"
        return phases.rows_chart(
            self.rows, self.labels, title=title, note=self._sizes(), world=self.world
        )

    def save(self, path: str | Path) -> Path:
        """A recording at `path`."""
        record = [[n, part.items if isinstance(part, Timings) else part] for n, part in self.parts]
        return write_recording(path, "Comparison", record)

    def _timings(self) -> dict[str, Timings]:
        return {name: part for name, part in self.parts if isinstance(part, Timings)}

    def _sizes(self) -> str:
        sizes = [
            (name, len(part) if isinstance(part, Timings) else part.requests)
            for name, part in self.parts
        ]
        return ", ".join(f"{name} n = {format_count(size)}" for name, size in sizes)

    def __repr__(self) -> str:
        rows = {row.what: row for row in self.rows}
        row = rows.get("wait") or rows["requests/s"]
        ratio = "" if len(self.parts) < 2 else f" {row.what} {ratio_text(row.ratio)}"
        return f"<Comparison {' to '.join(self.labels)}{ratio}{world_suffix(self.world)}>"

    def _repr_html_(self) -> str:
        several = len(self.parts) > 1
        header = ["", *self.labels]
        reasons = any(row.reason for row in self.rows)
        if several:
            header += ["ratio", "verdict", *(["what moves it"] if reasons else [])]
        lines = []
        for row in self.rows:
            line = [row.what, *(_shown(value, row.unit) for value in row.values)]
            if several:
                line += [ratio_text(row.ratio), row.verdict, *([row.reason] if reasons else [])]
            lines.append(line)
        return html_table(header, lines, caption=caption_of(self._sizes(), self.world))


def compare(**parts: Timing | Timings | LoadSummary | Iterable[Timing]) -> Comparison:
    """Requests side by side, by the names they are given: `compare(cold=cold, warm=warm)`.

    Raises:
        UsageError: if there is nothing to compare, or requests meet load runs.
    """
    made: list[tuple[str, Timings | LoadSummary]] = []
    for name, part in parts.items():
        if isinstance(part, (LoadSummary, Timings)):
            made.append((name, part))
        else:
            made.append((name, Timings.of([part] if isinstance(part, Timing) else part)))
    if len({type(part) for _, part in made}) != 1:
        raise UsageError(
            "these cannot be compared", hint="give requests only, as in compare(cold=…, warm=…)"
        )
    return Comparison(tuple(made))


def _typical(part: Timings) -> Timing:
    """The request in the middle by total: a real one, so that its phases belong together."""
    return sorted(part, key=lambda each: each.total)[(len(part) - 1) // 2]


def _shown(value: float, unit: str) -> str:
    if math.isnan(value):
        return "unknown"
    if unit == "s":
        return format_duration(value)
    return format_count(value)

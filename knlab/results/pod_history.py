"""Pods over time in a notebook: counts, events, the picture with the load's time shaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knlab._html import html_table
from knlab._units import format_duration
from knlab.measure.recording import write_recording
from knlab.measure.records import PodRecord
from knlab.measure.timeline import samples
from knlab.measure.watch import PodRecorder
from knlab.results.load_run import LoadRun
from knlab.results.presentation import caption_of, frame_of, world_suffix

if TYPE_CHECKING:
    import pandas as pd

    from knlab.measure.records import PodSample
    from knlab.plot.chart import Chart


@dataclass(frozen=True, slots=True, repr=False)
class PodHistory:
    """Pods over time: each change of each pod, and what the autoscaler wanted."""

    record: PodRecord

    @property
    def samples(self) -> tuple[PodSample, ...]:
        """The counts after each change."""
        return samples(self.record)

    @property
    def world(self) -> str:
        """Which kind of cluster was watched."""
        return self.record.world

    @property
    def frame(self) -> pd.DataFrame:
        """One row a change: seconds since watching began, and pods by phase after it."""
        began = self.record.started
        names = ("ready", "starting", "terminating", "desired", "wanted")
        found = self.samples
        columns: dict[str, Any] = {"time": [sample.time - began for sample in found]}
        columns |= {name: [getattr(sample, name) for sample in found] for name in names}
        return frame_of(columns).astype({"desired": "Int64", "wanted": "Int64"})

    @property
    def events(self) -> pd.DataFrame:
        """One row for each time a pod entered a phase; `created` is the API server's clock."""
        seen = self.record.events
        names = ("pod", "revision", "phase", "created")
        columns: dict[str, Any] = {"time": [each.time - self.record.started for each in seen]}
        return frame_of(columns | {name: [getattr(each, name) for each in seen] for name in names})

    def plot(self, *, load: LoadRun | None = None) -> Chart:
        """Pods by phase with desired and wanted; the time of `load` is shaded."""
        from knlab.plot import pods

        window = load.window if load is not None else None
        return pods.pods_chart(self.samples, load=window, gaps=self.record.gaps, world=self.world)

    def save(self, path: str | Path) -> Path:
        """A recording at `path`."""
        return write_recording(path, "PodHistory", self.record)

    def __repr__(self) -> str:
        found = self.samples
        spent = format_duration(self.record.ended - self.record.started)
        return (
            f"<PodHistory {spent}, ready at most {max(each.ready for each in found)}, "
            f"{found[-1].ready} at the end{world_suffix(self.world)}>"
        )

    def _repr_html_(self) -> str:
        shown_samples = self.samples[-12:]
        wishes = [
            name
            for name in ("desired", "wanted")
            if any(getattr(sample, name) is not None for sample in shown_samples)
        ]
        names = ("ready", "starting", "terminating", *wishes)
        rows = [
            (
                f"{sample.time - self.record.started:.1f} s",
                *("" if (value := getattr(sample, n)) is None else value for n in names),
            )
            for sample in shown_samples
        ]
        shown = f"the last {len(rows)} changes"
        return html_table(("after", *names), rows, caption=caption_of(shown, self.world))


class PodWatch(PodRecorder):
    """Watches pods during a `with` block and is the history of what it saw, during and after it."""

    @property
    def history(self) -> PodHistory:
        """What was seen until now."""
        return PodHistory(self.record)

    @property
    def frame(self) -> pd.DataFrame:
        """As `PodHistory.frame`."""
        return self.history.frame

    @property
    def events(self) -> pd.DataFrame:
        """As `PodHistory.events`."""
        return self.history.events

    def plot(self, *, load: LoadRun | None = None) -> Chart:
        """As `PodHistory.plot`."""
        return self.history.plot(load=load)

    def save(self, path: str | Path) -> Path:
        """As `PodHistory.save`."""
        return self.history.save(path)

    def __repr__(self) -> str:
        return repr(self.history)

    def _repr_html_(self) -> str:
        return self.history._repr_html_()

"""A load run in a notebook: hey's summary, the latency histogram, the article beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from knlab._html import html_table
from knlab._units import format_bytes, format_count, format_duration, parse_duration
from knlab.measure import hey
from knlab.measure.addresses import Resolve
from knlab.measure.columns import ErrorClass
from knlab.measure.load import Progress, run_load
from knlab.measure.recording import write_recording
from knlab.measure.records import LoadRecord, LoadSummary, Workload
from knlab.measure.stats import summarize
from knlab.results.comparison import Comparison
from knlab.results.presentation import caption_of, frame_of, world_suffix

if TYPE_CHECKING:
    import pandas as pd

    from knlab.plot.chart import Chart


@dataclass(frozen=True, slots=True, repr=False)
class LoadRun:
    """A load run: every request, and hey's summary computed from them."""

    record: LoadRecord

    @property
    def summary(self) -> LoadSummary:
        """The numbers that hey prints, and those it leaves out."""
        return summarize(self.record)

    @property
    def world(self) -> str:
        """Which kind of cluster answered."""
        return self.record.world

    @property
    def window(self) -> tuple[float, float]:
        """When the measured part began and ended: seconds since the epoch."""
        return self.record.started, self.record.started + self.record.elapsed

    @property
    def verdict(self) -> str:
        """Whether the client itself was the bottleneck, in words."""
        use = self.record.client
        share = f"the client used {use.cpu_share:.0%} of a core"
        return f"{share}: it limited this result" if use.saturated else f"{share}: not saturated"

    @property
    def frame(self) -> pd.DataFrame:
        """One row a request: instants in seconds of the run, curl's fields from its beginning."""
        rows = self.record.requests
        connect = rows.namelookup.astype(float) + rows.connect
        columns = {
            "intended_start": rows.intended_start,
            "start": rows.start,
            "namelookup": rows.namelookup.astype(float),
            "connect": connect,
            "appconnect": (connect + rows.tls) * (rows.tls > 0),
            "pretransfer": rows.sent - rows.start,
            "starttransfer": rows.first_byte - rows.start,
            "total": rows.total,
            "latency": rows.latency,
            "status": rows.status,
            "bytes": rows.bytes,
            "error": [ErrorClass(code).label for code in rows.error.tolist()],
            "connection": rows.connection,
            "warm_up": ~rows.measured,
        }
        return frame_of(columns)

    def hey(self) -> str:
        """hey's report, from these records."""
        return hey.format_report(self.summary)

    def plot(self, *, view: Literal["histogram", "percentiles"] = "histogram") -> Chart:
        """Latency of the successes: hey's histogram beside a logarithmic one, or by percentile."""
        from knlab.plot import latency

        rows = self.record.requests
        seconds = rows.latency[rows.succeeded]
        if view == "percentiles":
            return latency.percentile_chart({"this run": seconds}, world=self.world)
        return latency.latency_chart(seconds, failed=self.summary.failed, world=self.world)

    def compare(self, other: LoadRun | LoadSummary) -> Comparison:
        """This run beside another, or beside the article's, with the reason for each difference."""
        theirs = other if isinstance(other, LoadSummary) else other.summary
        label = theirs.world if theirs.world == "article" else "theirs"
        return Comparison((("ours", self.summary), (label, theirs)))

    def save(self, path: str | Path) -> Path:
        """A recording at `path`."""
        return write_recording(path, "LoadRun", self.record)

    def __repr__(self) -> str:
        found = self.summary
        stopped = ", interrupted" if self.record.interrupted else ""
        failed = f", {format_count(found.failed)} errors" if found.failed else ""
        p99 = f", p99 {format_duration(found.percentile(99))}" if found.requests else ""
        return (
            f"<LoadRun {format_count(found.requests)} requests, "
            f"{format_count(found.requests_per_second)} rps{p99}{failed}{stopped}"
            f"{world_suffix(self.world)}>"
        )

    def _repr_html_(self) -> str:
        found = self.summary
        rows: list[tuple[str, str]] = [
            ("requests", format_count(found.requests)),
            ("errors", format_count(found.failed)),
            ("unfinished", format_count(found.unfinished)),
            ("time", format_duration(found.total)),
            ("requests per second", format_count(found.requests_per_second)),
            ("transferred", format_bytes(found.total_bytes)),
        ]
        rows += [(f"{name} requests", format_count(count)) for name, count in found.errors]
        if found.requests:
            rows.append(("average", format_duration(found.average)))
            rows += [(f"p{share:g}", format_duration(s)) for share, s in found.percentiles]
            rows.append(("slowest", format_duration(found.slowest)))
        rows.append(("client", self.verdict))
        users = f"{self.record.workload.concurrency} users"
        return html_table(("load run", ""), rows, caption=caption_of(users, self.world))


def load(  # noqa: PLR0913 - a run has many settings, each by its own name
    url: str,
    *,
    duration: str | float | None = None,
    concurrency: int = 50,
    requests: int | None = None,
    warm_up: str | float = "0s",
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    data: str | bytes = b"",
    timeout: str | float = "30s",
    keep_alive: bool = True,
    connect_to: str | None = None,
    resolve: Resolve = "local",
    host: str | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> LoadRun:
    """A closed-loop run: `concurrency` users, each asking again as soon as it has its answer.

    It ends after `duration` (10 s unless `requests` is given) or after so many `requests`,
    whichever comes first. Requests under way then get five seconds to finish. An interrupt ends it
    early and returns what there is.

    Raises:
        UsageError: if an argument cannot work.
        MeasureError: if the load generator died.
    """
    seconds = parse_duration("10s" if duration is None else duration)
    workload = Workload(
        url=url,
        concurrency=concurrency,
        duration=None if duration is None and requests is not None else seconds,
        requests=requests,
        warm_up=parse_duration(warm_up, name="warm_up"),
        timeout=parse_duration(timeout, name="timeout"),
        method=method,
        headers=tuple((headers or {}).items()),
        body=data.encode() if isinstance(data, str) else data,
        keep_alive=keep_alive,
    )
    return LoadRun(
        run_load(
            workload, connect_to=connect_to, resolve=resolve, host=host, on_progress=on_progress
        )
    )

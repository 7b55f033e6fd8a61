"""The records of every measurement: what was asked, what happened, when. Data only.

Times inside one run are float seconds since the run's measured part began; `started` is the one
wall-clock reading (seconds since the epoch) that ties a run to other runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from knlab._html import html_table
from knlab._units import format_duration
from knlab.measure.columns import Requests

PHASES: Final = ("namelookup", "connect", "tls", "send", "wait", "read")
"""The parts of one request, in order; they add up to its total."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """One request, timed as curl times it: each field counts seconds from the beginning.

    `appconnect` is 0 without TLS and `redirect` is 0 because redirects are not followed.
    """

    namelookup: float
    connect: float
    appconnect: float = 0.0
    pretransfer: float
    redirect: float = 0.0
    starttransfer: float
    total: float
    url: str = ""
    status: int = 0
    """0 when unknown, as in curl's own output."""
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    resolver: str = ""
    """Who turned the name into an address: `local`, `system`, `given`, or `none` for an address."""
    via: str = ""
    """What answered: address, HTTP version, the server's own name for itself."""
    world: str = ""
    """Which kind of cluster: `embedded`, `kind`, `article` …; empty when unknown."""
    started: float = 0.0
    """Seconds since the epoch; 0 when unknown."""

    @property
    def text(self) -> str:
        """The body as text; bytes that are not UTF-8 are replaced."""
        return self.body.decode("utf-8", errors="replace")

    @property
    def ok(self) -> bool:
        """Whether the answer was a success (2xx)."""
        return 200 <= self.status < 300

    @property
    def phases(self) -> dict[str, float]:
        """Seconds spent in each phase, by the names in `PHASES`; they add up to `total`."""
        secured = max(self.appconnect, self.connect)
        return {
            "namelookup": self.namelookup,
            "connect": self.connect - self.namelookup,
            "tls": secured - self.connect,
            "send": self.pretransfer - secured,
            "wait": self.starttransfer - self.pretransfer,
            "read": self.total - self.starttransfer,
        }

    @property
    def wait(self) -> float:
        """Seconds between the request sent and the answer's first byte: what the server took."""
        return self.starttransfer - self.pretransfer

    def header(self, name: str) -> str:
        """The first header called `name`, whatever its case; empty if there is none."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    def __repr__(self) -> str:
        answer = f"{self.status} " if self.status else ""
        world = f", {self.world}" if self.world else ""
        return (
            f"<Timing {answer}{format_duration(self.total)} total, "
            f"{format_duration(self.wait)} wait{world}>"
        )

    def _repr_html_(self) -> str:
        rows = [(name, format_duration(seconds)) for name, seconds in self.phases.items()]
        rows.append(("total", format_duration(self.total)))
        answer = f"{self.status} {self.text.strip()[:80]}".strip()
        caption = " · ".join(filter(None, [answer, self.world]))
        return html_table(("phase", "time"), rows, caption=caption)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What a load run asks for. Durations in seconds."""

    url: str
    concurrency: int = 50
    duration: float | None = 10.0
    requests: int | None = None
    """Stop after so many requests; together with `duration`, whichever comes first."""
    warm_up: float = 0.0
    timeout: float = 30.0
    """The longest that one request may take."""
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    keep_alive: bool = True

    @property
    def loop(self) -> Literal["closed"]:
        """`closed`: each user waits for the answer before asking again."""
        return "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientUse:
    """How busy the load generator itself was."""

    cpu_share: float
    """CPU seconds it used per second; 1.0 is one core."""
    lag: float
    """The latest that its event loop woke up, in seconds."""

    @property
    def saturated(self) -> bool:
        """Whether the client limited the result: it had next to no core time left."""
        return self.cpu_share >= SATURATED


SATURATED: Final = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """The machine, versions and settings behind a record; no host names and no paths."""

    system: str
    cpus: int
    versions: tuple[tuple[str, str], ...]
    settings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRecord:
    """A load run: what was asked, every request, and how busy the client was."""

    workload: Workload
    requests: Requests
    elapsed: float
    """Seconds from the first measured request to the last answer."""
    client: ClientUse
    started: float
    """When the measured part began: seconds since the epoch."""
    interrupted: bool = False
    """Whether somebody stopped it early."""
    world: str = ""
    via: str = ""
    fingerprint: Fingerprint | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseRange:
    """One line of hey's details: seconds, over all requests."""

    name: str
    average: float
    fastest: float
    slowest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSummary:
    """What hey prints about a run and what it leaves out; latencies are of successes only."""

    total: float
    slowest: float
    fastest: float
    average: float
    requests_per_second: float
    requests: int
    """Complete answers with a 2xx status."""
    concurrency: int = 0
    total_bytes: int = 0
    bytes_per_request: int = 0
    histogram: tuple[tuple[float, int], ...] = ()
    """Upper edge and count of each bucket; the first holds the fastest alone."""
    percentiles: tuple[tuple[float, float], ...] = ()
    """Percentage and seconds."""
    details: tuple[PhaseRange, ...] = ()
    status: tuple[tuple[int, int], ...] = ()
    """Status code and responses; empty when unknown."""
    errors: tuple[tuple[str, int], ...] = ()
    """Error class and requests, non-2xx among them as `status`."""
    unfinished: int = 0
    world: str = ""

    @property
    def failed(self) -> int:
        """Requests that failed, of whatever class."""
        return sum(count for _, count in self.errors)

    def to_json(self) -> dict[str, Any]:
        """The numbers for programs; seconds, and null where there is no number."""
        named = {f"p{share:g}": value for share, value in self.percentiles}
        return {
            "requests": self.requests,
            "requests_per_second": self.requests_per_second,
            "errors": self.failed,
            "errors_by_class": dict(self.errors),
            "unfinished": self.unfinished,
            "seconds": self.total,
            "percentiles": named | ({"max": self.slowest} if self.requests else {}),
            "average": self.average if self.requests else None,
            "status": {str(code): count for code, count in self.status},
            "bytes": self.total_bytes,
            "world": self.world,
        }

    def percentile(self, percentage: float) -> float:
        """Seconds at `percentage`; NaN if the summary does not have it."""
        return dict(self.percentiles).get(percentage, float("nan"))


PodPhase = Literal["starting", "ready", "terminating", "gone"]
"""`starting` is any pod that is neither ready nor being deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodState:
    """What was seen of one pod."""

    name: str
    revision: str
    phase: PodPhase
    created: float = 0.0
    """The API server's own time, in seconds since the epoch; 0 when unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodEvent:
    """One pod that entered a phase, with the local clock's time: seconds since the epoch."""

    time: float
    pod: str
    revision: str
    phase: PodPhase
    created: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleReading:
    """What the autoscaler meant at a moment: `wanted` before the bounds, `desired` after them."""

    revision: str
    desired: int | None = None
    wanted: int | None = None
    time: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A stretch of time in which nothing could be seen, and why."""

    start: float
    end: float
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSample:
    """How many pods were in each phase at a moment; None for a wish that is unknown."""

    time: float
    ready: int = 0
    starting: int = 0
    terminating: int = 0
    desired: int | None = None
    wanted: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PodRecord:
    """Pods over time: every change that was seen between `started` and `ended`."""

    events: tuple[PodEvent, ...]
    readings: tuple[ScaleReading, ...] = ()
    gaps: tuple[Gap, ...] = ()
    started: float
    ended: float
    world: str = ""
    fingerprint: Fingerprint | None = None

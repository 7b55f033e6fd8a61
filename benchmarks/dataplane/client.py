"""The client that loads a gateway: hey where it is installed, else knlab's own generator."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from knlab._clock import SystemClock
from knlab._exceptions import MeasureError, UsageError
from knlab.measure.hey import from_hey
from knlab.measure.load import run_load
from knlab.measure.records import LoadRecord, LoadSummary, Workload
from knlab.measure.stats import summarize

ENVIRONMENT: Final = "KNLAB_HEY"
CLOCK: Final = SystemClock()
_GRACE: Final = 60.0
"""Seconds that hey may take to end after its time is up."""
_KEPT: Final = 1_000_000
"""hey remembers so many requests and no more."""
Numbers: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What to send, where, how long and by how many users at a time."""

    address: str
    """`HOST:PORT` of the gateway."""
    host: str
    """The `Host` header."""
    path: str = "/"
    seconds: float
    users: int = 50


@dataclass(frozen=True, slots=True)
class Samples:
    """Every success of a run: when it began (seconds since the epoch) and how long it took."""

    began: Numbers
    took: Numbers
    failed: int
    """Answers other than 2xx; hey doesn't tell about requests without an answer here."""


class Client(Protocol):
    """Sends a load."""

    @property
    def name(self) -> str:
        """What results call it."""

    def summary(self, load: Load) -> LoadSummary:
        """The numbers of a whole run."""

    def samples(self, load: Load) -> Samples:
        """Each request of a run by itself."""


@dataclass(frozen=True, slots=True)
class Hey:
    """github.com/rakyll/hey, a program of its own."""

    program: str
    name: str = "hey"

    def summary(self, load: Load) -> LoadSummary:
        """The numbers that it prints."""
        return from_hey(self._run(load), concurrency=load.users)

    def samples(self, load: Load) -> Samples:
        """The lines of its comma-separated output."""
        started = CLOCK.now()
        return samples_of_csv(self._run(load, "-o", "csv").splitlines(), started)

    def _run(self, load: Load, *more: str) -> str:
        command = [self.program, "-z", f"{load.seconds:g}s", "-c", str(load.users)]
        url = f"http://{load.address}{load.path}"
        done = subprocess.run(
            [*command, "-host", load.host, *more, url],
            capture_output=True,
            text=True,
            timeout=load.seconds + _GRACE,
            check=False,
        )
        if done.returncode:
            raise MeasureError(f"hey failed: {done.stderr.strip()}")
        return done.stdout


@dataclass(frozen=True, slots=True)
class OwnGenerator:
    """`knlab.measure.generator`, in Python."""

    name: str = "knlab load"

    def summary(self, load: Load) -> LoadSummary:
        """The numbers of its records."""
        return summarize(_record(load))

    def samples(self, load: Load) -> Samples:
        """Its records."""
        record = _record(load)
        rows = record.requests
        good = rows.succeeded
        return Samples(
            record.started + rows.start[good], rows.latency[good], summarize(record).failed
        )


def _record(load: Load) -> LoadRecord:
    url = f"http://{load.host}{load.path}"
    workload = Workload(url=url, concurrency=load.users, duration=load.seconds)
    return run_load(workload, connect_to=load.address)


def samples_of_csv(lines: Iterable[str], started: float) -> Samples:
    """What hey's `-o csv` says of a run that began at `started`.

    Raises:
        UsageError: if it is no such output, or has as many lines as hey can remember.
    """
    rows = iter(lines)
    head = next(rows, "").split(",")
    try:
        took, code, offset = (
            head.index(each) for each in ("response-time", "status-code", "offset")
        )
    except ValueError as missing:
        raise UsageError(f"this is no csv of hey: {missing}") from missing
    found = [row.split(",") for row in rows if row]
    if len(found) >= _KEPT:
        raise UsageError(f"hey forgot all after {_KEPT:,} requests", hint="use fewer --seconds")
    good = [row for row in found if row[code].startswith("2")]
    return Samples(
        started + np.array([row[offset] for row in good], dtype=float),
        np.array([row[took] for row in good], dtype=float),
        len(found) - len(good),
    )


def failures(summary: LoadSummary) -> int:
    """Requests of a run without an answer, and answers other than 2xx."""
    refused = sum(count for code, count in summary.status if not 200 <= code < 300)
    return refused + sum(count for name, count in summary.errors if name != "status")


def available_client() -> Client:
    """hey if there is one.

    Raises:
        UsageError: if $KNLAB_HEY names no program.
    """
    named = os.environ.get(ENVIRONMENT)
    program = shutil.which(named or "hey")
    if named and program is None:
        raise UsageError(f"{ENVIRONMENT}={named!r} is no program", hint="leave it out, or mend it")
    return Hey(program) if program else OwnGenerator()


def address_of(url: str) -> str:
    """`HOST:PORT` of a gateway's URL."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 80}"

"""What the processes of containers use, read from Linux's /proc; elsewhere nobody knows.

A container is a process group: its first process and all that come from it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from knlab._clock import Clock
from knlab.embedded.builtin.metrics import ContainerUsage, Used
from knlab.embedded.pods.supervisor import Supervisor

PERIOD: Final = 15.0
"""Seconds between two samples, as a metrics server takes them."""
_PROC: Final = Path("/proc")
_SHORTEST: Final = 1.0
"""Seconds that a measurement spans at least: the kernel counts in hundredths."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a process has used since it started, at the monotonic time `at` (seconds)."""

    cpu_seconds: float
    memory_bytes: int
    at: float


class UsageMeter:
    """Measures the containers that `supervisor` runs, and everything of this cluster together."""

    def __init__(self, supervisor: Supervisor, clock: Clock, proc: Path = _PROC) -> None:
        self._supervisor = supervisor
        self._clock = clock
        self._proc = proc
        self._before: dict[int, Reading] = {}
        self._latest: dict[int, Reading] = {}

    @property
    def is_available(self) -> bool:
        """Whether this system tells what processes use."""
        return (self._proc / "self" / "stat").exists()

    async def run(self) -> None:
        """Take samples until cancelled."""
        while self.is_available:
            self.sample()
            await asyncio.sleep(PERIOD)

    def sample(self) -> None:
        """Note what every process has used by now; processes that are gone are forgotten."""
        found = {pid: self._read(pid) for pid in self._processes()}
        self._before = {pid: self._latest[pid] for pid in found if pid in self._latest}
        self._latest = {pid: reading for pid, reading in found.items() if reading is not None}

    def containers(self) -> Sequence[ContainerUsage]:
        """What each container used between the last two samples, or since it began."""
        found = []
        for log, pid in self._supervisor.containers:
            used = self._used(pid)
            if used is not None:
                uid, container = log.parts[-3:-1]
                found.append(ContainerUsage(uid=uid, container=container, used=used))
        return found

    def node(self) -> Used:
        """What this process, the shim and all containers used together."""
        parts = [used for pid in self._processes() if (used := self._used(pid))]
        return Used(
            cores=sum(part.cores for part in parts),
            memory_bytes=sum(part.memory_bytes for part in parts),
            when=self._clock.now(),
            window=max((part.window for part in parts), default=PERIOD),
        )

    def _processes(self) -> list[int]:
        others = (os.getpid(), self._supervisor.shim_pid)
        return [*filter(None, others), *(pid for _, pid in self._supervisor.containers)]

    def _used(self, pid: int) -> Used | None:
        before, latest = self._before.get(pid), self._latest.get(pid)
        if before is None or latest is None:
            latest = self._read(pid)
            if latest is None:
                return None
            before = self._birth(pid, latest)
        span = latest.at - before.at
        if span < _SHORTEST:
            return None
        return Used(
            cores=max(0.0, latest.cpu_seconds - before.cpu_seconds) / span,
            memory_bytes=latest.memory_bytes,
            when=self._clock.now() - (self._clock.monotonic() - latest.at),
            window=span,
        )

    def _birth(self, pid: int, latest: Reading) -> Reading:
        """The moment before the process had used anything."""
        fields = self._fields(pid)
        uptime = self._text("uptime").split()
        if not fields or not uptime:
            return latest
        age = float(uptime[0]) - int(fields[19]) / _ticks()
        return Reading(0.0, 0, self._clock.monotonic() - max(0.0, age))

    def _read(self, pid: int) -> Reading | None:
        """What `pid` and the processes that come from it have used; None if it is gone."""
        fields = self._fields(pid)
        if not fields:
            return None
        ticks = sum(map(int, fields[11:15]))  # utime, stime, and those of children that have ended
        pages = int(fields[21])
        for child in self._others(pid):
            more = self._fields(child)
            if more:
                ticks += sum(map(int, more[11:15]))
                pages += int(more[21])
        memory = pages * os.sysconf("SC_PAGE_SIZE")
        return Reading(ticks / _ticks(), memory, self._clock.monotonic())

    def _others(self, pid: int) -> Iterable[int]:
        """Everything that comes from `pid`, if that is a container's first process."""
        if pid in (os.getpid(), self._supervisor.shim_pid):
            return
        listed = self._text(f"{pid}/task/{pid}/children").split()
        for child in map(int, listed):
            yield child
            yield from self._others(child)

    def _fields(self, pid: int) -> list[str]:
        """The fields of /proc/PID/stat from the third on; empty if the process is gone."""
        return self._text(f"{pid}/stat").rpartition(") ")[2].split()

    def _text(self, path: str) -> str:
        try:
            return (self._proc / path).read_text()
        except OSError:
            return ""


def _ticks() -> int:
    return os.sysconf("SC_CLK_TCK")

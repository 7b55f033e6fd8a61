"""The processes of an embedded cluster, as far as /proc tells: its own, and those of its pods."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_SHIM: Final = b"knlab.embedded.pods.shim"
"""In the command line of the process whose children are the containers'."""
_TICK: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Stat:
    """A line of /proc/PID/stat."""

    pid: int
    parent: int
    zombie: bool
    processor: float
    """Seconds used."""
    threads: int
    resident: int
    """Bytes."""


def parse_stat(text: str) -> Stat:
    """What the line says; the program's name in it may contain anything."""
    pid, _, rest = text.partition(" (")
    fields = rest.rpartition(") ")[2].split()
    return Stat(
        pid=int(pid),
        parent=int(fields[1]),
        zombie=fields[0] in "ZX",
        processor=(int(fields[11]) + int(fields[12])) / _TICK,
        threads=int(fields[17]),
        resident=int(fields[21]) * _PAGE,
    )


@dataclass(frozen=True, slots=True)
class Cluster:
    """The processes of a cluster at one moment."""

    own: tuple[Stat, ...]
    """The main one first, then those it started that are no container's."""
    pods: tuple[Stat, ...]

    @property
    def zombies(self) -> frozenset[int]:
        """Those that have ended and that nobody has waited for."""
        return frozenset(each.pid for each in (*self.own, *self.pods) if each.zombie)


def cluster_of(root: int) -> Cluster:
    """The processes of the cluster whose main process is `root`."""
    stats = {each.pid: each for each in _stats()}
    return grouped(stats, root, is_shim=lambda pid: _SHIM in _command(pid))


def grouped(stats: Mapping[int, Stat], root: int, *, is_shim: Callable[[int], bool]) -> Cluster:
    """`root` and what descends from it; whatever is below a shim is a container's."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    for each in stats.values():
        children[each.parent].append(each.pid)
    own: list[Stat] = []
    pods: list[Stat] = []

    def walk(pid: int, into: list[Stat]) -> None:
        into.append(stats[pid])
        below = pods if into is pods or is_shim(pid) else own
        for child in children[pid]:
            walk(child, below)

    if root in stats:
        walk(root, own)
    return Cluster(tuple(own), tuple(pods))


def _stats() -> Iterator[Stat]:
    for each in _PROC.glob("[0-9]*"):
        with suppress(OSError):
            yield parse_stat((each / "stat").read_text())


def _command(pid: int) -> bytes:
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return b""


def descriptors(processes: Iterable[Stat]) -> int:
    """How many files and sockets they have open."""
    return sum(_open(each.pid) for each in processes)


def _open(pid: int) -> int:
    try:
        return len(os.listdir(_PROC / str(pid) / "fd"))  # noqa: PTH208 - counted, not read
    except OSError:
        return 0


def proportional(processes: Iterable[Stat]) -> int:
    """Bytes of memory that they have, what they share with others counted by parts."""
    return sum(_proportional(each.pid) for each in processes)


def _proportional(pid: int) -> int:
    try:
        rollup = (_PROC / str(pid) / "smaps_rollup").read_text()
    except OSError:
        return 0
    found = next((line for line in rollup.splitlines() if line.startswith("Pss:")), "Pss: 0 kB")
    return int(found.split()[1]) * 1024


def processor(processes: Iterable[Stat]) -> float:
    """Seconds of processor that they have used together."""
    return sum(each.processor for each in processes)


def resident(processes: Iterable[Stat]) -> int:
    """Resident bytes of all together; what they share counts several times."""
    return sum(each.resident for each in processes)

"""Processes of this machine, as `ps` sees them, and waiting with a deadline."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any


def _processes() -> dict[int, tuple[int, str]]:
    """Process id → parent's id and state."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, check=True
    )
    rows = (line.split() for line in listed.stdout.splitlines())
    return {int(pid): (int(parent), state) for pid, parent, state in rows}


def descendants(pid: int) -> set[int]:
    """`pid` and everything that it started, and that they started."""
    processes = _processes()
    found = {pid}
    while True:
        more = {child for child, (parent, _) in processes.items() if parent in found} - found
        if not more:
            return found
        found |= more


def alive(pids: Iterable[int]) -> set[int]:
    """Those of `pids` that still run; what nobody has waited for yet is gone too."""
    processes = _processes()
    return {pid for pid in pids if pid in processes and not processes[pid][1].startswith("Z")}


def eventually(what: str, holds: Callable[[], object], *, within: float) -> None:
    """Return once `holds` is true; fail the test after `within` seconds."""
    deadline = time.monotonic() + within
    while not (last := holds()):
        assert time.monotonic() < deadline, f"{what}: not within {within} s; last seen {last!r}"
        time.sleep(0.05)


def run_knlab(
    *arguments: str, state_dir: Path | str | None = None, **options: Any
) -> subprocess.CompletedProcess[str]:
    """`knlab ARGUMENTS`, as somebody types it."""
    return subprocess.run(
        command(*arguments),
        capture_output=True, text=True, timeout=50, check=False, env=surroundings(state_dir),
        **options,
    )  # fmt: skip


def command(*arguments: str) -> list[str]:
    """The command line of `knlab ARGUMENTS`, whatever is on the PATH."""
    return [sys.executable, "-m", "knlab.cli", *arguments]


def surroundings(state_dir: Path | str | None = None) -> dict[str, str]:
    """An environment in which `knlab` is on its own."""
    outer = {name: value for name, value in os.environ.items() if not name.startswith("KNLAB_")}
    return outer | ({} if state_dir is None else {"KNLAB_STATE_DIR": str(state_dir)})

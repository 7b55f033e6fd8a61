"""The embedded cluster's process, seen from outside: start it, find it, stop it.

Imports little, so that `knlab up` answers at once.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from knlab._exceptions import StateError, TimedOut, Unreachable
from knlab._state import Durability, Running, claim, is_locked, read_running

_START_TIMEOUT = 30.0
_STOP_TIMEOUT = 15.0
_END_TIMEOUT = 5.0
_POLL = 0.02
_REMEDY = "→ "
"""What the line with the remedy begins with, in the text of a KnlabError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How to start the process."""

    api_port: int = 0
    """0: the port used last on this state directory, or any free one."""
    gateway_port: int = 0
    idle_timeout: str = "12h"
    durability: Durability | None = None
    """What an answered write survives; None: as it was last on this state directory."""
    with_parent: bool = False
    """Ends when this process ends, however it ends."""


_children: dict[int, subprocess.Popen[bytes]] = {}
"""The processes that this one started, by id; whoever starts one has to wait for its end."""
_parents_ends: list[int] = []
"""Write ends of pipes that child clusters watch: they close when this process ends."""


def start(directory: Path, launch: Launch = Launch()) -> Running:
    """The cluster that runs on `directory`, started if none does.

    Raises:
        StateError: if the directory is foreign, newer than this knlab, or not writable.
        Unreachable: if the process ends at once; the message carries its last words.
    """
    if running := read_running(directory):
        _check_same(running, launch)
        return running
    claim(directory)
    logs = directory / "logs"
    logs.mkdir(exist_ok=True, mode=0o700)
    words = logs / "startup.log"
    with words.open("wb") as log:
        child, ready = _spawn(directory, launch, log.fileno())
    try:
        _await_ready(ready)
        running = _await_announcement(directory, child)
    except BaseException:
        _end(child)
        raise
    finally:
        os.close(ready)
    if running is None:
        message, hint = _last_words(words)
        raise Unreachable(f"the embedded cluster did not start: {message}", hint=hint)
    return running


def _check_same(running: Running, launch: Launch) -> None:
    """Refuse ports and a durability that the running cluster does not have."""
    for name, wanted, url in (
        ("API", launch.api_port, running.api),
        ("gateway", launch.gateway_port, running.gateway),
    ):
        if wanted and not url.endswith(f":{wanted}"):
            raise StateError(
                f"the cluster on {running.state_dir} runs already, with its {name} at {url}",
                hint="stop it with `knlab down` first, or leave the port out",
            )
    if launch.durability not in (None, running.durability):
        raise StateError(
            f"the cluster on {running.state_dir} runs already, with durability"
            f" {running.durability}",
            hint="stop it with `knlab down` first, or leave the durability out",
        )


def _end(child: subprocess.Popen[bytes]) -> None:
    """Stop a process that nobody will use."""
    child.terminate()
    try:
        child.wait(_END_TIMEOUT)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _last_words(log: Path) -> tuple[str, str]:
    """Message and remedy that a process left in its log."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    hint = f"{log} says more; `knlab reset` starts afresh"
    if lines and lines[-1].startswith(_REMEDY):
        hint = lines.pop().removeprefix(_REMEDY)
    return lines[-1] if lines else "it said nothing", hint


def _spawn(directory: Path, launch: Launch, log: int) -> tuple[subprocess.Popen[bytes], int]:
    ready, announce = os.pipe()
    command = [sys.executable, "-m", "knlab.embedded", "--state-dir", str(directory)]
    command += ["--api-port", str(launch.api_port), "--gateway-port", str(launch.gateway_port)]
    command += ["--idle-timeout", launch.idle_timeout, "--ready-fd", str(announce)]
    command += ["--durability", launch.durability] if launch.durability else []
    inherited = [announce]
    if launch.with_parent:
        watched, held = os.pipe()
        _parents_ends.append(held)
        command += ["--parent-fd", str(watched)]
        inherited.append(watched)
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=inherited,
            start_new_session=True,
        )
    finally:
        for descriptor in inherited:
            os.close(descriptor)
    _children[child.pid] = child
    return child, ready


def _await_ready(ready: int) -> None:
    """Return when the child says ready or is gone: both end the select."""
    readable, _, _ = select.select([ready], [], [], _START_TIMEOUT)
    if not readable:
        raise TimedOut("the embedded cluster to start", after=_START_TIMEOUT)
    os.read(ready, 1)


def _await_announcement(directory: Path, child: subprocess.Popen[bytes]) -> Running | None:
    """The announcement of our child, or of a process that was faster; None if there is none."""
    deadline = time.monotonic() + _START_TIMEOUT
    while time.monotonic() < deadline:
        if running := read_running(directory):
            return running
        if child.poll() is not None and not is_locked(directory):
            return None
        time.sleep(_POLL)
    return None


@contextmanager
def temporary() -> Iterator[Path]:
    """The state directory of a fresh cluster that lasts as long as the block.

    It does not outlive this process either, however that ends.
    """
    with tempfile.TemporaryDirectory(prefix="knlab-", ignore_cleanup_errors=True) as home:
        directory = Path(home) / "cluster"
        try:
            start(directory, Launch(with_parent=True))
            yield directory
        finally:
            stop(directory)


def stop(directory: Path) -> bool:
    """Whether a cluster ran on `directory`; it is stopped now, its objects are kept."""
    _collect()
    running = read_running(directory)
    if running is None:
        return False
    for sign, patience in ((signal.SIGTERM, _STOP_TIMEOUT), (signal.SIGKILL, _STOP_TIMEOUT)):
        try:
            os.kill(running.pid, sign)
        except ProcessLookupError:
            return True
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if not is_locked(directory) and _collected(running.pid):
                return True
            time.sleep(_POLL)
    raise StateError(
        f"process {running.pid} does not end", hint=f"look at {directory}/logs, then kill it"
    )


def _collected(pid: int) -> bool:
    """Whether a process that let go of its directory is gone; others wait for theirs."""
    _collect()
    return pid not in _children


def _collect() -> None:
    """Forget the processes that have ended."""
    for pid, child in tuple(_children.items()):
        if child.poll() is not None:
            del _children[pid]


def reset(directory: Path) -> None:
    """Stop the cluster on `directory` and delete its state.

    Raises:
        StateError: if the directory holds something else than a cluster's state.
    """
    stop(directory)
    if not directory.exists():
        return
    if not directory.is_dir() or (
        any(directory.iterdir()) and not (directory / "FORMAT").is_file()
    ):
        raise StateError(f"{directory} is not a knlab state directory", hint="nothing was deleted")
    try:
        shutil.rmtree(directory)
    except OSError as error:
        raise StateError(
            f"cannot delete {directory}: {error.strerror}", hint="delete it as the user who owns it"
        ) from error

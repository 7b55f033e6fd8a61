"""`python -m knlab.embedded`: the embedded cluster's process.

Exit codes: 0 after SIGTERM, an idle timeout or the end of the parent; 1 with a sentence on stderr
if it cannot start.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import gc
import logging
import logging.handlers
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import uvloop

from knlab._clock import SystemClock
from knlab._exceptions import KnlabError, StateError
from knlab._state import DURABILITIES, Running, claim, write_running
from knlab._units import parse_duration
from knlab.embedded.host import Ports, check_ports
from knlab.embedded.platform import Platform, Settings, platform

LOG: Final = logging.getLogger("knlab")
_FRAMES: Final = 8_000
"""Objects may nest 200 levels deep (`kube.bodies.MAX_DEPTH`), and some walks take several calls."""
LOG_SIZE: Final = 5 * 2**20
LOG_FILES: Final = 3
_LETTING_GO: Final = 0.5
_POLL: Final = 0.01
_COLLECT_AFTER: Final = (10_000, 20, 50)
"""Python counts new objects, then collections of the young, then of the older ones."""


def main() -> int:
    """Run until told to stop."""
    sys.setrecursionlimit(_FRAMES)
    chosen = _arguments()
    directory: Path = chosen.state_dir.absolute()
    failure: BaseException | None = None
    try:
        claim(directory)
        with _locked(directory), _announced(directory):
            check_ports(Ports(chosen.api_port, chosen.gateway_port))
            _log_to(directory / "logs")
            uvloop.run(_run(directory, chosen))
    except* KnlabError as group:
        failure = _first(group)
    except* OSError as group:
        failure = _first(group)
    if failure is not None:
        print(failure, file=sys.stderr)  # noqa: T201 - for whoever starts us
    return 1 if failure else 0


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error in `group`, however deep."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m knlab.embedded", description=__doc__)
    parser.add_argument("--state-dir", type=Path, required=True)
    parser.add_argument("--api-port", type=int, default=0)
    parser.add_argument("--gateway-port", type=int, default=0)
    parser.add_argument("--idle-timeout", default="12h")
    parser.add_argument("--durability", choices=DURABILITIES)
    parser.add_argument("--ready-fd", type=int, help="gets one byte once clients can connect")
    parser.add_argument("--parent-fd", type=int, help="end when this reaches its end of file")
    return parser.parse_args()


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Be the only process on `directory`; one that was killed may need a moment to let go of it."""
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + _LETTING_GO
        while not _lock(descriptor):
            if time.monotonic() > deadline:
                raise StateError(
                    f"another process runs on {directory}",
                    hint="use it, or stop it with `knlab down`",
                )
            time.sleep(_POLL)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _announced(directory: Path) -> Iterator[None]:
    """Leave no announcement behind, nor one of a process that was killed."""
    (directory / "cluster.json").unlink(missing_ok=True)
    try:
        yield
    finally:
        (directory / "cluster.json").unlink(missing_ok=True)


def _log_to(directory: Path) -> None:
    directory.mkdir(exist_ok=True, mode=0o700)
    handler = logging.handlers.RotatingFileHandler(
        directory / "knlab.log", maxBytes=LOG_SIZE, backupCount=LOG_FILES
    )
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)


def _collect_rarely() -> None:
    """Make garbage collections rare, and leave out what is there already.

    Objects of the API are trees, which reference counts free; a full collection would only walk
    through all of them, and every request would wait for it.
    """
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)


async def _run(directory: Path, chosen: argparse.Namespace) -> None:
    settings = Settings(
        state_dir=directory,
        ports=Ports(chosen.api_port, chosen.gateway_port),
        durability=chosen.durability,
    )
    patience = parse_duration(chosen.idle_timeout, name="--idle-timeout")

    def announce(running: Running) -> None:
        _collect_rarely()
        LOG.info("process %d serves the API at %s", running.pid, running.api)
        LOG.info("the ingress gateway's address is %s", running.gateway)
        write_running(directory, running)
        if chosen.ready_fd is not None:
            os.write(chosen.ready_fd, b"!")
            os.close(chosen.ready_fd)

    async with platform(settings, SystemClock()) as cluster:
        serving = asyncio.create_task(cluster.run(announce), name="cluster")
        ending = asyncio.create_task(_ending(cluster, chosen.parent_fd, patience), name="ending")
        await asyncio.wait({serving, ending}, return_when=asyncio.FIRST_COMPLETED)
        if ending.done():
            LOG.info("ending: %s", ending.result())
        for task in (ending, serving):
            task.cancel()
        with suppress(asyncio.CancelledError):
            await serving
        LOG.info("ended")


async def _ending(cluster: Platform, parent: int | None, patience: float) -> str:
    """Why to end, once there is a reason: a signal, the parent's end, or long idling."""
    loop = asyncio.get_running_loop()
    told: asyncio.Future[str] = loop.create_future()

    def tell(reason: str) -> None:
        if parent is not None:
            loop.remove_reader(parent)  # its end of file would be news for ever
        if not told.done():
            told.set_result(reason)

    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, tell, sign.name)
    if parent is not None:
        loop.add_reader(parent, tell, "the process that it was started for is gone")
    while (left := patience - cluster.usage.idle) > 0:
        await asyncio.wait({told}, timeout=left)
        if told.done():
            return told.result()
    return f"nobody used it for {patience:.0f} s"


if __name__ == "__main__":
    sys.exit(main())

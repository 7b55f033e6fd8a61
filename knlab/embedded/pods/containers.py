"""A running container: a process behind the shim, or a task of this process. Both look the same."""

from __future__ import annotations

import asyncio
import signal
import traceback
from collections.abc import Awaitable, Callable
from typing import Protocol

from knlab._clock import Clock
from knlab.embedded.pods.consoles import Console, TaskConsole
from knlab.embedded.pods.logfile import LogFile
from knlab.embedded.pods.supervisor import KILLED, Contained
from knlab.embedded.runtime import Container


class Stoppable(Protocol):
    """What runs until it ends by itself or is told to."""

    async def wait(self) -> int:
        """The exit code, once it has exited; waiting may be cancelled and repeated."""

    def terminate(self) -> None:
        """SIGTERM, or what stands for it."""

    def kill(self) -> None:
        """SIGKILL, or what stands for it."""


class Running(Stoppable, Protocol):
    """A container that has been started."""

    @property
    def console(self) -> Console:
        """How to attach to it."""


class RunningProcess:
    """A container whose program is a process."""

    def __init__(self, child: Contained) -> None:
        self._child = child
        self.console: Console = child.console
        """How to attach to it."""

    async def wait(self) -> int:
        """The exit code, or 128 + the signal."""
        return await asyncio.shield(self._child.exited)

    def terminate(self) -> None:
        """Send SIGTERM to the first process."""
        self._child.signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL to the process group."""
        self._child.signal(signal.SIGKILL)


class RunningTask:
    """A container whose program is a coroutine: it returns 0, or 1 if it raises."""

    def __init__(
        self,
        run: Callable[[Container], Awaitable[None]],
        container: Container,
        log: LogFile,
        clock: Clock,
    ) -> None:
        self._container = container
        self._log, self._clock = log, clock
        self._prints = TaskConsole()
        self.console: Console = self._prints
        """How to attach to it."""
        container.log = self._write
        pod = container.pod["metadata"]
        name = f"pod {pod.get('namespace', '')}/{pod['name']}: {container.name}"
        self._task = asyncio.create_task(self._run(run), name=name)

    def _write(self, line: str) -> None:
        output = line.encode() + b"\n"
        self._log.write("stdout", output, self._clock.now())
        self._prints.print(output)

    async def _run(self, run: Callable[[Container], Awaitable[None]]) -> int:
        try:
            await run(self._container)
        except asyncio.CancelledError:
            return KILLED
        except Exception:
            self._write(traceback.format_exc().rstrip())
            return 1
        else:
            return 0
        finally:
            self._log.close(self._clock.now())
            self._prints.close()
            self._container.log = _nobody_listens

    async def wait(self) -> int:
        """0, 1 or 137."""
        return await asyncio.shield(self._task)

    def terminate(self) -> None:
        """Set `stopping`."""
        self._container.stopping.set()

    def kill(self) -> None:
        """Cancel the task."""
        self._task.cancel()


def _nobody_listens(_line: str) -> None:
    """A task that logs after its end logs nowhere."""

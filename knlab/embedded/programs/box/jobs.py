"""Processes of a shell: started by forking, never by executing a file."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from knlab.embedded.programs.box.traps import Traps
from knlab.embedded.programs.box.world import World

_OWN_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGPIPE)


class Ended(Exception):  # noqa: N818 - a way out, not an error
    """This process is to end with an exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Jobs:
    """Starts processes and waits for them."""

    def __init__(self, world: World, traps: Traps | None = None) -> None:
        """`traps` are those of the shell whose processes they are, if it is one's."""
        self._world = world
        self._traps = traps
        self._ignored: tuple[signal.Signals, ...] = ()
        self.background: dict[int, int] = {}
        """Host's process id → the container's number, of what nobody has waited for."""
        self.ended: dict[int, int] = {}
        """The container's number → exit code."""

    def fork(
        self, action: Callable[[], int], command: str, *, in_background: bool = False
    ) -> tuple[int, int]:
        """A new process that runs `action` and ends with its result: its two numbers.

        The first is the host's, the second the container's. Ctrl-C is no business of a process in
        the background, nor of those that come from it.
        """
        read, write = os.pipe()
        # A signal that comes between the fork and its setting below would be nobody's.
        unblocked = signal.pthread_sigmask(signal.SIG_BLOCK, _OWN_SIGNALS)
        pid = os.fork()
        if pid:
            signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)
            os.close(write)
            told = os.read(read, 16)
            os.close(read)
            if self._traps is not None and self._traps.is_interrupted and not in_background:
                os.kill(pid, signal.SIGINT)  # it may have come before the fork
                self._traps.insist()
            return pid, int(told or 0)
        code = 1
        try:
            if in_background:
                self._ignored = (signal.SIGINT, signal.SIGQUIT)
            for number in _OWN_SIGNALS:
                ignored = number in self._ignored
                signal.signal(number, signal.SIG_IGN if ignored else signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)
            self.background, self.ended = {}, {}
            self._world.processes.enter(command)
            os.write(write, str(self._world.processes.pid).encode())
            os.close(read)
            os.close(write)
            code = run_to_end(action)
        finally:
            self._world.processes.leave()
            os._exit(code)

    def wait(self, pid: int) -> int:
        """The exit code of a process of ours, or 128 + the signal that ended it."""
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        if self._traps is not None:
            (self._traps.insist if code == -signal.SIGINT else self._traps.survived)()
        return 128 - code if code < 0 else code

    def run(self, action: Callable[[], int], command: str) -> int:
        """The exit code of `action` in a process of its own."""
        return self.wait(self.fork(action, command)[0])

    def reap(self) -> None:
        """Take note of background processes that have ended."""
        for pid, number in tuple(self.background.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                self._note(pid, number, os.waitstatus_to_exitcode(status))

    def wait_for(self, pid: int) -> int:
        """The exit code of the background process that has the host's id `pid`."""
        number = self.background[pid]
        _, status = os.waitpid(pid, 0)
        return self._note(pid, number, os.waitstatus_to_exitcode(status))

    def _note(self, pid: int, number: int, code: int) -> int:
        del self.background[pid]
        self.ended[number] = 128 - code if code < 0 else code
        return self.ended[number]


def run_to_end(action: Callable[[], int]) -> int:
    """The exit code of `action`, also if that leaves by `Ended`."""
    try:
        return action() & 0xFF
    except Ended as ended:
        return ended.code & 0xFF
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 141

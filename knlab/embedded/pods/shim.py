"""The process that owns every container's process, and ends them all when the cluster dies.

It reads commands from standard input and writes events to standard output, one JSON object a line:

    {"do": "start", "id", "argv", "env", "cwd", "log"}     → {"id", "pid"} or {"id", "failed"}
    {"do": "start", "id", "argv", "env", "cwd", "terminal"}         likewise
    {"do": "signal", "id", "signal"}                        → {"id", "code"} when it has exited

A container's output goes to its log. A command that somebody has executed in a container has its
standard streams from who asked: three descriptors, which came over a socket of their own before.

Both are sessions of their own, without inherited files. As in a container, SIGKILL ends the whole
group, other signals go to the first process, and when that exits the rest is killed. Code is the
exit code, or 128 + the signal.
End of input means that the cluster is gone, however it went: every group gets SIGTERM, and SIGKILL
a second later. This module imports little, because the first pod waits for it.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import termios
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from knlab._clock import SystemClock
from knlab.embedded.pods.logfile import LogFile

_LAST_SECONDS: Final = 1.0
_PIECE: Final = 65536
_PR_SET_PDEATHSIG: Final = 1


def _kernel_kills_with_us() -> Callable[[], object] | None:
    if sys.platform != "linux":
        return None
    return partial(ctypes.CDLL(None).prctl, _PR_SET_PDEATHSIG, signal.SIGKILL)


_BEFORE_EXEC: Final = _kernel_kills_with_us()
"""Makes a child die with this process even if that is killed; Linux only."""


def _with_terminal() -> None:
    """Make standard input the terminal of the new session; runs in the child."""
    if _BEFORE_EXEC is not None:
        _BEFORE_EXEC()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class _Child:
    """A process group of ours."""

    pipes: Mapping[str, int]
    """What is to be read, by name of the stream."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.pipes = {}

    def read(self, _stream: str) -> int | None:
        """How much a stream gave: 0 at its end, None if nothing is there now."""
        return 0

    def signal(self, number: int) -> None:
        """Send `number` to the first process, or SIGKILL to the whole group."""
        # Gone already, or a zombie that nobody has waited for yet.
        with suppress(ProcessLookupError, PermissionError):
            if number == signal.SIGKILL:
                os.killpg(self.process.pid, number)
            elif self.process.poll() is None:
                os.kill(self.process.pid, number)

    def close(self) -> None:
        """Let go of it."""


class _Container(_Child):
    """A container's process, its output and its log."""

    def __init__(self, command: dict[str, Any], clock: SystemClock) -> None:
        self._clock = clock
        self._log = LogFile(Path(command["log"]))
        try:
            process = _start(
                command, (subprocess.DEVNULL, subprocess.PIPE, subprocess.PIPE), _BEFORE_EXEC
            )
        except OSError:
            self._log.close(clock.now())
            raise
        super().__init__(process)
        outputs = {"stdout": process.stdout, "stderr": process.stderr}
        self.pipes = {name: pipe.fileno() for name, pipe in outputs.items() if pipe is not None}
        for pipe in self.pipes.values():
            os.set_blocking(pipe, False)

    def read(self, stream: str) -> int | None:
        """How much `stream` gave to the log: 0 at its end, None if nothing is there now."""
        if stream not in self.pipes:
            return 0
        try:
            output = os.read(self.pipes[stream], _PIECE)
        except BlockingIOError:
            return None
        self._log.write(stream, output, self._clock.now())
        return len(output)

    def close(self) -> None:
        """Keep what it printed last, and let go of it."""
        for stream in tuple(self.pipes):
            while self.read(stream):
                pass
        self.pipes = {}
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()
        self._log.close(self._clock.now())


def _command(command: dict[str, Any], streams: list[int]) -> _Child:
    """A command with the descriptors `streams`, which are closed here."""
    try:
        if len(streams) != len(("stdin", "stdout", "stderr")):
            raise OSError("its standard streams did not arrive")
        before = _with_terminal if command["terminal"] else _BEFORE_EXEC
        return _Child(_start(command, (streams[0], streams[1], streams[2]), before))
    finally:
        for descriptor in streams:
            os.close(descriptor)


def _start(
    command: dict[str, Any], streams: tuple[int, int, int], before: Callable[[], object] | None
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command["argv"],
        env=command["env"],
        cwd=command["cwd"],
        stdin=streams[0],
        stdout=streams[1],
        stderr=streams[2],
        bufsize=0,
        start_new_session=True,
        preexec_fn=before,  # noqa: PLW1509 - one thread only
    )


class _Shim:
    """The loop over commands, outputs and exits."""

    def __init__(self, commands: int, events: int, descriptors: int) -> None:
        self._clock = SystemClock()
        self._commands, self._events = commands, events
        self._descriptors = socket.socket(fileno=descriptors)
        self._unread = b""
        self._children: dict[str, _Child] = {}
        self._selector = selectors.DefaultSelector()
        self._watch(commands, self._read_commands)
        wakeup, woken = os.pipe()
        for end in (wakeup, woken, commands):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: self._finish())
        self._watch(wakeup, lambda: self._reap(wakeup))

    def run(self) -> None:
        """Serve until the input ends."""
        while True:
            for key, _ in self._selector.select():
                key.data()

    def _watch(self, descriptor: int, ready: Callable[[], None]) -> None:
        self._selector.register(descriptor, selectors.EVENT_READ, ready)

    def _read_commands(self) -> None:
        piece = os.read(self._commands, _PIECE)
        if not piece:
            self._finish()
        *lines, self._unread = (self._unread + piece).split(b"\n")
        for line in lines:
            command = json.loads(line)
            if command["do"] == "start":
                self._start(command)
            elif child := self._children.get(command["id"]):
                child.signal(command["signal"])

    def _start(self, command: dict[str, Any]) -> None:
        try:
            child = self._child(command)
        except (OSError, ValueError) as problem:
            self._tell(id=command["id"], failed=str(problem))
            return
        self._children[command["id"]] = child
        for stream, pipe in child.pipes.items():
            self._watch(pipe, partial(self._read, child, stream, pipe))
        self._tell(id=command["id"], pid=child.process.pid)

    def _child(self, command: dict[str, Any]) -> _Child:
        if "log" in command:
            return _Container(command, self._clock)
        _, streams, _, _ = socket.recv_fds(self._descriptors, 1, 3)
        return _command(command, streams)

    def _read(self, child: _Child, stream: str, pipe: int) -> None:
        # One turn of the loop may hear of a container's exit first, and then of its output.
        if child.read(stream) == 0 and pipe in self._selector.get_map():
            self._selector.unregister(pipe)

    def _reap(self, wakeup: int) -> None:
        os.read(wakeup, _PIECE)
        for name, child in tuple(self._children.items()):
            code = child.process.poll()
            if code is None:
                continue
            del self._children[name]
            child.signal(signal.SIGKILL)
            for pipe in child.pipes.values():
                if pipe in self._selector.get_map():
                    self._selector.unregister(pipe)
            child.close()
            self._tell(id=name, code=128 - code if code < 0 else code)

    def _tell(self, **event: object) -> None:
        try:
            os.write(self._events, json.dumps(event).encode() + b"\n")
        except BrokenPipeError:
            self._finish()

    def _finish(self) -> None:
        children = self._children.values()
        for child in children:
            child.signal(signal.SIGTERM)
        end = self._clock.monotonic() + _LAST_SECONDS
        for child in children:
            try:
                child.process.wait(max(0.0, end - self._clock.monotonic()))
            except subprocess.TimeoutExpired:
                break
        for child in children:
            child.signal(signal.SIGKILL)
            child.process.wait()
        os._exit(0)


def main() -> None:
    """Serve on standard input and output; descriptors come over the socket in the arguments."""
    _Shim(sys.stdin.fileno(), sys.stdout.fileno(), int(sys.argv[1])).run()

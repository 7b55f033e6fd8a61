"""The process that owns every container's process, and ends them all when the cluster dies.

It reads commands from standard input and writes events to standard output, one JSON object a line:

    {"do": "start", "id", "argv", "env", "cwd", "log", "input", "keeps"}
                                                            → {"id", "pid"} or {"id", "failed"}
    {"do": "start", "id", "argv", "env", "cwd", "terminal"}         likewise
    {"do": "signal", "id", "signal"}                        → {"id", "code"} when it has exited
    {"do": "watch", "id", "tap", "streams"}                 → {"id", "tap", "failed"} if it has not
    {"do": "unwatch", "id", "tap"}

A container's output goes to its log, and to those who watch it. Descriptors come over a socket of
their own before the command that they belong to: the standard streams of a command that somebody
has executed in a container; a container's input ("pipe"), or both ends of its terminal
("terminal"); and where a watcher wants each of `streams`.

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
from knlab.embedded.pods.taps import Taps

_LAST_SECONDS: Final = 1.0
_PIECE: Final = 65536
_PR_SET_PDEATHSIG: Final = 1
_REFUSALS: Final = (OSError, ValueError, subprocess.SubprocessError)
"""How a process that cannot be started says so."""
_LAST_BYTES: Final = 1 << 20
"""What is still read of a stream when the container's first process has exited: more than a pipe
holds, but not all that a process beyond our reach may go on writing."""


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


class _Output:
    """One stream of a container: from `pipe` to its log, and to those who watch it."""

    def __init__(
        self, name: str, pipe: int, log: LogFile, loop: selectors.BaseSelector, *, keeps: bool
    ) -> None:
        os.set_blocking(pipe, False)
        self._name, self._pipe, self._log, self._loop = name, pipe, log, loop
        self._clock = SystemClock()
        self._listens = False
        self.taps = Taps(loop, self.listen, keeps=keeps)

    def listen(self) -> None:
        """Read what comes, unless somebody must first read what came before."""
        if self._pipe >= 0 and not self._listens and not self.taps.are_full:
            self._loop.register(self._pipe, selectors.EVENT_READ, self._ready)
            self._listens = True

    def _ready(self) -> None:
        # One turn of the loop may hear of a container's exit first, and then of its output.
        if self._listens and (self._read() == 0 or self.taps.are_full):
            self._stop()

    def _read(self) -> int | None:
        """How much there was: 0 at the end, None if nothing is there now."""
        try:
            output = os.read(self._pipe, _PIECE)
        except BlockingIOError:
            return None
        except OSError:  # how a terminal says that nobody has it open
            return 0
        self._log.write(self._name, output, self._clock.now())
        self.taps.give(output)
        return len(output)

    def _stop(self) -> None:
        if self._listens:
            self._loop.unregister(self._pipe)
            self._listens = False

    def close(self) -> None:
        """Keep what was printed last, and let go of it."""
        self._stop()
        left = _LAST_BYTES
        while left > 0 and (size := self._read()):
            left -= size
        os.close(self._pipe)
        self._pipe = -1
        self.taps.finish()


class _Child:
    """A process group of ours: a container's if it has a log, else a command's."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        log: LogFile | None = None,
        outputs: Mapping[str, _Output] | None = None,
    ) -> None:
        self.process = process
        self._log = log
        self._outputs = outputs or {}
        for output in self._outputs.values():
            output.listen()

    def signal(self, number: int) -> None:
        """Send `number` to the first process, or SIGKILL to the whole group."""
        # Gone already, or a zombie that nobody has waited for yet.
        with suppress(ProcessLookupError, PermissionError):
            if number == signal.SIGKILL:
                os.killpg(self.process.pid, number)
            elif self.process.poll() is None:
                os.kill(self.process.pid, number)

    def watch(self, tap: str, wanted: Mapping[str, int]) -> None:
        """Copy what it prints from now on to the descriptors of the streams in `wanted`."""
        for name, output in self._outputs.items():
            output.taps.open(tap, wanted.get(name))
        for name in wanted.keys() - self._outputs.keys():
            os.close(wanted[name])

    def unwatch(self, tap: str) -> None:
        """Copy nothing more."""
        for output in self._outputs.values():
            output.taps.close(tap)

    def close(self) -> None:
        """Keep what it printed last, and let go of it."""
        for output in self._outputs.values():
            output.close()
        if self._log is not None:
            self._log.close(SystemClock().now())


def _container(command: dict[str, Any], given: list[int], loop: selectors.BaseSelector) -> _Child:
    """A container; `given` is its input, both ends of its terminal, or nothing."""
    log = LogFile(Path(command["log"]))
    if command["input"] == "terminal":
        theirs, ours = given[:1] * 3, {"stdout": given[1]}
    else:
        out, err = os.pipe(), os.pipe()
        theirs = [*(given or [os.open(os.devnull, os.O_RDONLY)]), out[1], err[1]]
        ours = {"stdout": out[0], "stderr": err[0]}
    try:
        process = _start(command, theirs, terminal=command["input"] == "terminal")
    except _REFUSALS:
        for descriptor in ours.values():
            os.close(descriptor)
        log.close(SystemClock().now())
        raise
    finally:
        for descriptor in {*theirs}:
            os.close(descriptor)
    keeps: bool = command["keeps"]
    return _Child(
        process,
        log,
        {name: _Output(name, pipe, log, loop, keeps=keeps) for name, pipe in ours.items()},
    )


def _command(command: dict[str, Any], given: list[int]) -> _Child:
    """A command whose standard streams are `given`."""
    try:
        return _Child(_start(command, given, terminal=command["terminal"]))
    finally:
        for descriptor in given:
            os.close(descriptor)


def _start(
    command: dict[str, Any], streams: list[int], *, terminal: bool
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
        preexec_fn=_with_terminal if terminal else _BEFORE_EXEC,  # noqa: PLW1509 - one thread only
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
            child = self._children.get(command["id"])
            if command["do"] == "start":
                self._start(command)
            elif command["do"] == "watch":
                self._open_tap(command, child)
            elif child is not None and command["do"] == "unwatch":
                child.unwatch(command["tap"])
            elif child is not None:
                child.signal(command["signal"])

    def _start(self, command: dict[str, Any]) -> None:
        try:
            child = self._child(command)
        except _REFUSALS as problem:
            self._tell(id=command["id"], failed=str(problem))
            return
        self._children[command["id"]] = child
        self._tell(id=command["id"], pid=child.process.pid)

    def _child(self, command: dict[str, Any]) -> _Child:
        if "log" not in command:
            return _command(command, self._received(3))
        count = {"": 0, "pipe": 1, "terminal": 2}[command["input"]]
        return _container(command, self._received(count), self._selector)

    def _open_tap(self, command: dict[str, Any], child: _Child | None) -> None:
        streams, failed = command["streams"], ""
        try:
            given = self._received(len(streams))
        except OSError as problem:
            given, failed = [], str(problem)
        if child is not None and not failed:
            child.watch(command["tap"], dict(zip(streams, given, strict=True)))
        else:
            for descriptor in given:
                os.close(descriptor)
        self._tell(id=command["id"], tap=command["tap"], failed=failed)

    def _received(self, count: int) -> list[int]:
        """So many descriptors, which came before the command that they belong to."""
        if not count:
            return []
        _, given, _, _ = socket.recv_fds(self._descriptors, 1, count)
        if len(given) != count:
            for descriptor in given:
                os.close(descriptor)
            raise OSError("its streams did not arrive")
        return given

    def _reap(self, wakeup: int) -> None:
        os.read(wakeup, _PIECE)
        for name, child in tuple(self._children.items()):
            code = child.process.poll()
            if code is None:
                continue
            del self._children[name]
            child.signal(signal.SIGKILL)
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

"""Our ends of a process's standard streams, read and written without blocking: pipes, or a tty.

The process's own ends are descriptors to hand over; close them here once it has them.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import pty
import struct
import termios
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

_PIECE: Final = 1 << 16
_LARGEST: Final = 0xFFFF


class Descriptor:
    """A descriptor of ours."""

    def __init__(self, number: int) -> None:
        os.set_blocking(number, False)
        self._number = number

    @property
    def number(self) -> int:
        """The descriptor itself; -1 once it is closed."""
        return self._number

    async def read(self) -> bytes:
        """What is there, once something is; empty at the end."""
        loop = asyncio.get_running_loop()
        while self._number >= 0:
            try:
                return os.read(self._number, _PIECE)
            except BlockingIOError:
                await _ready(self._number, loop.add_reader, loop.remove_reader)
            except OSError as error:
                if error.errno == errno.EIO:  # how a terminal says that nobody has it open
                    break
                raise
        return b""

    async def write(self, data: bytes) -> None:
        """Write all of `data`.

        Raises:
            OSError: nobody reads it any more.
        """
        loop = asyncio.get_running_loop()
        left = memoryview(data)
        while left:
            try:
                left = left[os.write(self._number, left) :]
            except BlockingIOError:
                await _ready(self._number, loop.add_writer, loop.remove_writer)

    def resize(self, width: int, height: int) -> None:
        """Tell a terminal its size in characters; a pipe has none."""
        size = struct.pack("HHHH", min(height, _LARGEST), min(width, _LARGEST), 0, 0)
        with suppress(OSError):
            fcntl.ioctl(self._number, termios.TIOCSWINSZ, size)

    def close(self) -> None:
        """Let go of it; nobody may be waiting for it."""
        if self._number >= 0:
            os.close(self._number)
            self._number = -1


@dataclass(kw_only=True)
class StandardStreams:
    """Both ends of what a process has as its input, output and errors."""

    process: tuple[int, int, int]
    """The ends of the process."""
    stdin: Descriptor | None = None
    stdout: Descriptor | None = None
    stderr: Descriptor | None = None
    _opened: list[int] = field(default_factory=list)

    def handed_over(self) -> None:
        """The process has its ends: close them here, so that the others see when it does."""
        while self._opened:
            os.close(self._opened.pop())

    def close(self) -> None:
        """Let go of everything."""
        self.handed_over()
        for end in {self.stdin, self.stdout, self.stderr} - {None}:
            if end is not None:
                end.close()


def terminal() -> StandardStreams:
    """A terminal that is all three streams.

    Raises:
        OSError: there is none left.
    """
    ours, theirs = pty.openpty()
    end = Descriptor(ours)
    return StandardStreams(process=(theirs,) * 3, stdin=end, stdout=end, _opened=[theirs])


def pipes(*, stdin: bool, stdout: bool, stderr: bool) -> StandardStreams:
    """A pipe for each stream that is wanted; the others lead nowhere.

    Raises:
        OSError: there is none left.
    """
    ours: list[Descriptor | None] = []
    theirs: list[int] = []
    try:
        for wanted, is_input in ((stdin, True), (stdout, False), (stderr, False)):
            if not wanted:
                ours.append(None)
                theirs.append(os.open(os.devnull, os.O_RDONLY if is_input else os.O_WRONLY))
                continue
            reading, writing = os.pipe()
            ours.append(Descriptor(writing if is_input else reading))
            theirs.append(reading if is_input else writing)
    except OSError:
        for descriptor in theirs:
            os.close(descriptor)
        for end in ours:
            if end is not None:
                end.close()
        raise
    return StandardStreams(
        process=(theirs[0], theirs[1], theirs[2]),
        stdin=ours[0], stdout=ours[1], stderr=ours[2], _opened=theirs,
    )  # fmt: skip


async def _ready(number: int, add: Callable[..., object], remove: Callable[[int], object]) -> None:
    """Returns when the loop says that `number` is ready."""
    ready = asyncio.get_running_loop().create_future()
    add(number, _settle, ready)
    try:
        await ready
    finally:
        remove(number)


def _settle(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)

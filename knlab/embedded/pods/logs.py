"""Reading containers' logs: what `kubectl logs` gets, with Kubernetes' errors."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from knlab.embedded.pods.logfile import rotated, timestamp

_BLOCK: Final = 64 * 1024
_FOLLOW_EVERY: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOptions:
    """What of a log is wanted."""

    follow: bool = False
    tail_lines: int | None = None
    since: float | None = None
    """Nothing older than this, in epoch seconds."""
    timestamps: bool = False
    limit_bytes: int | None = None


def log_path(pod_directory: Path, container: str, number: int) -> Path:
    """Where instance `number` of `container` logs."""
    return pod_directory / container / f"{number}.log"


def drop_old_logs(pod_directory: Path, container: str, number: int) -> None:
    """Keep the logs of instance `number` and of the one before."""
    old = log_path(pod_directory, container, number - 2)
    for path in (old, rotated(old)):
        path.unlink(missing_ok=True)


def last_lines(path: Path, *, lines: int, size: int) -> str:
    """The end of a log: at most `lines` lines and `size` bytes."""
    reader = _Reader(path, LogOptions(tail_lines=lines))
    text = b"".join(reader.available())
    reader.close()
    return text[-size:].decode("utf-8", "replace")


async def read_log(
    path: Path, options: LogOptions, running: Callable[[], bool]
) -> AsyncIterator[bytes]:
    """What the log `path` has, and with `follow` what it gets while the container is `running`."""
    reader = _Reader(path, options)
    try:
        while True:
            alive = running()
            for block in reader.available():
                yield block
            if reader.is_full() or not options.follow or not alive:
                return
            await asyncio.sleep(_FOLLOW_EVERY)
    finally:
        reader.close()


class _Reader:
    """Reads a log from where it left off, across one rotation at a time."""

    def __init__(self, path: Path, options: LogOptions) -> None:
        self._path = path
        self._options = options
        self._since = "" if options.since is None else timestamp(options.since)
        self._left = options.limit_bytes
        self._file: int | None = None
        self._rest = b""
        self._begun = False

    def is_full(self) -> bool:
        """Whether the limit has been reached."""
        return self._left == 0

    def available(self) -> Iterator[bytes]:
        """The blocks that can be had now."""
        if not self._begun:
            yield from self._begin()
        while not self.is_full() and self._open():
            assert self._file is not None
            while not self.is_full() and (read := os.read(self._file, _BLOCK)):
                yield from self._shown(read)
            if not self._moved():
                return
            self.close()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _begin(self) -> Iterator[bytes]:
        """The older half, and the place in the newer one to start from."""
        self._begun = True
        wanted = self._options.tail_lines
        if not self._open():
            return
        assert self._file is not None
        here = 0
        if wanted is not None:
            start, here = _tail_offset(self._file, wanted)
            os.lseek(self._file, start, os.SEEK_SET)
        if wanted is None or here < wanted:
            yield from self._older(None if wanted is None else wanted - here)

    def _older(self, lines: int | None) -> Iterator[bytes]:
        try:
            older = os.open(rotated(self._path), os.O_RDONLY)
        except FileNotFoundError:
            return
        try:
            if lines is not None:
                os.lseek(older, _tail_offset(older, lines)[0], os.SEEK_SET)
            while not self.is_full() and (read := os.read(older, _BLOCK)):
                yield from self._shown(read)
        finally:
            os.close(older)

    def _open(self) -> bool:
        if self._file is None:
            try:
                self._file = os.open(self._path, os.O_RDONLY)
            except FileNotFoundError:
                return False
        return True

    def _moved(self) -> bool:
        """Whether the file that we read is not the newest any more."""
        assert self._file is not None
        try:
            return self._path.stat().st_ino != os.fstat(self._file).st_ino
        except FileNotFoundError:
            return False

    def _shown(self, read: bytes) -> Iterator[bytes]:
        *lines, self._rest = (self._rest + read).split(b"\n")
        block = b"".join(filter(None, map(self._line, lines)))
        if self._left is not None:
            block = block[: self._left]
            self._left -= len(block)
        if block:
            yield block

    def _line(self, line: bytes) -> bytes:
        try:
            time, _, tag, text = line.split(b" ", 3)
        except ValueError:
            return b""
        if time.decode() < self._since:
            return b""
        prefix = time + b" " if self._options.timestamps else b""
        return prefix + text + (b"" if tag == b"P" else b"\n")


def _tail_offset(file: int, lines: int) -> tuple[int, int]:
    """Where the last `lines` lines of `file` begin, and how many there are."""
    position = os.fstat(file).st_size
    found = -1  # the file ends with a newline, which ends the last line and begins none
    while position > 0:
        size = min(_BLOCK, position)
        position -= size
        block = os.pread(file, size, position)
        here = block.count(b"\n")
        if found + here < lines:
            found += here
            continue
        start = 0
        for _ in range(found + here - lines + 1):
            start = block.index(b"\n", start) + 1
        return position + start, lines
    return 0, found + 1

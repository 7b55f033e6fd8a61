"""A container's log on disk: one line `TIME STREAM TAG TEXT` for each line printed, rotated.

The format is that of Kubernetes' container runtimes: the time in UTC with nanoseconds, the tag `F`
for a whole line and `P` for a piece of one that is too long.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

ROTATE_BYTES: Final = 10 * 1024 * 1024
"""A file of this size becomes `NAME.1`, in place of the one before; two files are kept."""
LINE_BYTES: Final = 16 * 1024
"""Longer lines are cut into pieces of this size."""


def rotated(path: Path) -> Path:
    """Where the older half of the log `path` is."""
    return path.with_name(path.name + ".1")


def timestamp(now: float) -> str:
    """`now` in RFC 3339 with nanoseconds, UTC."""
    whole, rest = divmod(now, 1)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{int(rest * 1e9):09d}Z"


class LogFile:
    """Writes one container's log; what does not end in a newline waits for its rest."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = self._open()
        self._unfinished: dict[str, bytes] = {}

    def write(self, stream: str, output: bytes, now: float) -> None:
        """Append what `stream` ("stdout", "stderr") gave at `now`."""
        *lines, rest = (self._unfinished.pop(stream, b"") + output).split(b"\n")
        prefix = f"{timestamp(now)} {stream}".encode()
        entries = [entry for line in lines for entry in _entries(prefix, line)]
        while len(rest) > LINE_BYTES:
            entries.append(b"%b P %b\n" % (prefix, rest[:LINE_BYTES]))
            rest = rest[LINE_BYTES:]
        if rest:
            self._unfinished[stream] = rest
        self._append(b"".join(entries))

    def close(self, now: float) -> None:
        """Write what is unfinished, and close; later writes are lost."""
        for stream in tuple(self._unfinished):
            self.write(stream, b"\n", now)
        os.close(self._file)
        self._file = -1

    def _open(self) -> int:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        opened = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._size = os.fstat(opened).st_size
        return opened

    def _append(self, entries: bytes) -> None:
        if not entries:
            return
        if self._size and self._size + len(entries) > ROTATE_BYTES:
            os.close(self._file)
            self._path.replace(rotated(self._path))
            self._file = self._open()
        with suppress(OSError):  # a full disk costs lines, not the container
            self._size += os.write(self._file, entries)


def _entries(prefix: bytes, line: bytes) -> list[bytes]:
    cut = [line[start : start + LINE_BYTES] for start in range(0, len(line), LINE_BYTES)] or [b""]
    return [b"%b P %b\n" % (prefix, piece) for piece in cut[:-1]] + [
        b"%b F %b\n" % (prefix, cut[-1])
    ]

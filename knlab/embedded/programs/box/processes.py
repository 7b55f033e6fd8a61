"""The processes of a container: small numbers of their own, in a directory with a file for each.

A process holds a lock on its file while it lives, so a number never stands for a stranger's process
that has got the same one of the host's.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress


class Process:
    """One process of the container."""

    __slots__ = ("command", "host_pid", "pid")

    def __init__(self, pid: int, host_pid: int, command: str) -> None:
        self.pid, self.host_pid, self.command = pid, host_pid, command


class Processes:
    """The processes of one container, as one of them sees them."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._own: int | None = None
        self.pid = 0
        """Our own number; 1 is the container's first process."""

    def enter(self, command: str, *, first: bool = False) -> None:
        """Be one of them as `command`, under the next free number; 1 is for the `first` alone."""
        if self._own is not None:
            os.close(self._own)
        pid = 1 if first else max((int(name) for name in self._names()), default=1) + 1
        while True:
            path = os.path.join(self._directory, str(pid))
            try:
                self._own = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            except FileExistsError:
                pid += 1
            else:
                break
        fcntl.flock(self._own, fcntl.LOCK_EX)
        self.pid = pid
        self.rename(command)

    def rename(self, command: str) -> None:
        """Be `command` from now on."""
        if self._own is not None:
            text = f"{os.getpid()} {command}\0".encode("utf-8", "surrogateescape")
            os.pwrite(self._own, text, 0)  # whoever reads meanwhile reads up to the zero
            os.ftruncate(self._own, len(text))

    def leave(self) -> None:
        """Give the number up."""
        if self._own is not None:
            with suppress(FileNotFoundError):
                os.unlink(os.path.join(self._directory, str(self.pid)))

    def all(self) -> list[Process]:
        """Those that live, by number."""
        found = (self.find(pid) for pid in sorted(int(name) for name in self._names()))
        return [process for process in found if process is not None]

    def find(self, pid: int) -> Process | None:
        """The process with that number, if it lives."""
        try:
            opened = os.open(os.path.join(self._directory, str(pid)), os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            if pid != self.pid:
                fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            pass
        else:
            if pid != self.pid:
                return None
        finally:
            text = os.pread(opened, 1 << 20, 0).decode("utf-8", "surrogateescape")
            os.close(opened)
        known, _, _ = text.partition("\0")
        host_pid, _, command = known.partition(" ")
        return Process(pid, int(host_pid), command) if command else None

    def _names(self) -> list[str]:
        return [name for name in os.listdir(self._directory) if name.isdigit()]

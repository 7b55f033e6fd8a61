"""Which machine a figure was measured on, and how much memory a server on it takes."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from pathlib import Path
from typing import Final

from knlab._units import format_bytes

_LISTENING: Final = "0A"


def machine() -> str:
    """Processors, memory, system and Python in one line."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return (
        f"{os.cpu_count()} processors, {format_bytes(memory)}, {platform.system()}"
        f" {platform.machine()}, Python {platform.python_version()}"
    )


class Listener:
    """The process that listens on a port of this machine, as far as /proc tells."""

    def __init__(self, port: int) -> None:
        self._process = _listener(port)

    @property
    def memory(self) -> int:
        """Its resident bytes; 0 if unknown."""
        if self._process is None:
            return 0
        pages = int((self._process / "statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    @property
    def cpu(self) -> float:
        """Seconds of processor that it has used; 0 if unknown."""
        if self._process is None:
            return 0.0
        fields = (self._process / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _listener(port: int) -> Path | None:
    sockets = {f"socket:[{inode}]" for inode in _listening(port)}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if any(str(each.readlink()) in sockets for each in (process / "fd").iterdir()):
                return process
    return None


def _listening(port: int) -> set[str]:
    """The inodes of the sockets that listen on `port`."""
    found: set[str] = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                    found.add(fields[9])
    return found

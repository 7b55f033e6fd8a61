"""Which machine a figure was measured on."""

from __future__ import annotations

import os
import platform

from knlab._units import format_bytes


def machine() -> str:
    """Processors, memory, system and Python in one line."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return (
        f"{os.cpu_count()} processors, {format_bytes(memory)}, {platform.system()}"
        f" {platform.machine()}, Python {platform.python_version()}"
    )

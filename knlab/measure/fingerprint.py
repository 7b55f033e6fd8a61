"""The machine and the versions behind a measurement, without anything that names its owner."""

from __future__ import annotations

import importlib.metadata
import os
import platform

from knlab.measure.records import Fingerprint

_LIBRARIES = ("knlab", "httpx", "httptools", "uvloop", "numpy")


def fingerprint() -> Fingerprint:
    """What this machine is and which versions measure on it."""
    settings = {"KNLAB_PACE": os.environ.get("KNLAB_PACE", "")}
    return Fingerprint(
        system=f"{platform.system()} {platform.machine()}",
        cpus=os.cpu_count() or 0,
        versions=(("python", platform.python_version()), *((n, _version(n)) for n in _LIBRARIES)),
        settings=tuple((name, value) for name, value in settings.items() if value),
    )


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"

"""The kubectl binaries of this machine, one for each minor version.

They are the one on PATH and those that `KNLAB_TEST_KUBECTLS` names: binaries or directories,
separated as in PATH. A Google Cloud SDK's kubectl only hands over to one of `kubectl.1.NN` beside
it: then those are taken.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

OLDEST: Final = 27
"""Minor version; nobody looks at older ones."""
VARIABLE: Final = "KNLAB_TEST_KUBECTLS"


@dataclass(frozen=True, order=True)
class Kubectl:
    """One binary."""

    minor: int
    path: Path

    def __str__(self) -> str:
        return f"1.{self.minor}"


@cache
def every() -> tuple[Kubectl, ...]:
    """One kubectl of each minor version that is here, the oldest first."""
    found: dict[int, Kubectl] = {}
    for path in _candidates():
        minor = minor_of(path)
        if minor >= OLDEST:
            found.setdefault(minor, Kubectl(minor, path))
    return tuple(sorted(found.values()))


def minor_of(path: Path) -> int:
    """The minor version of the binary at `path`; 0 if it is no kubectl."""
    try:
        said = subprocess.run(
            [path, "version", "--client", "-o", "json"],
            capture_output=True, text=True, check=False, timeout=20,
        ).stdout  # fmt: skip
        version = json.loads(said)["clientVersion"]["minor"]
    except (OSError, ValueError, KeyError, subprocess.TimeoutExpired):
        return 0
    return int((re.match(r"\d+", version) or ["0"])[0])


def _candidates() -> Iterator[Path]:
    named = [Path(each).expanduser() for each in _paths(os.environ.get(VARIABLE, ""))]
    on_path = shutil.which("kubectl")
    for place in [*named, *([Path(on_path).resolve()] if on_path else [])]:
        directory = place if place.is_dir() else place.parent
        if numbered := sorted(directory.glob("kubectl.1.*")):
            yield from numbered
        else:
            yield directory / "kubectl" if place.is_dir() else place


def _paths(text: str) -> list[str]:
    return [each for each in text.split(os.pathsep) if each]

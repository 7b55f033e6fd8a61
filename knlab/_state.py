"""The state directory of an embedded cluster: what is in it, and who is running on it.

FORMAT          "1": says that the directory is ours and how to read it
lock            held (flock) by the process as long as it lives
cluster.json    how to reach the running process; removed when it ends
kubeconfig      mode 0600
pki/            the cluster's own certificate authority; keys 0600
store.sqlite    every object
images.json     programs that the user registered (`knlab image add`)
logs/           the process's log, rotated
pods/UID/       containers' logs and working directories
"""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from knlab._exceptions import StateError

FORMAT: Final = "1"
ENVIRONMENT: Final = "KNLAB_STATE_DIR"
_FORMAT_DRAFT: Final = ".FORMAT"

Durability: TypeAlias = Literal["process", "power"]
"""What an answered write survives: the end of the process, or a power cut too."""
DURABILITIES: Final[tuple[Durability, ...]] = ("process", "power")


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """How to reach the embedded cluster that runs on a state directory."""

    pid: int
    api: str
    """URL of the Kubernetes API, `https://127.0.0.1:PORT`."""
    gateway: str
    """URL of the ingress gateway, `http://127.0.0.1:PORT`."""
    kubeconfig: str
    """Path of the kubeconfig file."""
    state_dir: str
    version: str
    """knlab's version."""
    started: float
    """Seconds since the epoch."""
    durability: Durability = "process"


def default_state_dir() -> Path:
    """Where a cluster keeps its state: `$KNLAB_STATE_DIR`, or below the user's state home."""
    if chosen := os.environ.get(ENVIRONMENT):
        return Path(chosen).expanduser().absolute()
    home = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(home).expanduser() / "knlab"


def check_format(directory: Path) -> None:
    """Refuse a directory that is not ours or that a newer knlab wrote; an empty one is fine.

    Raises:
        StateError: with the remedy.
    """
    marker, draft = directory / "FORMAT", directory / _FORMAT_DRAFT
    if not directory.exists() or (directory.is_dir() and {draft}.issuperset(directory.iterdir())):
        return
    if not directory.is_dir() or not marker.is_file():
        raise StateError(
            f"{directory} is not a knlab state directory",
            hint="name an empty one with --state-dir or KNLAB_STATE_DIR",
        )
    found = marker.read_text().strip()
    if found != FORMAT:
        raise StateError(
            f"{directory} has state format {found!r}, this knlab reads {FORMAT!r}",
            hint="use the knlab that made it, or `knlab reset` to start afresh",
        )


def claim(directory: Path) -> None:
    """Make `directory` a state directory of ours: private, with the format marked.

    Raises:
        StateError: if it is somebody else's, of another format, or cannot be written.
    """
    check_format(directory)
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not (directory / "FORMAT").exists():
            draft = directory / _FORMAT_DRAFT
            draft.write_text(f"{FORMAT}\n")
            draft.replace(directory / "FORMAT")  # in one piece, whenever we are killed
    except OSError as error:
        raise StateError(
            f"cannot write to {directory}: {error.strerror}",
            hint="name a writable directory with --state-dir or KNLAB_STATE_DIR",
        ) from error


def write_running(directory: Path, running: Running) -> None:
    """Announce the process; the file appears in one piece."""
    target = directory / "cluster.json"
    draft = target.with_suffix(".tmp")
    draft.write_text(json.dumps(asdict(running), indent=2) + "\n")
    draft.replace(target)


def read_running(directory: Path) -> Running | None:
    """The cluster that runs on `directory`; None if none does, whatever a stale file says."""
    try:
        found = Running(**json.loads((directory / "cluster.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return found if is_locked(directory) and _lives(found.pid) else None


def _lives(pid: int) -> bool:
    """Whether there is such a process: one that was killed has left its announcement behind."""
    try:
        os.kill(pid, 0)
    except OSError as error:
        return not isinstance(error, ProcessLookupError)
    return True


def is_locked(directory: Path) -> bool:
    """Whether a living process holds `directory`."""
    try:
        descriptor = os.open(directory / "lock", os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)

"""What the built-in commands of one container see, kept in a file of the container's directory."""

from __future__ import annotations

import marshal
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from knlab._exceptions import KnlabError
from knlab.embedded.programs.box import names
from knlab.embedded.programs.box.files import Files
from knlab.embedded.programs.box.files import Mount as Seen

_FILE: Final = "box"


class NoSuchBox(KnlabError):  # noqa: N818 - a situation
    """The container never started, or runs nothing that has files: it has no box."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A volume in a container."""

    path: str
    """Where, inside the container."""
    source: str
    """The directory of the host that is the volume."""
    within: str = ""
    """The part of the volume that is mounted; empty: all of it."""
    read_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """What the built-in commands of one container see."""

    directory: str
    """The container's own directory on the host; `root` in it plays `/`."""
    image: str
    """The family of built-in commands that it has: a key of `names.FAMILIES`."""
    hostname: str
    ip: str
    namespace: str
    network: str
    """The path of the socket that leads to the cluster's network; empty if there is none."""
    env: Mapping[str, str]
    listen: str = ""
    """`ADDRESS:PORT` where the host has what the container's server listens on; empty: nowhere."""
    aliases: tuple[str, ...] = ()
    """More lines for `/etc/hosts`."""
    workdir: str = "/"
    mounts: tuple[Mount, ...] = ()

    @property
    def root(self) -> Path:
        """The directory that plays `/`."""
        return root_of(Path(self.directory))

    @property
    def pids(self) -> Path:
        """The directory where the container's processes have their numbers."""
        return pids_of(Path(self.directory))

    @property
    def settings(self) -> Path:
        """The file that `write_box` writes, and that every process of the box reads."""
        return Path(self.directory) / _FILE

    @property
    def files(self) -> Files:
        """The container's files, as its commands see them."""
        mounts = [
            Seen(mount.path, mount.source, mount.within, read_only=mount.read_only)
            for mount in self.mounts
        ]
        return Files(str(self.root), mounts)


def root_of(container: Path) -> Path:
    """The directory that plays `/` for the container whose own directory is `container`."""
    return container / names.ROOT


def pids_of(container: Path) -> Path:
    """The directory where the processes of that container have their numbers."""
    return container / names.PIDS


def write_box(box: Box) -> None:
    """Keep `box` in its container's directory; only the owner may read it.

    It is one value in the interpreter's own format, which needs no import to be read: no text that
    a Pod has in it can be taken for another setting.
    """
    draft = box.settings.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        marshal.dump(asdict(box), file)
    draft.replace(box.settings)


def read_box(container: Path) -> Box:
    """The box of the container whose own directory is `container`.

    Raises:
        NoSuchBox: if it has none.
    """
    try:
        found = marshal.loads((container / _FILE).read_bytes())
    except FileNotFoundError as missing:
        raise NoSuchBox("the container has no files and no commands") from missing
    mounts = tuple(Mount(**mount) for mount in found.pop("mounts"))
    return Box(**found, mounts=mounts)

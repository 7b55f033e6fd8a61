"""What the built-in commands of one container see, kept in a file of the container's directory."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from knlab._exceptions import KnlabError
from knlab.embedded.programs.box import names
from knlab.embedded.programs.box.files import Files
from knlab.embedded.programs.box.files import Mount as Seen

_FILE: Final = "box.json"
_ROOT: Final = "root"
_PIDS: Final = "pids"


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
    def files(self) -> Files:
        """The container's files, as its commands see them."""
        mounts = [
            Seen(mount.path, mount.source, mount.within, read_only=mount.read_only)
            for mount in self.mounts
        ]
        return Files(str(self.root), mounts)

    def settings(self, *, first: bool) -> str:
        """What a process of the box is told, in one environment variable.

        `first` is for the container's first process, which the kernel treats in its own way.
        """
        fields = {
            "root": str(self.root),
            "pids": str(self.pids),
            "image": self.image,
            "hostname": self.hostname,
            "ip": self.ip,
            "namespace": self.namespace,
            "network": self.network,
            "listen": self.listen,
            "workdir": self.workdir,
            "first": "yes" if first else "",
            "locale": "kept" if "LC_CTYPE" in self.env else "",
            "mounts": names.MOUNT_SEPARATOR.join(
                names.MOUNT_FIELD_SEPARATOR.join(
                    (mount.path, mount.source, mount.within, "ro" if mount.read_only else "rw")
                )
                for mount in self.mounts
            ),
        }
        return names.SEPARATOR.join(f"{key}={value}" for key, value in fields.items())


def root_of(container: Path) -> Path:
    """The directory that plays `/` for the container whose own directory is `container`."""
    return container / _ROOT


def pids_of(container: Path) -> Path:
    """The directory where the processes of that container have their numbers."""
    return container / _PIDS


def write_box(box: Box) -> None:
    """Keep `box` in its container's directory, for `exec_command`; only the owner may read it."""
    path = Path(box.directory) / _FILE
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(box), file)


def read_box(container: Path) -> Box:
    """The box of the container whose own directory is `container`.

    Raises:
        NoSuchBox: if it has none.
    """
    try:
        found = json.loads((container / _FILE).read_text())
    except FileNotFoundError as missing:
        raise NoSuchBox("the container has no files and no commands") from missing
    mounts = tuple(Mount(**mount) for mount in found.pop("mounts"))
    return Box(**found | {"aliases": tuple(found["aliases"])}, mounts=mounts)

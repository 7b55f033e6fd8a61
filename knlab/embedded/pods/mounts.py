"""Volumes on the disk: a directory of the pod for each, and what a container sees of them.

Files that the cluster writes change all at once, as the kubelet's do: `..data` is a link to a
directory of a new name, and each file is a link through it.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from knlab.embedded.kube.objects import Object
from knlab.embedded.pods.box import Mount
from knlab.embedded.pods.environment import ConfigError, expand
from knlab.embedded.pods.volumes import (
    INJECTED,
    Surroundings,
    VolumeFiles,
    has_files,
    volume_files,
)
from knlab.embedded.programs.box.files import Files

_DATA: Final = "..data"
_DRAFT: Final = "..data_tmp"
_VOLUMES: Final = "volumes"


class BadMountError(ConfigError):
    """A volumeMount that cannot be made."""


class VolumeDirectories:
    """The volumes of one pod, in its own directory."""

    def __init__(self, pod_directory: Path) -> None:
        self._directory = pod_directory / _VOLUMES
        self._written: dict[str, VolumeFiles] = {}

    def write(self, volume: Object, around: Surroundings) -> None:
        """Bring a volume up to date; an emptyDir is made once and then left alone.

        In a container everybody may write there, as with Kubernetes; on the host only its owner
        gets as far as that.

        Raises:
            ConfigError: if something that it is made from is not there.
            OSError: if it cannot be written.
        """
        name = volume["name"]
        path = self._directory / name
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.mkdir(exist_ok=True)
        path.chmod(0o777)
        if not has_files(volume):
            return
        files = volume_files(volume, around)
        if self._written.get(name) != files:
            _replace(path, files)
            self._written[name] = files

    def mounts(self, spec: Object, pod: Object, env: Mapping[str, str]) -> tuple[Mount, ...]:
        """What the container `spec` of `pod` sees of them.

        Raises:
            BadMountError: for a subPath that cannot be made in its volume.
        """
        volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes") or ()}
        found: list[Mount] = []
        for mount in spec.get("volumeMounts") or ():
            name: str = mount["name"]
            if name.startswith(INJECTED):
                continue
            within = expand(mount.get("subPathExpr") or "", env) or mount.get("subPath") or ""
            is_written = has_files(volumes[name])
            source = self._directory / name
            if within and not is_written:
                _make(source, within)
            found.append(
                Mount(
                    path=mount["mountPath"],
                    source=str(source),
                    within=within,
                    read_only=is_written or bool(mount.get("readOnly")),
                )
            )
        return tuple(found)


def _replace(volume: Path, files: VolumeFiles) -> None:
    """Make `files` the content of `volume`, in one step.

    Raises:
        OSError: if that cannot be; the content is what it was.
    """
    link = volume / _DATA
    before = volume / link.readlink() if link.is_symlink() else None
    number = int(before.name.rpartition("_")[2]) + 1 if before else 1
    fresh = volume / f"..version_{number}"
    shutil.rmtree(fresh, ignore_errors=True)  # of an attempt that failed
    fresh.mkdir(mode=0o755)
    for path, content in files.items():
        target = fresh / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    draft = volume / _DRAFT
    draft.unlink(missing_ok=True)
    draft.symlink_to(fresh.name)
    draft.replace(link)
    names = {path.partition("/")[0] for path in files}
    for name in names:
        if not (volume / name).is_symlink():
            (volume / name).symlink_to(f"{_DATA}/{name}")
    for old in volume.iterdir():
        if old.is_symlink() and old.name not in names and old.name != _DATA:
            old.unlink()
    if before:
        shutil.rmtree(before, ignore_errors=True)


def _make(volume: Path, within: str) -> None:
    """Make the directory `within` a volume, unless something is there.

    Raises:
        BadMountError: if that cannot be.
    """
    try:
        Files(str(volume), []).make_folders(within)
    except OSError as problem:
        raise BadMountError(f"failed to prepare subPath {within}: {problem.strerror}") from problem

"""Volumes on the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from knlab.embedded.kube.objects import Object
from knlab.embedded.pods.box import Mount
from knlab.embedded.pods.mounts import BadMountError, VolumeDirectories
from knlab.embedded.pods.volumes import Surroundings

CONFIG: Object = {"name": "cfg", "configMap": {"name": "settings"}}
EMPTY: Object = {"name": "tmp", "emptyDir": {}}


def around(**data: str) -> Surroundings:
    def find(_kind: str, _name: str) -> Object:
        return {"data": data}

    return Surroundings(pod={"metadata": {}, "spec": {}}, addresses={}, find=find)


def test_files_change_all_at_once(tmp_path: Path) -> None:
    volumes = VolumeDirectories(tmp_path)
    directory = tmp_path / "volumes" / "cfg"
    volumes.write(CONFIG, around(a="1", b="2"))
    version = (directory / "..data").readlink()
    assert (directory / "a").read_text() == "1"
    assert (directory / "a").readlink() == Path("..data/a")
    volumes.write(CONFIG, around(a="1", b="2"))
    assert (directory / "..data").readlink() == version, "nothing was new"
    volumes.write(CONFIG, around(b="3", c="4"))
    shown = sorted(path.name for path in directory.iterdir() if not path.name.startswith(".."))
    assert shown == ["b", "c"]
    assert (directory / "b").read_text() == "3"
    assert not (directory / version).exists()


def test_an_empty_directory_is_left_alone(tmp_path: Path) -> None:
    volumes = VolumeDirectories(tmp_path)
    volumes.write(EMPTY, around())
    (tmp_path / "volumes" / "tmp" / "mine").write_text("x")
    volumes.write(EMPTY, around())
    assert (tmp_path / "volumes" / "tmp" / "mine").read_text() == "x"


def mounts(tmp_path: Path, **mount: object) -> tuple[Mount, ...]:
    volumes = VolumeDirectories(tmp_path)
    for volume in (EMPTY, CONFIG):
        volumes.write(volume, around(a="1"))
    spec = {"volumeMounts": [mount, {"name": "kube-api-access-x", "mountPath": "/var/run"}]}
    return volumes.mounts(spec, {"spec": {"volumes": [EMPTY, CONFIG]}}, {"POD": "p-1"})


def test_mounts(tmp_path: Path) -> None:
    directory = tmp_path / "volumes"
    assert mounts(tmp_path, name="tmp", mountPath="/data") == (
        Mount(path="/data", source=str(directory / "tmp")),
    )
    assert mounts(tmp_path, name="cfg", mountPath="/a", subPath="a") == (
        Mount(path="/a", source=str(directory / "cfg"), within="a", read_only=True),
    )
    made = mounts(tmp_path, name="tmp", mountPath="/d", subPathExpr="of/$(POD)", readOnly=True)
    assert made[0] == Mount(
        path="/d", source=str(directory / "tmp"), within="of/p-1", read_only=True
    )
    assert (directory / "tmp" / "of" / "p-1").is_dir()


def test_a_sub_path_stays_in_its_volume(tmp_path: Path) -> None:
    directory = tmp_path / "volumes" / "tmp"
    directory.mkdir(parents=True)
    (directory / "out").symlink_to(tmp_path)
    (directory / "file").write_text("")
    mounts(tmp_path, name="tmp", mountPath="/d", subPath="../../x")
    for within in ("out/made/deep", "file/below"):
        with pytest.raises(BadMountError, match="failed to prepare subPath"):
            mounts(tmp_path, name="tmp", mountPath="/d", subPath=within)
    assert {path.name for path in tmp_path.iterdir()} == {"volumes"}

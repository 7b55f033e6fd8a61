"""Paths of a container stay in its directory, whatever they are made of."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from knlab.embedded.pods.box import Box, Mount
from knlab.embedded.programs.box.files import Files
from knlab.embedded.programs.box.files import Mount as Seen

from .conftest import Run

SECRET = "the host's own"


@pytest.fixture
def host_file(tmp_path: Path) -> Path:
    """A file of the host beside the container's directory."""
    path = tmp_path / "secret"
    path.write_text(SECRET)
    return path


@pytest.fixture
def hostile(box: Box, host_file: Path) -> Path:
    """The container's directory with links that lead out of it."""
    root = box.root
    (root / "absolute").symlink_to(host_file)
    (root / "relative").symlink_to(Path("..") / ".." / host_file.name)
    (root / "folder").symlink_to(host_file.parent)
    (root / "up").symlink_to("../..")
    (root / "chain").symlink_to("up")
    (root / "loop").symlink_to("loop")
    os.mkfifo(root / "pipe")
    return root


PATHS = [
    "{host}", "/../{host}", "../../{name}", "/../../{name}", "/tmp/../../../{name}", "absolute",
    "relative", "folder/{name}", "up/{name}", "chain/{name}", "up/up/{name}", "loop", "loop/{name}",
    "/proc/self/root/{host}", "/proc/1/environ", "/dev/fd/../../{name}", "/dev/mem", "/dev/null/..",
    "tmp/../up/{name}", "./folder/./{name}", "folder/../{name}", "a\0b", "", "/" * 50 + "{host}",
    "pipe", "absolute/", "/etc/hosts/../../{name}",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_a_hostile_path_reads_nothing(hostile: Path, host_file: Path, path: str) -> None:
    files = Files(str(hostile), [])
    path = path.format(host=host_file, name=host_file.name)
    try:
        read = b"".join(files.read(path))
    except OSError:
        read = b""
    assert SECRET.encode() not in read


@pytest.mark.parametrize(
    "command",
    ["cat", "cp /etc/hosts", "cp -r", "echo x >", "find", "head -n1", "ln -s /etc", "ls -l",
     "mkdir", "mkdir -p", "mv /etc/hosts", "readlink -f", "rm -rf", "sh", "tail -n1", "tee",
     "touch", "cd"],
)  # fmt: skip
def test_no_command_reaches_the_host(
    run: Run, hostile: Path, host_file: Path, command: str
) -> None:
    named = [path.format(host=host_file, name=host_file.name) for path in PATHS]
    script = "; ".join(f"cd /; {command} '{path}'" for path in named if "\0" not in path)
    before = {one.name for one in host_file.parent.iterdir()}
    ended = run("sh", "-c", f"{script}; cd /; echo end")
    assert SECRET not in ended.stdout
    assert "Traceback" not in ended.stdout
    assert ended.stdout.endswith("end\n")
    assert host_file.read_text() == SECRET
    assert {one.name for one in host_file.parent.iterdir()} == before


def test_a_link_leads_to_where_it_would_in_a_container(run: Run) -> None:
    script = "ln -s /etc/hostname /tmp/a; ln -s ../tmp/a /tmp/b; cat /tmp/b; readlink -f /tmp/b"
    assert run("sh", "-c", script).stdout == "pod-1\n/etc/hostname\n"


def test_a_volume_is_where_it_is_mounted(
    run: Run, changed: Callable[..., Box], tmp_path: Path
) -> None:
    volume = tmp_path / "volume"
    (volume / "part").mkdir(parents=True)
    (volume / "part" / "file").write_text("inside\n")
    (volume / "out").symlink_to(tmp_path)
    (volume / "link").symlink_to("part/file")
    changed(
        mounts=(
            Mount(path="/data", source=str(volume)),
            Mount(path="/fixed", source=str(volume), within="part", read_only=True),
            Mount(path="/one", source=str(volume), within="link"),
        )
    )
    script = (
        "cat /data/part/file /fixed/file /one /data/../one /data/link; ls /data/out; ls / | grep -c"
        " 'data\\|fixed\\|one'; echo x > /fixed/new; rm /fixed/file; echo y > /data/new;"
        " cat /data/new"
    )
    assert run("sh", "-c", script).stdout == (
        "inside\n" * 5 + "ls: /data/out: No such file or directory\n3\n"
        "sh: can't create /fixed/new: Read-only file system\n"
        "rm: can't remove '/fixed/file': Read-only file system\ny\n"
    )


def test_a_part_of_a_volume_cannot_be_a_link_out_of_it(host_file: Path, tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    (volume / "bad").symlink_to(host_file)
    root = tmp_path / "root"
    root.mkdir()
    files = Files(str(root), [Seen("/x", str(volume), "bad", read_only=False)])
    with pytest.raises(OSError, match="No such file"):
        list(files.read("/x"))

"""Which commands may run in a container, and as what."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from knlab.embedded.pods.box import Box, Mount, NoSuchBox, read_box, write_box
from knlab.embedded.pods.commands import NoSuchCommand, exec_command, first_command
from knlab.embedded.pods.furnishing import clear, host_aliases


@pytest.fixture
def box(tmp_path: Path) -> Box:
    clear(tmp_path)
    made = Box(
        directory=str(tmp_path),
        image="busybox",
        hostname="p",
        ip="127.1.0.2",
        namespace="default",
        network="",
        env={"PASSWORD": "s3cret"},
        aliases=("1.2.3.4\tother",),
        mounts=(Mount(path="/x", source="/somewhere", read_only=True),),
    )
    write_box(made)
    return made


def test_a_box_is_kept_for_its_owner_alone(box: Box, tmp_path: Path) -> None:
    assert read_box(tmp_path) == box
    assert stat.S_IMODE(box.settings.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [box.settings.name]


def test_a_command_is_a_process_of_ours(box: Box, tmp_path: Path) -> None:
    command = exec_command(["/bin/sh", "-c", "exit"], tmp_path, tty=True)
    assert command.argv[0] == sys.executable
    assert command.argv[-3:] == ("/bin/sh", "-c", "exit")
    assert command.cwd == box.root
    assert command.argv[-4] == "on-terminal"
    assert command.env == {}, "what a Pod says never meets a program's loader"
    assert "s3cret" not in " ".join(command.argv)
    assert (box.root / "etc" / "hosts").read_text().endswith("127.1.0.2\tp\n1.2.3.4\tother\n")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("python3", 'exec: "python3": executable file not found in $PATH'),
        ("/bin/python3", 'exec: "/bin/python3": stat /bin/python3: no such file or directory'),
        ("/etc/sh", 'exec: "/etc/sh": stat /etc/sh: no such file or directory'),
        ("../bin/sh", 'exec: "../bin/sh": stat ../bin/sh: no such file or directory'),
        ("nginx", 'exec: "nginx": executable file not found in $PATH'),
        ("", 'exec: "": executable file not found in $PATH'),
    ],
)
def test_other_commands_are_refused(box: Box, tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(NoSuchCommand) as caught:
        exec_command([name], tmp_path)
    assert caught.value.message == why
    with pytest.raises(NoSuchCommand):
        first_command([name], box)


def test_a_container_without_a_box(tmp_path: Path) -> None:
    with pytest.raises(NoSuchBox):
        exec_command(["sh"], tmp_path)


def test_host_aliases() -> None:
    aliases = [{"ip": "1.2.3.4", "hostnames": ["a", "b"]}, {"ip": "5.6.7.8"}]
    assert host_aliases({"spec": {"hostAliases": aliases}}) == (
        "",
        "# Entries added by HostAliases.",
        "1.2.3.4\ta\tb",
        "5.6.7.8",
    )
    assert host_aliases({"spec": {}}) == ()

"""What a Pod says of itself never changes what its commands can see or run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from knlab.embedded.pods.box import Box, Mount

Run = Any
SEPARATORS = ("\x1f", "\x1e", "\x1d", "\n", "\0", "=", "\x1froot=/\x1f", "\udc80")


@pytest.mark.parametrize("separator", SEPARATORS)
@pytest.mark.parametrize("field", ["workdir", "hostname", "namespace", "ip", "env"])
def test_no_text_of_a_pod_is_another_setting(
    changed: Callable[..., Box], run: Run, tmp_path: Path, field: str, separator: str
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("of the host")
    text = f"a{separator}root={tmp_path}{separator}directory={tmp_path}{separator}"
    changed(**{field: {"HOME": text} if field == "env" else text})
    ended = run("cat", "/secret")
    assert "of the host" not in ended.stdout
    assert (ended.returncode, ended.stdout) == (
        1,
        "cat: can't open '/secret': No such file or directory\n",
    )


@pytest.mark.parametrize("separator", SEPARATORS)
@pytest.mark.parametrize("field", ["path", "within"])
def test_no_text_of_a_mount_is_another_mount(
    changed: Callable[..., Box], run: Run, tmp_path: Path, field: str, separator: str
) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    (tmp_path / "secret").write_text("of the host")
    text = f"/x{separator}{tmp_path}{separator}{separator}rw{separator}/y{separator}{tmp_path}"
    changed(mounts=(Mount(**{"path": "/x", field: text}, source=str(volume)),))  # type: ignore[arg-type]
    for path in ("/x/secret", "/y/secret"):
        ended = run("cat", path)
        assert ended.returncode == 1
        assert "of the host" not in ended.stdout
        assert "Traceback" not in ended.stdout


VARIABLES = {
    "LD_PRELOAD": "/made/up.so", "LD_LIBRARY_PATH": "/tmp", "GCONV_PATH": "/tmp",
    "OPENSSL_CONF": "/made/up", "PYTHONPATH": "/tmp", "LC_CTYPE": "C", "LC_ALL": "POSIX",
}  # fmt: skip


def test_a_command_sees_the_pods_variables_and_its_process_none(
    changed: Callable[..., Box], run: Run
) -> None:
    changed(env=VARIABLES | {"PATH": "/bin"})
    for name, value in VARIABLES.items():
        assert run("sh", "-c", f"echo ${name}").stdout == f"{value}\n"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_environment_of_the_process_is_not_the_pods(
    changed: Callable[..., Box], start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    changed(env=VARIABLES)
    process = start("sh", "-c", "echo; sleep 60")
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"\n"
        found = Path(f"/proc/{process.pid}/environ").read_bytes()
        assert [name for name in VARIABLES if f"{name}=".encode() in found] == ["LC_CTYPE"] * (
            b"LC_CTYPE=C.UTF-8" in found  # the interpreter's own
        )
    finally:
        os.killpg(process.pid, 9)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()

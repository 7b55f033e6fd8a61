"""A container's directory, and commands that run in it as they do in a pod."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest

from knlab.embedded.pods.box import Box, write_box
from knlab.embedded.pods.commands import exec_command, first_command
from knlab.embedded.pods.furnishing import clear, furnish


class Run(Protocol):
    def __call__(self, *argv: str, typed: bytes = b"") -> subprocess.CompletedProcess[str]: ...


@pytest.fixture
def box(tmp_path: Path) -> Box:
    made = Box(
        directory=str(tmp_path / "main"),
        image="busybox",
        hostname="pod-1",
        ip="127.9.0.4",
        namespace="default",
        network="",
        env={"FOO": "bar", "HOME": "/root", "PATH": "/bin"},
    )
    clear(Path(made.directory))
    furnish(made)
    write_box(made)
    return made


@pytest.fixture
def start(box: Box) -> Callable[..., subprocess.Popen[bytes]]:
    """Starts the container's first process."""

    def start(*argv: str) -> subprocess.Popen[bytes]:
        command = first_command(argv, box)
        return subprocess.Popen(
            command.argv,
            env=command.env,
            cwd=command.cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    return start


@pytest.fixture
def run(box: Box) -> Run:
    """Runs a command in the container; errors are among its output."""

    def run(*argv: str, typed: bytes = b"") -> subprocess.CompletedProcess[str]:
        command = exec_command(argv, Path(box.directory))
        ended = subprocess.run(
            command.argv,
            env=command.env,
            cwd=command.cwd,
            input=typed,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=30,
        )
        text = ended.stdout.decode("utf-8", "replace")
        return subprocess.CompletedProcess(argv, ended.returncode, text)

    return run


@pytest.fixture
def changed(box: Box) -> Callable[..., Box]:
    """The same container with other settings, kept for `run`."""

    def make(**settings: object) -> Box:
        made = replace(box, **settings)  # type: ignore[arg-type]
        write_box(made)
        return made

    return make

"""Commands that the kubelet itself runs in containers, and what is left of them."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from knlab.embedded.pods.actions import run_command
from knlab.embedded.pods.box import Box, write_box
from knlab.embedded.pods.furnishing import clear, furnish
from knlab.embedded.pods.probes import CommandNotRun
from knlab.embedded.pods.supervisor import Supervisor

pytestmark = pytest.mark.anyio

SECONDS = 10.0


@pytest.fixture
def container(tmp_path: Path) -> Path:
    box = Box(
        directory=str(tmp_path), image="busybox", hostname="p", ip="127.1.0.2",
        namespace="default", network="", env={"WHO": "me"},
    )  # fmt: skip
    clear(tmp_path)
    furnish(box)
    write_box(box)
    return tmp_path


@pytest.fixture
async def supervisor() -> AsyncIterator[Supervisor]:
    async with Supervisor(print) as running:
        yield running


def descriptors(process: int | str = "self") -> int:
    return len(list(Path(f"/proc/{process}/fd").iterdir()))


async def test_output_and_code(supervisor: Supervisor, container: Path) -> None:
    script = "echo $WHO; echo too >&2; exit 3"
    assert await run_command(supervisor, container, ["sh", "-c", script], SECONDS) == (
        3,
        "me\ntoo\n",
    )


async def test_a_command_that_takes_too_long(supervisor: Supervisor, container: Path) -> None:
    with pytest.raises(TimeoutError):
        await run_command(supervisor, container, ["sleep", "60"], 0.2)


TOO_LONG = "x" * (4 << 20)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
@pytest.mark.parametrize(
    ("argv", "seconds"),
    [
        (["echo", TOO_LONG], SECONDS),
        (["echo", "a\0b"], SECONDS),
        (["python3"], SECONDS),
        (["sleep", "60"], 0.1),
        (["true"], SECONDS),
    ],
    ids=["too long", "zero", "unknown", "timeout", "good"],
)
async def test_no_descriptor_is_left_of_it(
    supervisor: Supervisor, container: Path, argv: list[str], seconds: float
) -> None:
    await run_command(supervisor, container, ["true"], SECONDS)
    before = descriptors()
    for _ in range(3):
        with suppress(CommandNotRun, TimeoutError):
            await run_command(supervisor, container, argv, seconds)
    assert descriptors() == before


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
@pytest.mark.parametrize("argv", [["echo", TOO_LONG], ["echo", "a\0b"]], ids=["too long", "zero"])
async def test_the_shim_keeps_no_descriptor_either(
    supervisor: Supervisor, container: Path, argv: list[str]
) -> None:
    await run_command(supervisor, container, ["true"], SECONDS)
    before = descriptors(supervisor.shim_pid)
    for _ in range(3):
        with pytest.raises(CommandNotRun):
            await run_command(supervisor, container, argv, SECONDS)
    assert descriptors(supervisor.shim_pid) == before


async def test_without_descriptors_it_is_not_run(
    supervisor: Supervisor, container: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left() -> tuple[int, int]:
        raise OSError(24, os.strerror(24))

    monkeypatch.setattr(os, "pipe", none_left)
    with pytest.raises(CommandNotRun, match="Too many open files"):
        await run_command(supervisor, container, ["true"], SECONDS)

"""Our ends of pipes and terminals."""

from __future__ import annotations

import asyncio
import os
import termios
from collections.abc import Iterator

import pytest

from knlab.embedded.pods.descriptors import StandardStreams, pipes, terminal

pytestmark = pytest.mark.anyio


@pytest.fixture
def piped() -> Iterator[StandardStreams]:
    made = pipes(stdin=True, stdout=True, stderr=True)
    yield made
    made.close()


@pytest.fixture
def tty() -> Iterator[StandardStreams]:
    made = terminal()
    yield made
    made.close()


async def test_reading_waits_and_ends_with_the_writer(piped: StandardStreams) -> None:
    assert piped.stdout is not None
    reading = asyncio.create_task(piped.stdout.read())
    await asyncio.sleep(0)
    os.write(piped.process[1], b"hello")
    assert await reading == b"hello"
    piped.handed_over()
    assert await piped.stdout.read() == b""


async def test_writing_waits_for_a_slow_reader(piped: StandardStreams) -> None:
    assert piped.stdin is not None
    writing = asyncio.create_task(piped.stdin.write(bytes(300_000)))
    total = 0
    while total < 300_000:
        await asyncio.sleep(0)
        os.set_blocking(piped.process[0], False)
        try:
            total += len(os.read(piped.process[0], 65536))
        except BlockingIOError:
            continue
    await writing


async def test_writing_to_nobody_is_an_error(piped: StandardStreams) -> None:
    piped.handed_over()
    assert piped.stdin is not None
    with pytest.raises(BrokenPipeError):
        await piped.stdin.write(b"x")


async def test_a_wait_that_is_cancelled_leaves_nothing_behind(piped: StandardStreams) -> None:
    assert piped.stdout is not None
    reading = asyncio.create_task(piped.stdout.read())
    await asyncio.sleep(0)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    os.write(piped.process[1], b"later")
    assert await piped.stdout.read() == b"later"


def test_what_nobody_wants_leads_nowhere() -> None:
    made = pipes(stdin=False, stdout=False, stderr=True)
    assert (made.stdin, made.stdout) == (None, None)
    assert os.read(made.process[0], 1) == b""
    assert os.write(made.process[1], b"gone") == 4
    made.close()


async def test_a_terminal_echoes_has_a_size_and_ends(tty: StandardStreams) -> None:
    end = tty.stdout
    assert end is not None
    assert end is tty.stdin
    end.resize(90, 20)
    assert os.get_terminal_size(tty.process[0]) == (90, 20)
    end.resize(1 << 20, 3)
    assert os.get_terminal_size(tty.process[0]) == (65535, 3)
    await end.write(b"in\n")
    assert os.read(tty.process[0], 10) == b"in\n"
    assert await end.read() == b"in\r\n"
    assert termios.tcgetattr(tty.process[0])[3] & termios.ICANON
    tty.handed_over()
    assert await end.read() == b""


def test_everything_is_closed() -> None:
    def count() -> int:
        return len(os.listdir("/dev/fd"))  # noqa: PTH208 - no files

    before = count()
    for made in (terminal(), pipes(stdin=True, stdout=True, stderr=False)):
        made.handed_over()
        made.close()
        made.close()
    assert count() == before

"""Writing and reading containers' logs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from knlab.embedded.pods import logfile
from knlab.embedded.pods.logfile import LogFile, rotated, timestamp
from knlab.embedded.pods.logs import LogOptions, drop_old_logs, last_lines, log_path, read_log

pytestmark = pytest.mark.anyio

NOW = 1_700_000_000.25


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "main" / "0.log"


def write(path: Path, *lines: str, start: float = NOW) -> None:
    log = LogFile(path)
    for step, line in enumerate(lines):
        log.write("stdout", f"{line}\n".encode(), start + step)
    log.close(start)


async def read(path: Path, **options: object) -> str:
    wanted = LogOptions(**options)  # type: ignore[arg-type]
    return b"".join([piece async for piece in read_log(path, wanted, lambda: False)]).decode()


def tags(path: Path) -> list[str]:
    return [line.split(" ")[2] for line in path.read_text().splitlines()]


def test_times_have_nanoseconds() -> None:
    assert timestamp(NOW) == "2023-11-14T22:13:20.250000000Z"


def test_a_line_is_written_when_it_is_whole(path: Path) -> None:
    log = LogFile(path)
    log.write("stdout", b"one\ntw", NOW)
    assert path.read_text() == f"{timestamp(NOW)} stdout F one\n"
    log.write("stderr", b"between\n", NOW)
    log.write("stdout", b"o\n\n", NOW)
    log.close(NOW)
    texts = [line.split(" ", 1)[1] for line in path.read_text().splitlines()]
    assert texts == ["stdout F one", "stderr F between", "stdout F two", "stdout F "]


async def test_a_long_line_is_cut_and_put_together_again(path: Path) -> None:
    text = "x" * (3 * logfile.LINE_BYTES + 7)
    log = LogFile(path)
    log.write("stdout", text.encode(), NOW)
    log.write("stdout", b"\nnext\n", NOW)
    log.close(NOW)
    assert tags(path) == ["P", "P", "P", "F", "F"]
    assert await read(path) == f"{text}\nnext\n"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "a\nb\nc\n"),
        ({"tail_lines": 2}, "b\nc\n"),
        ({"tail_lines": 0}, ""),
        ({"tail_lines": 9}, "a\nb\nc\n"),
        ({"since": NOW + 1}, "b\nc\n"),
        ({"limit_bytes": 3}, "a\nb"),
        ({"tail_lines": 1, "timestamps": True}, f"{timestamp(NOW + 2)} c\n"),
    ],
)
async def test_reading(path: Path, options: dict[str, object], expected: str) -> None:
    write(path, "a", "b", "c")
    assert await read(path, **options) == expected


async def test_a_tail_that_is_longer_than_a_block(path: Path) -> None:
    write(path, *(f"{number:05d}{'x' * 100}" for number in range(3000)))
    found = (await read(path, tail_lines=2000)).splitlines()
    assert len(found) == 2000
    assert found[0].startswith("01000")


async def test_a_log_that_is_not_there_is_empty(path: Path) -> None:
    assert await read(path) == ""


@pytest.fixture
def small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logfile, "ROTATE_BYTES", 200)


@pytest.mark.usefixtures("small_files")
async def test_two_halves_are_kept_and_read_as_one(path: Path) -> None:
    write(path, *"abcdefgh")
    kept = await read(path)
    assert "abcdefgh".endswith(kept.replace("\n", ""))
    assert len(kept) > 2
    assert rotated(path).exists()
    assert await read(path, tail_lines=3) == "f\ng\nh\n"


@pytest.mark.usefixtures("small_files")
async def test_following_crosses_a_rotation_and_ends_with_the_container(path: Path) -> None:
    running = True
    log = LogFile(path)
    log.write("stdout", b"first\n", NOW)
    found: list[bytes] = []
    seen_first = asyncio.Event()

    async def follow() -> None:
        async for piece in read_log(path, LogOptions(follow=True), lambda: running):
            found.append(piece)
            seen_first.set()

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(follow())
        await seen_first.wait()
        for number in range(6):
            log.write("stdout", f"{number}\n".encode(), NOW)
        log.close(NOW)
        running = False
    assert b"".join(found) == b"first\n0\n1\n2\n3\n4\n5\n"


def test_the_end_of_a_log(path: Path) -> None:
    write(path, "a", "b", "c")
    assert last_lines(path, lines=2, size=100) == "b\nc\n"
    assert last_lines(path, lines=3, size=4) == "b\nc\n"


def test_the_logs_of_two_instances_are_kept(tmp_path: Path) -> None:
    for number in range(3):
        write(log_path(tmp_path, "main", number), "x")
    drop_old_logs(tmp_path, "main", 2)
    assert sorted(found.name for found in (tmp_path / "main").iterdir()) == ["1.log", "2.log"]

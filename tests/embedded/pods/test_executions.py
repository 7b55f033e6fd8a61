"""Commands with streams of their own: pipes, terminals, and everything that ends them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from knlab.embedded.net.channels import ChannelSession
from knlab.embedded.pods.commands import Command
from knlab.embedded.pods.executions import execute
from knlab.embedded.pods.supervisor import StartFailed, Supervisor
from tests.embedded.net.fake_duplex import FakeDuplex
from tests.embedded.net.test_websocket import from_client

pytestmark = pytest.mark.anyio

SECONDS = 10.0
BINARY, PING = 2, 9
CLOSE_STDIN = b"\xff\x00"
ALL = ("stdin", "stdout", "stderr", "error", "resize")


class Run:
    """A shell script that runs as an execution, and its client."""

    def __init__(self, duplex: FakeDuplex) -> None:
        self.duplex = duplex
        self.code: asyncio.Task[int]
        self.ended = asyncio.Event()

    def type(self, data: bytes, channel: int = 0) -> None:
        self.duplex.feed(from_client(2, bytes((channel,)) + data))

    def resize(self, width: object, height: object) -> None:
        self.type(json.dumps({"Width": width, "Height": height}).encode(), channel=4)

    def close_stdin(self) -> None:
        self.duplex.feed(from_client(2, CLOSE_STDIN))

    def leave(self) -> None:
        self.duplex.leave()

    async def until(self, text: bytes, channel: int = 1) -> None:
        """Returns when one channel has said `text`."""
        await self.duplex.until(lambda: text in self.said(channel))

    def said(self, channel: int = 1) -> bytes:
        """All that came on `channel`."""
        return b"".join(
            part[1:] for part in messages(bytes(self.duplex.sent)) if part[0] == channel
        )

    async def exit(self) -> int:
        async with asyncio.timeout(SECONDS):
            return await self.code


def messages(sent: bytes) -> list[bytes]:
    """The messages that are not empty among the frames of a server."""
    found = []
    while len(sent) >= 2:
        extra = {126: 2, 127: 8}.get(sent[1], 0)
        size = int.from_bytes(sent[2 : 2 + extra], "big") if extra else sent[1]
        opcode, body, sent = sent[0] & 15, sent[2 + extra :][:size], sent[2 + extra + size :]
        if body and opcode == BINARY:
            found.append(body)
    return found


@pytest.fixture
async def supervisor() -> AsyncIterator[Supervisor]:
    async with Supervisor(print) as made:
        yield made


@asynccontextmanager
async def running(
    supervisor: Supervisor,
    directory: Path,
    script: str,
    *,
    names: tuple[str, ...] = ALL,
    tty: bool = False,
) -> AsyncIterator[Run]:
    command = Command(argv=("/bin/sh", "-c", script), env={"PATH": "/usr/bin:/bin"}, cwd=directory)
    duplex = FakeDuplex()
    run = Run(duplex)
    async with ChannelSession(duplex, names=names, closable=True) as session:
        streams = await session.named(names)
        run.code = asyncio.create_task(
            execute(supervisor, command, streams, tty=tty, gone=session.gone, ended=run.ended)
        )
        try:
            yield run
        finally:
            run.code.cancel()
            await asyncio.gather(run.code, return_exceptions=True)
            run.leave()


async def test_output_errors_and_exit_code(supervisor: Supervisor, tmp_path: Path) -> None:
    script = 'echo out; echo err >&2; pwd; echo "$PATH"; exit 3'
    async with running(supervisor, tmp_path, script) as run:
        assert await run.exit() == 3
        assert run.said(1).decode().split() == ["out", str(tmp_path), "/usr/bin:/bin"]
        assert run.said(2) == b"err\n"


async def test_input_until_the_client_ends_it(supervisor: Supervisor, tmp_path: Path) -> None:
    async with running(supervisor, tmp_path, "tr a-z A-Z") as run:
        run.type(b"one ")
        run.type(b"two")
        run.close_stdin()
        assert await run.exit() == 0
        assert run.said() == b"ONE TWO"


async def test_input_that_nobody_reads_stops_nothing(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    async with running(supervisor, tmp_path, "exec <&-; echo closed; sleep 1000") as run:
        await run.until(b"closed")
        for _ in range(12):
            run.type(bytes(100_000))
        run.duplex.feed(from_client(PING, b"there?"))
        await run.duplex.until_sent(b"there?")


async def test_streams_that_nobody_wants_lead_nowhere(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    script = "wc -c; echo unseen >&2"
    async with running(supervisor, tmp_path, script, names=("stdout", "error")) as run:
        assert await run.exit() == 0
        assert run.said().strip() == b"0"
        assert run.said(2) == b""


async def test_all_output_arrives_though_the_process_is_gone(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    async with running(supervisor, tmp_path, "head -c 1000000 /dev/zero") as run:
        assert await run.exit() == 0
        assert len(run.said()) == 1_000_000


async def test_a_client_that_goes_away_ends_the_whole_group(
    supervisor: Supervisor, tmp_path: Path, dead: Any
) -> None:
    async with running(supervisor, tmp_path, "sleep 1000 & echo $!; wait") as run:
        await run.until(b"\n")
        run.leave()
        assert await run.exit() == 137
        await dead(int(run.said()), SECONDS)


async def test_a_container_that_ends_takes_it_along(supervisor: Supervisor, tmp_path: Path) -> None:
    async with running(supervisor, tmp_path, "echo last words; sleep 1000") as run:
        await run.until(b"last words\n")
        run.ended.set()
        assert await run.exit() == 137


async def test_a_cancelled_execution_leaves_nothing(
    supervisor: Supervisor, tmp_path: Path, dead: Any
) -> None:
    async with running(supervisor, tmp_path, "echo $$; exec sleep 1000") as run:
        await run.until(b"\n")
        run.code.cancel()
        await asyncio.gather(run.code, return_exceptions=True)
        await dead(int(run.said()), SECONDS)


async def test_a_shim_that_dies_ends_it(supervisor: Supervisor, tmp_path: Path) -> None:
    async with running(supervisor, tmp_path, "echo up; sleep 1000") as run:
        await run.until(b"up")
        os.kill(supervisor.shim_pid, signal.SIGKILL)
        assert await run.exit() == 137


async def test_a_program_that_is_not_there(supervisor: Supervisor, tmp_path: Path) -> None:
    nothing = Command(argv=("/no/such",), env={}, cwd=tmp_path)
    never = asyncio.Event()
    with pytest.raises(StartFailed, match="No such file"):
        await execute(supervisor, nothing, {}, tty=False, gone=never, ended=never)


class TestTerminal:
    async def test_it_is_one_and_has_the_size_of_the_clients(
        self, supervisor: Supervisor, tmp_path: Path
    ) -> None:
        script = "test -t 0 && test -t 1 && test -t 2; echo $?; read x; stty size; echo e >&2"
        async with running(supervisor, tmp_path, script, tty=True) as run:
            await run.until(b"0\r\n")
            run.resize(100, 30)
            run.resize(120, 40)
            run.type(b"go\n")
            assert await run.exit() == 0
            assert run.said().decode().split() == ["0", "go", "40", "120", "e"]

    async def test_control_c_reaches_what_runs(
        self, supervisor: Supervisor, tmp_path: Path
    ) -> None:
        script = "trap 'echo caught; exit 5' INT; echo up; while :; do sleep 0.05; done"
        async with running(supervisor, tmp_path, script, tty=True) as run:
            await run.until(b"up")
            run.type(b"\x03")
            assert await run.exit() == 5
            assert b"caught" in run.said()

    async def test_control_d_ends_the_input(self, supervisor: Supervisor, tmp_path: Path) -> None:
        async with running(supervisor, tmp_path, "cat", tty=True) as run:
            run.type(b"line\n\x04")
            assert await run.exit() == 0
            assert run.said() == b"line\r\nline\r\n"

    async def test_its_end_hangs_up(
        self, supervisor: Supervisor, tmp_path: Path, dead: Any
    ) -> None:
        async with running(supervisor, tmp_path, "echo $$; cat", tty=True) as run:
            await run.until(b"\n")
            run.leave()
            assert await run.exit() == 137
            await dead(int(run.said()), SECONDS)

    @pytest.mark.parametrize(
        "sizes",
        [
            b"{", b"[1]", b'{"Width": "x", "Height": 1}', b'{"Width": -1, "Height": 1}',
            b"[" * 100_000, b'{"Width": 1e9, "Height": 99999999}', bytes(5000),
        ],
    )  # fmt: skip
    async def test_nonsense_about_its_size_does_no_harm(
        self, supervisor: Supervisor, tmp_path: Path, sizes: bytes
    ) -> None:
        async with running(supervisor, tmp_path, "read x; echo $x", tty=True) as run:
            run.type(sizes, channel=4)
            run.type(b"fine\n")
            assert await run.exit() == 0
            assert run.said().endswith(b"fine\r\n")

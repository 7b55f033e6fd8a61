"""The shim owns every process, and nothing outlives the cluster."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from knlab.embedded.pods.supervisor import Child, Execution, Launch, StartFailed, Supervisor

pytestmark = pytest.mark.anyio

SECONDS = 5.0


def shell(directory: Path, script: str, **env: str) -> Launch:
    return Launch(
        argv=("/bin/sh", "-c", script),
        env={"PATH": "/usr/bin:/bin"} | env,
        cwd=directory,
        log=directory / "0.log",
    )


async def code_of(child: Child) -> int:
    async with asyncio.timeout(SECONDS):
        return await child.exited


def lines(directory: Path) -> list[str]:
    return [line.split(" ", 1)[1] for line in (directory / "0.log").read_text().splitlines()]


async def until_logged(directory: Path, text: str) -> None:
    log = directory / "0.log"
    async with asyncio.timeout(SECONDS):
        while not log.exists() or text not in log.read_text():  # noqa: ASYNC110 - a file
            await asyncio.sleep(0.01)


async def test_a_process_has_its_environment_directory_group_and_nothing_else(
    tmp_path: Path,
) -> None:
    script = 'echo "$WHO"; pwd -P; env | wc -l; ls /dev/fd | wc -l; ps -o pgid= -p $$'
    async with Supervisor(print) as supervisor:
        child = await supervisor.start(shell(tmp_path, script, WHO="me"))
        assert await code_of(child) == 0
    who, where, variables, descriptors, group = lines(tmp_path)
    assert who == "stdout F me"
    assert where.endswith(f"/{tmp_path.name}")
    assert int(variables.split()[-1]) <= 5  # PATH, WHO, and what the shell itself adds
    assert int(descriptors.split()[-1]) == 4  # input, output, errors, and that of ls itself
    assert int(group.split()[-1]) == child.pid


async def test_output_keeps_its_stream_and_its_last_unfinished_line(tmp_path: Path) -> None:
    async with Supervisor(print) as supervisor:
        child = await supervisor.start(shell(tmp_path, "echo oops >&2; printf rest; exit 7"))
        assert await code_of(child) == 7
    assert sorted(lines(tmp_path)) == ["stderr F oops", "stdout F rest"]


async def test_a_program_that_is_not_there_cannot_start(tmp_path: Path) -> None:
    async with Supervisor(print) as supervisor:
        nothing = Launch(argv=("/no/such",), env={}, cwd=tmp_path, log=tmp_path / "0.log")
        with pytest.raises(StartFailed, match="No such file"):
            await supervisor.start(nothing)


async def test_term_goes_to_the_first_process_and_its_end_is_everybodys(
    tmp_path: Path, dead: Any
) -> None:
    async with Supervisor(print) as supervisor:
        script = "sleep 1000 & echo $!; wait"
        child = await supervisor.start(shell(tmp_path, script))
        await until_logged(tmp_path, "F ")
        grandchild = int(lines(tmp_path)[0].split()[-1])
        child.signal(signal.SIGTERM)
        assert await code_of(child) == 128 + signal.SIGTERM
        await dead(grandchild, SECONDS)


async def test_leaving_the_supervisor_ends_even_the_stubborn(tmp_path: Path, alive: Any) -> None:
    async with Supervisor(print) as supervisor:
        script = "trap '' TERM; echo up; while :; do sleep 0.1; done"
        child = await supervisor.start(shell(tmp_path, script))
        await until_logged(tmp_path, "up")
    assert not alive(child.pid)


async def test_when_the_shim_is_killed_its_containers_go_and_another_shim_comes(
    tmp_path: Path, dead: Any
) -> None:
    logged: list[str] = []
    async with Supervisor(logged.append) as supervisor:
        child = await supervisor.start(shell(tmp_path, "sleep 1000"))
        os.kill(supervisor.shim_pid, signal.SIGKILL)
        assert await code_of(child) == 137
        await dead(child.pid, SECONDS)
        again = await supervisor.start(shell(tmp_path, "exit 5"))
        assert await code_of(again) == 5
    assert "starting another" in logged[0]


async def test_an_execution_has_the_descriptors_it_was_given_and_no_others(tmp_path: Path) -> None:
    read, write = os.pipe()
    null = os.open(os.devnull, os.O_RDONLY)
    script = "echo out; echo err >&2; ls /dev/fd | wc -l; ps -o pgid= -p $$"
    async with Supervisor(print) as supervisor:
        child = await supervisor.execute(
            Execution(
                argv=("/bin/sh", "-c", script),
                env={"PATH": "/usr/bin:/bin"},
                cwd=tmp_path,
                streams=(null, write, write),
                terminal=False,
            )
        )
        os.close(write)
        os.close(null)
        assert await code_of(child) == 0
        with os.fdopen(read) as said:  # ends only if nobody else has the other end
            assert said.read().split() == ["out", "err", "4", str(child.pid)]


async def test_an_execution_that_cannot_start_keeps_nothing(tmp_path: Path) -> None:
    read, write = os.pipe()
    async with Supervisor(print) as supervisor:
        nothing = Execution(
            argv=("/no/such",), env={}, cwd=tmp_path, streams=(write,) * 3, terminal=True
        )
        for _ in range(3):
            with pytest.raises(StartFailed):
                await supervisor.execute(nothing)
        os.close(write)
        assert os.read(read, 1) == b""
    os.close(read)


PARENT = """
import asyncio, os, sys
from contextlib import suppress
from pathlib import Path
from knlab.embedded.pods.supervisor import Execution, Launch, Supervisor

async def main(directory: Path) -> None:
    async with Supervisor(print) as supervisor:
        for number, script in enumerate(("sleep 1000", "trap '' TERM; sleep 1000; sleep 1000")):
            launch = Launch(argv=("/bin/sh", "-c", script), env={"PATH": "/usr/bin:/bin"},
                            cwd=directory, log=directory / f"{number}.log")
            print((await supervisor.start(launch)).pid, flush=True)
        null = os.open(os.devnull, os.O_RDWR)
        command = Execution(argv=("/bin/sh", "-c", "trap '' TERM HUP; sleep 1000; sleep 1000"),
                            env={"PATH": "/usr/bin:/bin"}, cwd=directory, streams=(null,) * 3,
                            terminal=False)
        print((await supervisor.execute(command)).pid, flush=True)
        print(supervisor.shim_pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(main(Path(sys.argv[1])))
"""


async def test_kill_9_of_the_cluster_ends_everything_within_seconds(
    tmp_path: Path, alive: Any, dead: Any
) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    async with asyncio.timeout(SECONDS):
        pids = [int(await parent.stdout.readline()) for _ in range(4)]
    assert all(map(alive, pids))
    parent.kill()
    await parent.wait()
    for pid in pids:
        await dead(pid, SECONDS)


@pytest.mark.skipif(sys.platform != "linux", reason="needs setsid")
async def test_a_child_that_left_the_group_does_not_hold_the_others(tmp_path: Path) -> None:
    script = "setsid sh -c 'echo $$; exec yes' & read -r x; sleep 0.1"
    async with Supervisor(print) as supervisor:
        child = await supervisor.start(shell(tmp_path, script))
        await until_logged(tmp_path, "stdout")
        loose = int(lines(tmp_path)[0].split()[-1])
        try:
            assert await code_of(child) == 0
            other = tmp_path / "other"
            other.mkdir()
            assert await code_of(await supervisor.start(shell(other, "exit 4"))) == 4
        finally:
            with suppress(ProcessLookupError):
                os.kill(loose, signal.SIGKILL)

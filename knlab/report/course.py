"""The whole course, run on an embedded cluster of its own: executed notebooks and a report."""

from __future__ import annotations

import asyncio
import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

from knlab import versions
from knlab._exceptions import KnlabError
from knlab._state import ENVIRONMENT, is_locked
from knlab._units import format_bytes
from knlab.cluster import process
from knlab.report.html import Course, Executed, write_report
from knlab.report.lessons import Lesson, title_of

_CELL_TIMEOUT = 300
_WATCH = 0.5
_BAR = 24


class LessonFailed(KnlabError):  # noqa: N818 - names of situations
    """A cell of a lesson raised; the message names notebook, cell and error."""


@dataclass(kw_only=True)
class Board:
    """One line a lesson: a bar that moves on a terminal, the result alone elsewhere."""

    out: TextIO = field(default_factory=lambda: sys.stdout)

    def show(self, title: str, done: int, cells: int, seconds: float) -> None:
        """Draw the line of a running lesson."""
        if self.out.isatty():
            filled = _BAR * done // max(1, cells)
            bar = "█" * filled + "░" * (_BAR - filled)
            self.out.write(f"\r{title[:44]:44} {bar} {done:2}/{cells:<2} {_clock(seconds)}")
            self.out.flush()

    def finish(self, title: str, cells: int, seconds: float, verdict: str) -> None:
        """Leave the line of a lesson that ended."""
        start = "\r\033[K" if self.out.isatty() else ""
        print(f"{start}{title[:44]:44} {cells:2} cells {_clock(seconds)}  {verdict}", file=self.out)
        self.out.flush()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02}"


def run_course(
    lessons: list[Lesson], output: Path, *, pace: str, cluster: str, board: Board
) -> Path:
    """The report's first page, after running every lesson.

    `cluster` is what KNLAB_CLUSTER is set to; for `embedded` a fresh cluster is started and stopped.

    Raises:
        LessonFailed: at the first cell that fails; nothing is left running.
    """
    output.mkdir(parents=True, exist_ok=True)
    environment = {"KNLAB_PACE": pace, "KNLAB_CLUSTER": cluster}
    with _fresh_cluster(cluster) as directory:
        if directory is not None:
            environment[ENVIRONMENT] = str(directory)
        os.environ.update(environment)
        executed = asyncio.run(_run_all(lessons, output, directory, board))
    facts = _facts(pace, cluster)
    footer = f"knlab {versions.KNLAB}, {time.strftime('%Y-%m-%d')}"
    return write_report(Course(executed, f"{cluster}, {pace} pace", facts, footer), output)


@contextmanager
def _fresh_cluster(cluster: str) -> Iterator[Path | None]:
    if cluster != "embedded":
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="knlab-course-", ignore_cleanup_errors=True) as home:
        directory = Path(home) / "cluster"
        process.start(directory, process.Launch(with_parent=True))
        try:
            yield directory
        finally:
            process.stop(directory)


async def _run_all(
    lessons: list[Lesson], output: Path, directory: Path | None, board: Board
) -> list[Executed]:
    loop = asyncio.get_running_loop()
    running = asyncio.current_task()
    if running is not None:
        loop.add_signal_handler(signal.SIGTERM, running.cancel)
    return [await _guarded(lesson, output, directory, board) for lesson in lessons]


async def _guarded(lesson: Lesson, output: Path, directory: Path | None, board: Board) -> Executed:
    """The lesson's run, cut short if the cluster under it dies."""
    run = asyncio.create_task(_run(lesson, output, board), name=lesson.name)
    watch = asyncio.create_task(_cluster_gone(directory), name="watch the cluster")
    try:
        await asyncio.wait({run, watch}, return_when=asyncio.FIRST_COMPLETED)
        if not run.done():
            raise LessonFailed(
                f"{lesson.path.name}: the embedded cluster ended unexpectedly",
                hint="run the course again; if it happens twice, please report it with the log",
            )
        return run.result()
    finally:
        for task in (run, watch):
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task


async def _cluster_gone(directory: Path | None) -> None:
    while directory is None or is_locked(directory):
        await asyncio.sleep(_WATCH)


async def _run(lesson: Lesson, output: Path, board: Board) -> Executed:
    notebook = lesson.read()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    cells = sum(cell.cell_type == "code" for cell in notebook.cells)
    title, began, done = title_of(notebook), time.monotonic(), 0

    def finished_cell(cell: Any, **_: object) -> None:
        nonlocal done
        done += cell.cell_type == "code"
        board.show(title, done, cells, time.monotonic() - began)

    client = NotebookClient(
        notebook,
        timeout=_CELL_TIMEOUT,
        kernel_name="python3",
        resources={"metadata": {"path": str(output)}},
        on_cell_executed=finished_cell,
    )
    board.show(title, 0, cells, 0.0)
    try:
        await client.async_execute()
    except (CellExecutionError, DeadKernelError) as error:
        board.finish(title, cells, time.monotonic() - began, "FAILED")
        raise LessonFailed(_failure(lesson, notebook, error)) from error
    finally:
        nbformat.write(notebook, output / lesson.path.name)
    seconds = time.monotonic() - began
    board.finish(title, cells, seconds, "ok")
    return Executed(lesson.name, notebook, seconds)


def _failure(lesson: Lesson, notebook: Any, error: Exception) -> str:
    """Which cell failed, its code and its error."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    failed = [
        (number, cell)
        for number, cell in enumerate(code, 1)
        if any(output.output_type == "error" for output in cell.outputs)
    ]
    if not failed:
        return f"{lesson.path.name}: {error}"
    number, cell = failed[0]
    wrong = next(output for output in cell.outputs if output.output_type == "error")
    source = "\n".join(f"    {line}" for line in cell.source.splitlines())
    return (
        f"{lesson.path.name}, code cell {number} of {len(code)}:\n\n{source}\n\n"
        f"{wrong.ename}: {wrong.evalue}"
    )


def _facts(pace: str, cluster: str) -> list[tuple[str, str]]:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return [
        ("cluster", cluster),
        ("Knative", versions.KNATIVE),
        ("Kubernetes", versions.KUBERNETES),
        ("pace", pace),
        ("machine", f"{os.cpu_count()} processors, {format_bytes(memory)} memory"),
        ("system", f"{platform.system()} {platform.machine()}"),
        ("Python", platform.python_version()),
    ]

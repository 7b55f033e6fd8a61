"""The whole course, run on an embedded cluster of its own: executed notebooks and a report."""

from __future__ import annotations

import asyncio
import os
import platform
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Final

import nbformat

from knlab import versions
from knlab._exceptions import KnlabError, UsageError
from knlab._state import ENVIRONMENT, is_locked
from knlab._units import format_bytes
from knlab.cluster import process
from knlab.report.execution import LessonFailed, Surroundings, code_cells, execute
from knlab.report.html import Course, Executed, write_report
from knlab.report.lessons import Lesson, title_of
from knlab.report.progress import Line

_TICK: Final = 0.5
TERMINATED: Final = 128 + signal.SIGTERM


def run_course(lessons: Sequence[Lesson], output: Path, *, pace: str, cluster: str) -> Path:
    """The report's first page, after running every lesson.

    `cluster` is what KNLAB_CLUSTER is set to; for `embedded` a fresh cluster is started and
    stopped. However the run ends, nothing is left running.

    Raises:
        LessonFailed: at the first cell that fails; the notebook is kept as far as it got.
        UsageError: if `output` cannot be written.
        KeyboardInterrupt: at SIGINT.
        SystemExit: at SIGTERM, with the code for it.
    """
    _prepare(output)
    fresh: AbstractContextManager[Path | None] = (
        process.temporary() if cluster == "embedded" else nullcontext()
    )
    with fresh as directory:
        environment = dict(os.environ) | {"KNLAB_PACE": pace, "KNLAB_CLUSTER": cluster}
        if directory is not None:
            environment[ENVIRONMENT] = str(directory)
        try:
            executed = asyncio.run(_run_all(lessons, output, directory, environment))
        except asyncio.CancelledError:
            raise SystemExit(TERMINATED) from None
    footer = f"knlab {versions.KNLAB}, {time.strftime('%Y-%m-%d')}"
    return write_report(
        Course(executed, f"{cluster}, {pace} pace", _facts(pace, cluster), footer), output
    )


def _prepare(output: Path) -> None:
    try:
        output.mkdir(parents=True, exist_ok=True)
        probe = output / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UsageError(
            f"cannot write to {output}: {error.strerror}",
            hint="name a writable directory with --output",
        ) from error


async def _run_all(
    lessons: Sequence[Lesson], output: Path, directory: Path | None, environment: Mapping[str, str]
) -> list[Executed]:
    running = asyncio.current_task()
    assert running is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    surroundings = Surroundings(directory=output, environment=environment)
    return [await _guarded(lesson, output, directory, surroundings) for lesson in lessons]


async def _guarded(
    lesson: Lesson, output: Path, directory: Path | None, surroundings: Surroundings
) -> Executed:
    """The lesson's run, cut short if the cluster under it dies."""
    notebook = lesson.read()
    line = Line(title=title_of(notebook), cells=len(code_cells(notebook)))

    def on_cell(done: int) -> None:
        line.done = done
        line.draw()

    run = asyncio.create_task(execute(notebook, lesson.path.name, surroundings, on_cell))
    watch = asyncio.create_task(_watch(directory, line))
    verdict = "interrupted"
    try:
        await asyncio.wait({run, watch}, return_when=asyncio.FIRST_COMPLETED)
        verdict = "FAILED"
        _check_cluster(lesson, directory)
        run.result()
        verdict = "ok"
        return Executed(lesson.name, notebook, line.seconds)
    except LessonFailed as failed:
        failed.hint = failed.hint or f"as far as it got: {output / lesson.path.name}"
        raise
    finally:
        await _cancel(run, watch)
        nbformat.write(notebook, output / lesson.path.name)
        line.finish(verdict)


def _check_cluster(lesson: Lesson, directory: Path | None) -> None:
    if directory is not None and not is_locked(directory):
        raise LessonFailed(
            f"{lesson.path.name}: the embedded cluster ended unexpectedly",
            hint="run the course again; if it happens twice, please report it",
        )


async def _watch(directory: Path | None, line: Line) -> None:
    """Keep the line's clock going until the cluster is gone."""
    while directory is None or is_locked(directory):
        line.draw()
        await asyncio.sleep(_TICK)


async def _cancel(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError, KnlabError):
            await task


def _facts(pace: str, cluster: str) -> list[tuple[str, str]]:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    known = [("Knative", versions.KNATIVE), ("Kubernetes", versions.KUBERNETES)]
    return [
        ("cluster", cluster),
        *(known if cluster == "embedded" else ()),
        ("pace", pace),
        ("machine", f"{os.cpu_count()} processors, {format_bytes(memory)} memory"),
        ("system", f"{platform.system()} {platform.machine()}"),
        ("Python", platform.python_version()),
    ]

"""Notebooks run from top to bottom in a kernel of this Python, until a cell fails."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from knlab.report.execution import LessonFailed, Surroundings, code_cells, execute

V4 = nbformat.v4


def _notebook(*cells: str) -> Any:
    return V4.new_notebook(cells=[V4.new_markdown_cell("# T"), *map(V4.new_code_cell, cells)])


async def _run(notebook: Any, directory: Path, **environment: str) -> list[int]:
    done: list[int] = []
    surroundings = Surroundings(directory=directory, environment=os.environ | environment)
    await execute(notebook, "lesson.ipynb", surroundings, done.append)
    return done


@pytest.mark.anyio
async def test_cells_run_in_order_in_the_surroundings_they_are_given(tmp_path: Path) -> None:
    notebook = _notebook(
        "import os, sys\nx = 1", "", "print(sys.executable, os.getcwd(), os.environ['COLOUR'])", "x"
    )
    notebook.cells[1].outputs = [V4.new_output("stream", text="of an earlier run")]
    assert await _run(notebook, tmp_path, COLOUR="blue") == [1, 2, 3]
    first, _, printed, last = notebook.cells[1:]
    assert first.outputs == []
    assert printed.outputs[0].text.split() == [sys.executable, str(tmp_path), "blue"]
    assert last.outputs[0].data["text/plain"] == "1"
    assert [cell.execution_count for cell in code_cells(notebook)] == [1, 2, 3]
    assert notebook.metadata.language_info.name == "python"


@pytest.mark.anyio
async def test_the_first_failing_cell_ends_the_run_with_its_place_code_and_error(
    tmp_path: Path,
) -> None:
    notebook = _notebook("1", "x = {}\nx['key']", "print('never')")
    with pytest.raises(LessonFailed) as failed:
        await _run(notebook, tmp_path)
    assert failed.value.message == (
        "lesson.ipynb, code cell 2 of 3:\n\n    x = {}\n    x['key']\n\nKeyError: 'key'"
    )
    assert notebook.cells[2].outputs[0].ename == "KeyError"
    assert notebook.cells[3].outputs == []


@pytest.mark.anyio
async def test_a_kernel_that_dies_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(LessonFailed, match=r"code cell 1 of 1:[\s\S]*the kernel died"):
        await _run(_notebook("import os; os._exit(1)"), tmp_path)


@pytest.mark.anyio
async def test_a_cancelled_run_leaves_no_kernel(tmp_path: Path) -> None:
    source = "import os, pathlib, threading\npathlib.Path('pid').write_text(str(os.getpid()))"
    notebook = _notebook(source, "threading.Event().wait()")
    started = asyncio.Event()
    surroundings = Surroundings(directory=tmp_path, environment=os.environ)
    run = asyncio.create_task(execute(notebook, "l", surroundings, lambda _done: started.set()))
    await asyncio.wait_for(started.wait(), 20)
    run.cancel()
    await asyncio.wait({run}, timeout=10)
    assert run.done()
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
    assert run.cancelled() or isinstance(run.exception(), LessonFailed)

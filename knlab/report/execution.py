"""One notebook, run from top to bottom in a kernel of its own."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal, CellExecutionError, DeadKernelError

from knlab._exceptions import KnlabError

_CELL_TIMEOUT: Final = 300


class LessonFailed(KnlabError):  # noqa: N818 - names of situations
    """A cell of a lesson raised; the message names notebook, cell and error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a kernel is started with."""

    directory: Path
    """Where it runs."""
    environment: Mapping[str, str]


async def execute(
    notebook: Any, name: str, surroundings: Surroundings, on_cell: Callable[[int], None]
) -> None:
    """Run every cell of `notebook` in place; `on_cell` hears how many code cells are done.

    Raises:
        LessonFailed: at the first cell that fails, with `name`; the outputs until then are kept.
    """
    code = code_cells(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    done = 0
    client = NotebookClient(notebook, timeout=_CELL_TIMEOUT)
    async with _kernel(client, surroundings):
        for index, cell in enumerate(notebook.cells):
            try:
                await client.async_execute_cell(cell, index, execution_count=done + 1)
            except (CellExecutionError, CellControlSignal, DeadKernelError) as error:
                raise LessonFailed(_failure(name, cell, done + 1, len(code), error)) from error
            if done < len(code) and cell is code[done]:
                done += 1
                on_cell(done)


def code_cells(notebook: Any) -> list[Any]:
    """The code cells of `notebook` that have something to run."""
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


@asynccontextmanager
async def _kernel(client: NotebookClient, surroundings: Surroundings) -> AsyncIterator[None]:
    """A kernel of this very Python, killed at the end whatever happens.

    nbclient's own context takes SIGINT and SIGTERM for itself and swallows them.
    """
    manager = client.km = _manager()
    try:
        await client.async_start_new_kernel(
            cwd=str(surroundings.directory), env=dict(surroundings.environment)
        )
        await client.async_start_new_kernel_client()
        described = (await client.kc.kernel_info(reply=True))["content"]
        client.nb.metadata["language_info"] = described["language_info"]
        yield
    finally:
        if client.kc is not None:
            client.kc.stop_channels()
        if manager.has_kernel:
            await manager.shutdown_kernel(now=True)


def _manager() -> AsyncKernelManager:
    manager = AsyncKernelManager()
    # A kernelspec of the user's may be called python3 and mean another Python.
    spec = manager.kernel_spec
    assert spec is not None
    spec.argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec.argv += ["--IPKernelApp.log_level=ERROR"]  # its warnings mean other uses than this one
    return manager


def _failure(name: str, cell: Any, number: int, of: int, error: Exception) -> str:
    """Which cell failed, its code and its error."""
    source = "\n".join(f"    {line}" for line in cell.source.splitlines())
    raised = [output for output in cell.outputs if output.output_type == "error"]
    if raised:
        words = f"{raised[0].ename}: {raised[0].evalue}"
    elif isinstance(error, DeadKernelError):
        words = "the kernel died; is the machine out of memory?"
    else:
        words = f"the cell did not end within {_CELL_TIMEOUT} s"
    return f"{name}, code cell {number} of {of}:\n\n{source}\n\n{words}"

"""Lessons from their sources: notebooks/src/*.py, executed, become notebooks/*.ipynb.

python -m tools.build_notebooks               run all on a fresh embedded cluster, keep the outputs
python -m tools.build_notebooks --lesson 5    only this one; repeatable
python -m tools.build_notebooks --sync-only   new texts without a run; unchanged code keeps outputs
python -m tools.build_notebooks --check       say what is out of step, change nothing

The sources are jupytext's percent format; they are what people edit and review.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jupytext
import nbformat

from knlab._state import ENVIRONMENT
from knlab.cluster import process
from knlab.report.execution import LessonFailed, Surroundings, execute

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
SOURCES = NOTEBOOKS / "src"
LARGEST = 400_000
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def main(arguments: list[str]) -> int:
    """Build, synchronise or check; 1 if something is out of step."""
    parser = argparse.ArgumentParser(description="Build the lessons from their sources.")
    parser.add_argument("--lesson", action="append", default=[], metavar="N")
    parser.add_argument("--check", action="store_true", help="change nothing")
    parser.add_argument("--sync-only", action="store_true", help="run nothing")
    chosen = parser.parse_args(arguments)
    sources = sources_of([number.zfill(2) for number in chosen.lesson])
    if chosen.check:
        found = [line for source in sources for line in differences(source)] + strays()
        print("\n".join(found) or f"{len(sources)} lessons are in step with their sources")
        return 1 if found else 0
    if chosen.sync_only:
        for source in sources:
            write(synchronised(source), notebook_of(source))
    else:
        return build(sources)
    return 0


def sources_of(numbers: list[str]) -> list[Path]:
    """The sources of the lessons with these numbers, or of all."""
    everything = sorted(SOURCES.glob("[0-9][0-9]_*.py"))
    found = [path for path in everything if not numbers or path.name[:2] in numbers]
    if not found:
        raise SystemExit(f"no lesson {', '.join(numbers)} in {SOURCES}")
    return found


def notebook_of(source: Path) -> Path:
    """Where the notebook of a source is."""
    return source.parent.parent / f"{source.stem}.ipynb"


# ── from a source to a notebook ──────────────────────────────────────────────────────────────────


def parsed(source: Path) -> Any:
    """The source as a notebook without outputs: minimal metadata, ids that follow from content."""
    read = jupytext.reads(source.read_text(), fmt="py:percent")
    seen: Counter[str] = Counter()
    cells = []
    for cell in read.cells:
        tags = cell.metadata.get("tags")
        made = {
            "cell_type": cell.cell_type,
            "id": _identity(cell, seen),
            "metadata": {"tags": list(tags)} if tags else {},
            "source": cell.source,
        }
        if cell.cell_type == "code":
            made |= {"execution_count": None, "outputs": []}
        cells.append(made)
    return nbformat.from_dict(
        {"cells": cells, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}
    )


def _identity(cell: Any, seen: Counter[str]) -> str:
    """An id that stays the same as long as the cell does; equal cells are numbered."""
    content = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:12]
    seen[content] += 1
    return content if seen[content] == 1 else f"{content}-{seen[content]}"


def synchronised(source: Path) -> Any:
    """The notebook with the source's cells; code that has not changed keeps its outputs."""
    notebook, target = parsed(source), notebook_of(source)
    if not target.exists():
        return notebook
    before: dict[str, list[Any]] = {}
    for cell in nbformat.read(target, as_version=4).cells:
        before.setdefault(cell.source, []).append(cell)
    for cell in notebook.cells:
        if cell.cell_type == "code" and before.get(cell.source):
            old = before[cell.source].pop(0)
            cell.outputs, cell.execution_count = old.outputs, old.execution_count
    return notebook


def write(notebook: Any, target: Path) -> None:
    """Write a notebook that is valid and small enough."""
    nbformat.validate(notebook)
    text = nbformat.writes(notebook)
    if len(text.encode()) > LARGEST:
        raise SystemExit(f"{target.name} would have {len(text.encode())} bytes, at most {LARGEST}")
    target.write_text(text if text.endswith("\n") else text + "\n")


# ── running ──────────────────────────────────────────────────────────────────────────────────────


def build(sources: list[Path]) -> int:
    """Run the lessons one after another on a fresh embedded cluster, and write them."""
    with fresh_cluster() as environment:
        for source in sources:
            began = time.monotonic()
            try:
                notebook = executed(parsed(source), source.name, environment)
            except LessonFailed as failed:
                print(failed, file=sys.stderr)
                return 1
            write(notebook, notebook_of(source))
            print(f"{source.stem:28} {time.monotonic() - began:6.1f} s", flush=True)
    return 0


@contextmanager
def fresh_cluster() -> Iterator[Mapping[str, str]]:
    """The environment that leads kernels to a cluster of its own, which ends with this process."""
    with process.temporary() as directory:
        chosen = {
            ENVIRONMENT: str(directory),
            "KNLAB_PACE": "quick",
            "KNLAB_CLUSTER": "embedded",
        }
        yield os.environ | chosen


def executed(notebook: Any, name: str, environment: Mapping[str, str]) -> Any:
    """The notebook after a run in an empty directory, without what differs for no reason."""
    with tempfile.TemporaryDirectory(prefix="knlab-lesson-") as directory:
        surroundings = Surroundings(directory=Path(directory), environment=environment)
        asyncio.run(execute(notebook, name, surroundings, lambda _done: None))
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    return notebook


# ── checking ─────────────────────────────────────────────────────────────────────────────────────


def differences(source: Path) -> list[str]:
    """What is out of step between a source and its notebook, a sentence each."""
    target = notebook_of(source)
    if not target.exists():
        return [f"{source.name} has no notebook: run python -m tools.build_notebooks"]
    text = target.read_text()
    stored, wanted = nbformat.reads(text, as_version=4), parsed(source)
    found = []
    if _skeleton(stored) != _skeleton(wanted):
        found.append(f"{target.name} differs from {source.name}: {_first(stored, wanted)}")
    if stored.metadata != wanted.metadata:
        found.append(f"{target.name} has metadata of its own")
    if len(text.encode()) > LARGEST:
        found.append(f"{target.name} has {len(text.encode())} bytes, at most {LARGEST}")
    if any(cell.execution_count is None for cell in stored.cells if cell.cell_type == "code"):
        found.append(f"{target.name} has code that was never run")
    return found


def _skeleton(notebook: Any) -> list[tuple[str, str, str, Any]]:
    return [(cell.cell_type, cell.id, cell.source, cell.metadata) for cell in notebook.cells]


def _first(stored: Any, wanted: Any) -> str:
    pairs = zip(_skeleton(stored), _skeleton(wanted), strict=False)
    for number, (have, want) in enumerate(pairs, 1):
        if have != want:
            return f"cell {number} begins {want[2].splitlines()[0]!r} in the source"
    return f"{len(stored.cells)} cells, the source has {len(wanted.cells)}"


def strays() -> list[str]:
    """Notebooks without a source."""
    known = {notebook_of(source) for source in SOURCES.glob("*.py")}
    return [f"{p.name} has no source" for p in sorted(NOTEBOOKS.glob("*.ipynb")) if p not in known]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

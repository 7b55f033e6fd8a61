"""Notebooks and their sources say the same, and the builder notices when they do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest

from tools.build_notebooks import (
    METADATA,
    NOTEBOOKS,
    SOURCES,
    differences,
    notebook_of,
    parsed,
    strays,
    synchronised,
    write,
)

SOURCE = """\
# %% [markdown]
# # 42 · Example

# %%
answer = 42
answer

# %% tags=["nbval-check-output"]
answer
"""


@pytest.mark.parametrize("source", sorted(SOURCES.glob("*.py")), ids=lambda path: path.stem)
def test_a_notebook_says_what_its_source_says(source: Path) -> None:
    assert differences(source) == []


def test_no_notebook_is_without_a_source() -> None:
    assert sorted(NOTEBOOKS.glob("*.ipynb"))
    assert strays() == []


@pytest.fixture
def source(tmp_path: Path) -> Path:
    directory = tmp_path / "src"
    directory.mkdir()
    path = directory / "42_example.py"
    path.write_text(SOURCE)
    return path


def ran(notebook: Any) -> Any:
    """The notebook as if it had been run."""
    for count, cell in enumerate((c for c in notebook.cells if c.cell_type == "code"), 1):
        cell.execution_count = count
        cell.outputs = [nbformat.v4.new_output("stream", text=f"output {count}")]
    return notebook


def test_a_source_becomes_a_notebook_with_minimal_metadata_and_its_tags(source: Path) -> None:
    notebook = parsed(source)
    nbformat.validate(notebook)
    assert notebook.metadata == METADATA
    assert [cell.cell_type for cell in notebook.cells] == ["markdown", "code", "code"]
    assert notebook.cells[2].metadata == {"tags": ["nbval-check-output"]}


def test_ids_follow_from_content_and_are_unique(source: Path) -> None:
    source.write_text(SOURCE + "\n# %%\nanswer = 42\nanswer\n")
    ids = [cell.id for cell in parsed(source).cells]
    assert ids == [cell.id for cell in parsed(source).cells]
    assert len(set(ids)) == 4
    assert ids[3] == f"{ids[1]}-2"


def test_new_texts_keep_the_outputs_of_code_that_has_not_changed(source: Path) -> None:
    write(ran(parsed(source)), notebook_of(source))
    source.write_text(SOURCE.replace("Example", "Another title").replace("answer = 42", "answer=6"))
    notebook = synchronised(source)
    assert notebook.cells[0].source == "# 42 · Another title"
    assert notebook.cells[1].outputs == []
    assert notebook.cells[1].execution_count is None
    assert notebook.cells[2].outputs[0].text == "output 2"


def test_a_notebook_in_step_has_no_differences(source: Path) -> None:
    write(ran(parsed(source)), notebook_of(source))
    assert differences(source) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param(lambda n: n.cells.pop(), "the source has 3", id="a cell is missing"),
        pytest.param(
            lambda n: n.cells[1].update(source="answer = 1"), "cell 2 begins", id="other code"
        ),
        pytest.param(
            lambda n: n.cells[0].metadata.update(collapsed=True), "cell 1", id="cell metadata"
        ),
        pytest.param(lambda n: n.metadata.update(author="x"), "metadata of its own", id="metadata"),
        pytest.param(
            lambda n: n.cells[1].update(execution_count=None), "never run", id="code not run"
        ),
    ],
)
def test_a_difference_is_noticed(source: Path, change: Any, says: str) -> None:
    notebook = ran(parsed(source))
    change(notebook)
    write(notebook, notebook_of(source))
    assert any(says in line for line in differences(source))


def test_a_missing_notebook_is_noticed(source: Path) -> None:
    assert "has no notebook" in differences(source)[0]


def test_a_notebook_that_is_too_large_is_not_written(source: Path) -> None:
    notebook = ran(parsed(source))
    notebook.cells[1].outputs[0].text = "x" * 500_000
    with pytest.raises(SystemExit, match="at most"):
        write(notebook, notebook_of(source))
    assert not notebook_of(source).exists()

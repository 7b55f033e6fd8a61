"""Notebooks made for a test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

WriteNotebook = Callable[..., Path]


@pytest.fixture
def write_notebook(tmp_path: Path) -> WriteNotebook:
    """A notebook file out of its cells; those that begin with `md:` are prose."""

    def write(name: str, *cells: str) -> Path:
        v4 = nbformat.v4
        notebook = v4.new_notebook(
            cells=[
                v4.new_markdown_cell(cell.removeprefix("md:"))
                if cell.startswith("md:")
                else v4.new_code_cell(cell)
                for cell in cells
            ]
        )
        path = tmp_path / f"{name}.ipynb"
        nbformat.write(notebook, path)
        return path

    return write

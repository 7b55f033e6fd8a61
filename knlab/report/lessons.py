"""The lessons: where they are, and what each says about itself."""

from __future__ import annotations

import importlib.resources
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import nbformat

from knlab._exceptions import UsageError

_NUMBER: Final = re.compile(r"\d\d")
_HEADING: Final = re.compile(r"^#\s+(.+)$", re.MULTILINE)
_GOAL: Final = re.compile(
    r"^\*\*(?:What you will do|Goal)[.:]?\*\*:?\s*(.+?)(?:\n\s*\n|\Z)", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Lesson:
    """One notebook of the course."""

    path: Path

    @property
    def name(self) -> str:
        """File name without its ending, such as `05_cold_and_warm`."""
        return self.path.stem

    @property
    def number(self) -> str:
        """The two digits it begins with."""
        return self.name[:2]

    def read(self) -> Any:
        """The notebook, as nbformat reads it.

        Raises:
            UsageError: if the file is missing or is no notebook.
        """
        try:
            return nbformat.read(self.path, as_version=4)
        except OSError as error:
            raise UsageError(f"cannot read {self.path}: {error.strerror}") from error
        except (ValueError, AttributeError, nbformat.ValidationError) as error:
            raise UsageError(
                f"{self.path} is no notebook: {str(error).splitlines()[0]}",
                hint="save it again in JupyterLab",
            ) from error


def lesson_directory() -> Path:
    """Where the lessons are: inside an installed package, or beside it in a clone."""
    package = Path(str(importlib.resources.files("knlab")))
    packaged = package / "notebooks"
    return packaged if packaged.is_dir() else package.parent / "notebooks"


def all_lessons() -> list[Lesson]:
    """The lessons in their order.

    Raises:
        UsageError: if there are none.
    """
    directory = lesson_directory()
    found = [Lesson(path) for path in sorted(directory.glob("[0-9][0-9]_*.ipynb"))]
    if not found:
        raise UsageError(f"no lessons in {directory}", hint="install knlab again")
    return found


def lessons_named(numbers: list[str]) -> list[Lesson]:
    """The lessons with these numbers (`5` or `05`); all of them without a number.

    Raises:
        UsageError: for a number that no lesson has.
    """
    everything = all_lessons()
    if not numbers:
        return everything
    by_number = {lesson.number: lesson for lesson in everything}
    wanted = [number.zfill(2) for number in numbers]
    if unknown := [number for number in wanted if number not in by_number]:
        raise UsageError(
            f"there is no lesson {', '.join(unknown)}", hint=f"there are {', '.join(by_number)}"
        )
    return [by_number[number] for number in wanted]


def lessons_at(paths: list[Path]) -> list[Lesson]:
    """Notebooks of somebody's own as lessons; each is read once, to see that it can be.

    Raises:
        UsageError: if a file is missing or is no notebook, or two have the same name.
    """
    lessons = [Lesson(path) for path in paths]
    for lesson in lessons:
        lesson.read()
    names = [lesson.name for lesson in lessons]
    if len(set(names)) < len(names):
        raise UsageError("two notebooks have the same name", hint="their pages would be one file")
    return lessons


def copy_lessons(target: Path) -> Path:
    """The course in `target`, for working in; files that are there are left as they are."""
    target.mkdir(parents=True, exist_ok=True)
    for lesson in all_lessons():
        if not (target / lesson.path.name).exists():
            shutil.copy(lesson.path, target)
    return target


def title_of(notebook: Any) -> str:
    """The first heading of a notebook."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and (found := _HEADING.search(cell.source)):
            return found.group(1).strip()
    return "Untitled"


def goal_of(notebook: Any) -> str:
    """The sentence after **What you will do.**, without markup; empty if there is none."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and (found := _GOAL.search(cell.source)):
            return re.sub(r"[*`_]", "", " ".join(found.group(1).split()))
    return ""

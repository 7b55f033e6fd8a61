"""Lessons: where they are, what they are called, what they say about themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest

from knlab._exceptions import UsageError
from knlab.report.lessons import (
    Lesson,
    all_lessons,
    copy_lessons,
    goal_of,
    lessons_at,
    lessons_named,
    title_of,
)


def _notebook(*markdown: str) -> Any:
    v4 = nbformat.v4
    return v4.new_notebook(cells=[v4.new_markdown_cell(text) for text in markdown])


def test_the_course_has_eleven_lessons_in_order() -> None:
    lessons = all_lessons()
    assert [lesson.number for lesson in lessons] == [f"{number:02}" for number in range(11)]
    assert lessons[5].name == "05_cold_and_warm"


@pytest.mark.parametrize("number", ["5", "05"])
def test_lessons_are_found_by_number(number: str) -> None:
    assert [lesson.name for lesson in lessons_named([number])] == ["05_cold_and_warm"]


def test_no_number_is_all_of_them() -> None:
    assert lessons_named([]) == all_lessons()


@pytest.mark.parametrize("number", ["11", "99", "x"])
def test_a_number_that_no_lesson_has_is_refused(number: str) -> None:
    with pytest.raises(UsageError, match="there is no lesson") as refused:
        lessons_named([number])
    assert "00, 01, 02" in refused.value.hint


def test_every_lesson_has_a_title_and_a_goal() -> None:
    for lesson in all_lessons():
        notebook = lesson.read()
        assert title_of(notebook) != "Untitled", lesson.name
        assert goal_of(notebook), lesson.name


@pytest.mark.parametrize(
    ("texts", "title"),
    [
        (["# One\n\ntext"], "One"),
        (["text", "## Two\n# Real"], "Real"),
        (["text"], "Untitled"),
        ([], "Untitled"),
    ],
)
def test_title(texts: list[str], title: str) -> None:
    assert title_of(_notebook(*texts)) == title


@pytest.mark.parametrize(
    ("text", "goal"),
    [
        ("**What you will do.** Start a\n`cluster` *now*.\n\nMore.", "Start a cluster now."),
        ("**What you will do:** Start.", "Start."),
        ("**Goal.** Start.", "Start."),
        ("What you will do. Start.", ""),
    ],
)
def test_goal(text: str, goal: str) -> None:
    assert goal_of(_notebook(text)) == goal


def test_lessons_are_copied_and_ones_own_work_is_kept(tmp_path: Path) -> None:
    target = copy_lessons(tmp_path / "deep" / "lessons")
    mine = target / "04_first_service.ipynb"
    mine.write_text("my work")
    (target / "05_cold_and_warm.ipynb").unlink()
    copy_lessons(target)
    assert mine.read_text() == "my work"
    assert (target / "05_cold_and_warm.ipynb").exists()


def test_notebooks_of_ones_own(write_notebook: Any) -> None:
    path = write_notebook("mine", "md:# Mine")
    assert lessons_at([path]) == [Lesson(path)]


def test_a_missing_notebook_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*gone\.ipynb: No such file"):
        lessons_at([tmp_path / "gone.ipynb"])


@pytest.mark.parametrize("text", ["", "words", "[]", "{}", '{"nbformat": 4}'])
def test_what_is_no_notebook_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.ipynb"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"bad\.ipynb is no notebook"):
        lessons_at([path])


def test_two_notebooks_of_one_name_are_refused(tmp_path: Path, write_notebook: Any) -> None:
    first = write_notebook("same", "md:# One")
    second = tmp_path / "other" / "same.ipynb"
    second.parent.mkdir()
    second.write_bytes(first.read_bytes())
    with pytest.raises(UsageError, match="the same name"):
        lessons_at([first, second])

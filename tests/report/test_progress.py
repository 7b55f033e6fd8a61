"""One line a lesson: it moves on a terminal and appears once elsewhere."""

from __future__ import annotations

import io

from knlab.report.progress import Line


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_elsewhere_the_line_appears_when_the_lesson_ends() -> None:
    out = io.StringIO()
    line = Line(title="05 · Cold and warm", cells=4, out=out)
    line.done = 4
    line.draw()
    assert out.getvalue() == ""
    line.finish("ok")
    (shown,) = out.getvalue().splitlines()
    assert shown.startswith("05 · Cold and warm  ")
    assert shown.endswith("████████████████████  4/4  0:00  ok")


def test_on_a_terminal_the_line_moves_in_place() -> None:
    out = _Terminal()
    line = Line(title="05", cells=4, out=out)
    line.draw()
    line.done = 2
    line.draw()
    line.finish("FAILED")
    first, second, last = out.getvalue().removeprefix("\r").split("\r")
    assert "░░░░░░░░░░░░░░░░░░░░  0/4" in first
    assert "██████████░░░░░░░░░░  2/4" in second
    assert last.endswith("FAILED\n")
    assert "\n" not in first + second


def test_long_titles_are_cut_and_empty_lessons_are_no_division_by_zero() -> None:
    out = io.StringIO()
    Line(title="x" * 60, cells=0, out=out).finish("ok")
    assert out.getvalue().startswith("x" * 43 + "… ")


def test_minutes_are_counted() -> None:
    out = io.StringIO()
    line = Line(title="x", cells=1, out=out)
    line.began -= 65
    line.finish("ok")
    assert " 1:05  ok" in out.getvalue()

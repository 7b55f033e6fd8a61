"""Tables for notebooks: escaped, numbers to the right."""

from __future__ import annotations

import re

import pytest

from knlab._html import html_table


def _sides(column: list[str]) -> set[str]:
    html = html_table(("name", "value"), [("x", text) for text in column])
    return set(re.findall(r"<td[^>]*text-align:(\w+)\">(?!x<)", html))


@pytest.mark.parametrize(
    ("column", "side"),
    [
        (["1", "2,000"], "right"),
        (["1.25 s", "28.5 ms"], "right"),
        (["50 %", "100%"], "right"),
        (["-1", "+3", "0"], "right"),
        (["", "3"], "right"),
        (["1", "2", "words"], "right"),
        (["1", "words"], "left"),
        (["Ready", "True"], "left"),
        (["1/1", "2/2"], "left"),
        (["", ""], "left"),
    ],
)
def test_columns_that_are_mostly_numbers_go_to_the_right(column: list[str], side: str) -> None:
    assert _sides(column) == {side}


def test_the_first_column_is_always_to_the_left() -> None:
    assert "text-align:right" not in html_table(("n",), [(1,), (2,)])


def test_everything_is_escaped() -> None:
    html = html_table(("<h>",), [("<c>",)], caption="<t>")
    assert "&lt;h&gt;" in html
    assert "&lt;c&gt;" in html
    assert "&lt;t&gt;" in html


def test_a_table_without_rows_has_its_header() -> None:
    assert "<th" in html_table(("name", "value"), [])

"""Executed notebooks as HTML pages that need nothing from elsewhere."""

from __future__ import annotations

import importlib.resources
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any, Final

import jinja2
from markupsafe import Markup
from nbconvert import HTMLExporter
from nbconvert.filters import markdown2html
from pygments.formatters import HtmlFormatter

from knlab._units import format_duration
from knlab.report.lessons import goal_of, title_of

_TEMPLATE: Final = "knlab"
_SECTION: Final = re.compile(r'<h2 id="([^"]*)">(.*?)<a class="anchor-link"', re.DOTALL)
_TAG: Final = re.compile(r"<[^>]+>")
_LIGHT: Final = "default"
_DARK: Final = "github-dark"


@dataclass(frozen=True, slots=True)
class Executed:
    """One lesson after its run."""

    name: str
    notebook: Any
    seconds: float

    @property
    def href(self) -> str:
        """The page's file name."""
        return f"{self.name}.html"

    @property
    def title(self) -> str:
        """The lesson's heading."""
        return title_of(self.notebook)

    @property
    def cells(self) -> int:
        """How many code cells ran."""
        return sum(cell.cell_type == "code" for cell in self.notebook.cells)


@dataclass(frozen=True, slots=True)
class Course:
    """Everything that the report is made of."""

    lessons: Sequence[Executed]
    world: str
    facts: Sequence[tuple[str, str]]
    """What the reader should know of the machine, the versions and the settings."""
    footer: str


def write_report(course: Course, directory: Path) -> Path:
    """The report's first page; a page for each lesson is beside it."""
    directory.mkdir(parents=True, exist_ok=True)
    exporter = HTMLExporter(template_name=_TEMPLATE, extra_template_basedirs=[str(_templates())])
    for index, lesson in enumerate(course.lessons):
        (directory / lesson.href).write_text(_page(exporter, course, index))
    first = directory / "index.html"
    first.write_text(_contents(course))
    return first


def _templates() -> Path:
    return Path(str(importlib.resources.files("knlab.report") / "template"))


def _style() -> str:
    return (_templates() / _TEMPLATE / "style.css").read_text()


def _page(exporter: HTMLExporter, course: Course, index: int) -> str:
    lesson = course.lessons[index]
    neighbours = course.lessons
    page = {
        "title": lesson.title,
        "world": course.world,
        "style": _highlighting() + _style(),
        "lessons": [
            {"href": each.href, "title": each.title, "current": each is lesson}
            for each in neighbours
        ],
        "contents": _sections(lesson.notebook),
        "previous": neighbours[index - 1] if index else None,
        "next": neighbours[index + 1] if index + 1 < len(neighbours) else None,
        "footer": course.footer,
    }
    body, _ = exporter.from_notebook_node(lesson.notebook, resources={"knlab": page})
    return _linked(str(body), course)


def _linked(html: str, course: Course) -> str:
    """`html` with links between lessons leading to their pages instead of their notebooks."""
    for lesson in course.lessons:
        html = html.replace(f'href="{lesson.name}.ipynb"', f'href="{lesson.href}"')
    return html


def _highlighting() -> str:
    """Colours of the code, for light and for dark pages."""
    light, dark = (
        HtmlFormatter(style=style).get_style_defs(".highlight") for style in (_LIGHT, _DARK)
    )
    return f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n"


def _sections(notebook: Any) -> list[dict[str, str]]:
    """Headings of the second level, with the anchors that nbconvert gives them."""
    pages = (markdown2html(c.source) for c in notebook.cells if c.cell_type == "markdown")
    found = (match for page in pages for match in _SECTION.findall(page))
    return [
        {"text": unescape(_TAG.sub("", text)), "anchor": unescape(anchor)} for anchor, text in found
    ]


def _contents(course: Course) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_templates() / _TEMPLATE), autoescape=True
    )
    seconds = sum(lesson.seconds for lesson in course.lessons)
    rows = [
        {
            "href": lesson.href,
            "title": lesson.title,
            "goal": goal_of(lesson.notebook),
            "cells": lesson.cells,
            "took": format_duration(lesson.seconds),
        }
        for lesson in course.lessons
    ]
    return environment.get_template("contents.html.j2").render(
        title="Knative, measured: the course as it ran",
        lead=(
            "Every page is a lesson with the results of this run. The numbers are this machine's:"
            " compare ratios, not milliseconds."
        ),
        style=Markup(_style()),
        world=course.world,
        lessons=rows,
        cells=sum(lesson.cells for lesson in course.lessons),
        took=format_duration(seconds),
        facts=course.facts,
        footer=course.footer,
    )

"""The report: opens offline, says which cluster it is from, and can be read by everybody."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import pytest

from knlab.report.html import Course, Executed, write_report
from knlab.report.offline import remote_references

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="
)
CHART = f'<figure><img alt="A & B" src="data:image/png;base64,{PIXEL}"></figure>'
V4 = nbformat.v4
WIDGET = {
    "application/vnd.jupyter.widget-view+json": {"model_id": "x", "version_major": 2},
    "text/plain": "HTML(value='board')",
}


def _code(source: str, *outputs: Any) -> Any:
    return V4.new_code_cell(source, outputs=list(outputs), execution_count=1)


def _shown(data: dict[str, Any]) -> Any:
    return V4.new_output("display_data", data=data)


def _lessons() -> list[Executed]:
    first = V4.new_notebook(
        cells=[
            V4.new_markdown_cell("# 00 · First <lesson>\n\n**What you will do.** Look & see."),
            V4.new_markdown_cell("## What's *new*: 50 % & `more`?\n\n## Two\n\n```\n## no\n```"),
            V4.new_markdown_cell("Inline $x^2$, a [link](https://knative.dev) and a table.\n"),
            _code(
                "import knlab\nknlab.connect()",
                V4.new_output("stream", name="stdout", text="out \x1b[31mred\x1b[0m <tag>\n"),
                V4.new_output("stream", name="stderr", text="a warning\n"),
                _shown({"text/html": "<table><tr><td>cell</td></tr></table>", "text/plain": "x"}),
                _shown({"text/html": CHART, "text/plain": "<Chart>"}),
                _shown({"image/png": PIXEL, "text/plain": "<Figure size 1x1>"}),
                _shown({"text/markdown": "*styled*", "text/plain": "styled"}),
                _shown(WIDGET),
                V4.new_output("execute_result", data={"text/plain": "<Cluster>"}),
            ),
        ]
    )  # fmt: skip
    second = V4.new_notebook(
        cells=[
            V4.new_markdown_cell("# 01 · Second"),
            _code("1 / 0", V4.new_output("error", ename="ZeroDivisionError", evalue="division",
                                         traceback=["\x1b[31mZeroDivisionError\x1b[0m"])),
        ]
    )  # fmt: skip
    third = V4.new_notebook(cells=[V4.new_markdown_cell("# 02 · Third\n\n[back](01_second.ipynb)")])
    names = ["00_first", "01_second", "02_third"]
    books = [first, second, third]
    return [Executed(n, book, 1.5) for n, book in zip(names, books, strict=True)]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    directory = tmp_path_factory.mktemp("report")
    facts = [("cluster", "embedded"), ("machine", "2 processors")]
    first = write_report(
        Course(_lessons(), "embedded, quick pace", facts, "knlab 0.1.0, today"), directory
    )
    assert first == directory / "index.html"
    return {path.name: path.read_text() for path in Path(directory).iterdir()}


class _Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_there_is_a_page_for_each_lesson_and_one_for_all(pages: dict[str, str]) -> None:
    assert set(pages) == {"index.html", "00_first.html", "01_second.html", "02_third.html"}


def test_pages_need_nothing_from_elsewhere_and_no_script(pages: dict[str, str]) -> None:
    for page in pages.values():
        assert remote_references(page) == []
        assert "<script" not in page


def test_pages_are_complete_documents(pages: dict[str, str]) -> None:
    for page in pages.values():
        assert page.startswith("<!DOCTYPE html>")
        tags = _Tags(page)
        assert tags.all("html") == [{"lang": "en"}]
        assert {"charset": "utf-8"} in tags.all("meta")
        assert any(meta.get("name") == "viewport" for meta in tags.all("meta"))
        assert len(tags.all("h1")) == 1
        assert len(tags.all("main")) == 1


def test_every_picture_has_its_words(pages: dict[str, str]) -> None:
    pictures = _Tags(pages["00_first.html"]).all("img")
    assert len(pictures) == 2
    assert [picture["alt"] for picture in pictures] == ["A & B", "<Figure size 1x1>"]


def test_every_page_says_which_cluster_it_is_from(pages: dict[str, str]) -> None:
    for page in pages.values():
        assert re.search(r'class="world"[^>]*>embedded, quick pace<', page)
        assert "knlab 0.1.0, today" in page


def test_the_contents_lead_to_the_headings(pages: dict[str, str]) -> None:
    page = pages["00_first.html"]
    tags = _Tags(page)
    anchors = [link["href"] for link in tags.all("a") if (link["href"] or "").startswith("#")]
    contents = [anchor for anchor in anchors if anchor != "#content"]
    ids = {attributes["id"] for _, attributes in tags.tags if "id" in attributes}
    sections = page[page.index('class="contents"') : page.index("<main")]
    found = re.findall(r'href="#[^"]*">([^<]+)</a>', sections)
    assert [html.unescape(text) for text in found] == ["What's new: 50 % & more?", "Two"]
    assert len(contents) >= 2
    assert {(anchor or "")[1:] for anchor in contents} <= ids


def test_pages_lead_to_their_neighbours(pages: dict[str, str]) -> None:
    turns = {
        name: {
            link["rel"]: link["href"] for link in _Tags(page).all("a") if "rel" in link
        }
        for name, page in pages.items()
    }  # fmt: skip
    assert turns["00_first.html"] == {"next": "01_second.html"}
    assert turns["01_second.html"] == {"prev": "00_first.html", "next": "02_third.html"}
    assert turns["02_third.html"] == {"prev": "01_second.html"}


def test_every_local_link_leads_to_a_page(pages: dict[str, str]) -> None:
    for page in pages.values():
        for link in _Tags(page).all("a"):
            href = link["href"] or ""
            assert href.startswith(("#", "https://")) or href in pages


def test_links_between_lessons_lead_to_pages(pages: dict[str, str]) -> None:
    links = [link["href"] for link in _Tags(pages["02_third.html"]).all("a")]
    assert links.count("01_second.html") == 3, "in the contents, in the text and at the end"


def test_outputs_are_escaped_and_coloured(pages: dict[str, str]) -> None:
    page = pages["00_first.html"]
    assert "&lt;tag&gt;" in page
    assert 'class="ansi-red-fg"' in page
    assert "\x1b" not in page
    assert "<em>styled</em>" in page
    assert "&lt;Cluster&gt;" in page
    assert "First &lt;lesson&gt;" in page
    assert "ZeroDivisionError" in pages["01_second.html"]


def test_the_first_page_lists_the_lessons_with_goal_and_time(pages: dict[str, str]) -> None:
    page = pages["index.html"]
    assert 'href="00_first.html"' in page
    assert "Look &amp; see." in page
    assert "1.50 s" in page
    assert "4.50 s" in page
    assert "2 processors" in page

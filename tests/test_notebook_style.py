"""How lessons are written: each rule is a function of a notebook that returns what is wrong."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from knlab.report.lessons import goal_of, title_of

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
LESSONS = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
IMPORTS = {"knlab", "pandas", "matplotlib"}
BANNED_NAMES = {"sleep", "subprocess", "eval", "exec", "system", "popen"}
BANNED_SYNTAX = (ast.Try, ast.TryStar, ast.While, ast.ClassDef, ast.AsyncFunctionDef)
OPENING = ("What you will do.", "What you will learn.", "What you need.", "Time.")
LOOSE = {"00", "01", "10"}
"""Lessons in which little runs and more is explained: 10 to 30 words a line instead of 15 to 25."""

Rule = Callable[[Any], Iterator[str]]


def code(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def texts(notebook: Any) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]


def lines(source: str) -> list[str]:
    return [line for line in source.splitlines() if line.strip()]


def words(notebook: Any) -> int:
    """Words between the fixed opening and the closing, without commands, answers and addresses."""
    prose = "\n\n".join(texts(notebook)).split("## What we saw")[0]
    prose = re.sub(r"\A.*?\*\*Time\.\*\*[^\n]*", "", prose, flags=re.DOTALL)
    prose = re.sub(r"```.*?```|<details>.*?</details>", "", prose, flags=re.DOTALL)
    return len(re.findall(r"[\w`][\w'`.-]*", re.sub(r"\]\([^)]*\)", "]", prose)))


def trees(notebook: Any) -> Iterator[ast.Module]:
    for cell in code(notebook):
        if not lines(cell.source)[0].startswith(("!", "%")):
            yield ast.parse(cell.source)


def cells_are_short(notebook: Any) -> Iterator[str]:
    for cell in code(notebook):
        if len(lines(cell.source)) > 12:
            yield f"{len(lines(cell.source))} lines in {lines(cell.source)[0]!r}"


def no_plumbing_in_cells(notebook: Any) -> Iterator[str]:
    for cell in code(notebook):
        yield from (f"shell line {x!r}" for x in lines(cell.source) if x[0] in "!%")
    for tree in trees(notebook):
        for node in ast.walk(tree):
            if isinstance(node, BANNED_SYNTAX):
                yield f"{type(node).__name__} in line {node.lineno}"
            if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno > 5:
                yield f"def {node.name} is longer than five lines"
            name = getattr(node, "id", "") or getattr(node, "attr", "")
            if name in BANNED_NAMES:
                yield f"{name} is used"


def only_known_imports(notebook: Any) -> Iterator[str]:
    for tree in trees(notebook):
        for node in ast.walk(tree):
            found = []
            if isinstance(node, ast.Import):
                found = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                found = [node.module or ""]
                yield from ("a star import" for alias in node.names if alias.name == "*")
            yield from (f"imports {name}" for name in found if name.split(".")[0] not in IMPORTS)


def starts_with_knlab(notebook: Any) -> Iterator[str]:
    if not code(notebook)[0].source.startswith("import knlab"):
        yield "the first code cell does not import knlab"


def code_follows_prose(notebook: Any) -> Iterator[str]:
    kinds = [cell.cell_type for cell in notebook.cells]
    for index, kind in enumerate(kinds):
        if kind == "code" and "markdown" not in kinds[max(0, index - 2) : index]:
            yield f"cell {index + 1} has no text within two cells above it"


def prose_and_code_are_balanced(notebook: Any) -> Iterator[str]:
    ratio = words(notebook) / sum(len(lines(cell.source)) for cell in code(notebook))
    low, high = (10, 30) if title_of(notebook)[:2] in LOOSE else (15, 25)
    if not low <= ratio <= high:
        yield f"{ratio:.1f} words a line of code, not {low} to {high}"


def a_handful_of_cells(notebook: Any) -> Iterator[str]:
    if not 5 <= len(code(notebook)) <= 30:
        yield f"{len(code(notebook))} code cells"


def small(notebook: Any) -> Iterator[str]:
    size = len(nbformat.writes(notebook).encode())
    if size > 400_000:
        yield f"{size} bytes"


def ran_from_top_to_bottom(notebook: Any) -> Iterator[str]:
    counts = [cell.execution_count for cell in code(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        yield f"execution counts {counts}"


def no_errors_and_no_noise(notebook: Any) -> Iterator[str]:
    for cell in code(notebook):
        for output in cell.outputs:
            if output.output_type == "error":
                yield f"error output {output.ename}"
            if output.output_type == "stream" and output.name == "stderr":
                yield f"stderr: {output.text[:60]!r}"


def no_paths_of_a_machine(notebook: Any) -> Iterator[str]:
    everything = re.sub(r"base64,[A-Za-z0-9+/=]+", "", json.dumps(notebook))
    found = re.findall(r"(?:/home/|/Users/|/root/|/tmp/|/work/|[A-Z]:\\\\)[\w./-]*", everything)
    yield from (f"path {path}" for path in found)


def has_the_fixed_opening(notebook: Any) -> Iterator[str]:
    first = notebook.cells[0]
    if first.cell_type != "markdown" or not re.match(r"# \d\d · \S", first.source):
        yield "the first cell does not begin with `# NN · Title`"
    places = [first.source.find(f"\n**{part}** ") for part in OPENING]
    if -1 in places or places != sorted(places):
        yield f"the opening lacks or disorders {OPENING}"
    if not re.search(r"\d+ minutes \(of which the machine needs \d+ seconds at", first.source):
        yield "the time is not told"
    if not 20 <= len(goal_of(notebook)) <= 160:
        yield "the goal is not one or two short sentences"


def closes_as_all_do(notebook: Any) -> Iterator[str]:
    headings = re.findall(r"^## (.+)$", "\n".join(texts(notebook)), re.MULTILINE)
    if headings[-2:] != ["Clean up", "What we saw"]:
        yield f"ends with {headings[-2:]}"
    if "Check yourself" not in headings or not {"Exercise", "Exercises"} & set(headings):
        yield "has no self-check or no exercise"
    if not any("<details><summary>Answer" in text for text in texts(notebook)):
        yield "has no folded answer"


def asks_before_it_runs(notebook: Any) -> Iterator[str]:
    if sum(text.count("> **Question.**") for text in texts(notebook)) < 2:
        yield "asks fewer than two questions"


def checks_can_fail_helpfully(notebook: Any) -> Iterator[str]:
    asserts = [n for tree in trees(notebook) for n in ast.walk(tree) if isinstance(n, ast.Assert)]
    if not asserts:
        yield "asserts nothing"
    yield from (f"assert without a message: {ast.unparse(n)}" for n in asserts if n.msg is None)


RULES: tuple[Rule, ...] = (
    cells_are_short,
    no_plumbing_in_cells,
    only_known_imports,
    starts_with_knlab,
    code_follows_prose,
    prose_and_code_are_balanced,
    a_handful_of_cells,
    small,
    ran_from_top_to_bottom,
    no_errors_and_no_noise,
    no_paths_of_a_machine,
    has_the_fixed_opening,
    closes_as_all_do,
    asks_before_it_runs,
    checks_can_fail_helpfully,
)


def test_there_are_eleven_lessons() -> None:
    assert [path.name[:2] for path in LESSONS] == [f"{number:02}" for number in range(11)]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_lessons_keep_the_rule(path: Path, rule: Rule) -> None:
    assert list(rule(nbformat.read(path, as_version=4))) == []


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_links_between_lessons_lead_somewhere(path: Path) -> None:
    linked = re.findall(r"\]\((\w+\.ipynb)\)", "\n".join(texts(nbformat.read(path, 4))))
    assert linked
    assert all((NOTEBOOKS / name).exists() for name in linked)


# ── every rule can fail ──────────────────────────────────────────────────────────────────────────

OPEN = (
    "# 42 · Example\n\n**What you will do.** You look at an example.\n\n"
    "**What you will learn.** Rules.\n\n**What you need.** Nothing.\n\n"
    "**Time.** 5 minutes (of which the machine needs 2 seconds at quick pace).\n\n"
    "> **Question.** One?\n\n> **Question.** Two?\n\n" + "Some words of prose. " * 20
)
CLOSE = (
    "## Check yourself\n\n## Exercise\n\n<details><summary>Answer</summary>\n\n</details>\n\n"
    "## Clean up\n\n## What we saw\n\nNothing."
)


def example(*sources: str, opening: str = OPEN, closing: str = CLOSE) -> Any:
    """A notebook that keeps all rules, unless its cells or texts break one."""
    cells = [nbformat.v4.new_markdown_cell(opening)]
    for number, source in enumerate(sources or GOOD, 1):
        if number > 1:
            cells.append(nbformat.v4.new_markdown_cell("Then this, which says a few words more."))
        cells.append(nbformat.v4.new_code_cell(source, execution_count=number))
    cells.append(nbformat.v4.new_markdown_cell(closing))
    return nbformat.v4.new_notebook(cells=cells)


GOOD = ("import knlab", "knlab.PACE", "a = 1", "b = 2\nc = 3", 'assert a, "a is false"')


def with_cell(source: str) -> Any:
    return example(*GOOD, source)


def with_output(output: Any) -> Any:
    notebook = example()
    code(notebook)[0].outputs = [output]
    return notebook


def with_counts(*counts: int) -> Any:
    notebook = example()
    for cell, count in zip(code(notebook), counts, strict=False):
        cell.execution_count = count
    return notebook


def without_prose_between() -> Any:
    notebook = example()
    notebook.cells = [notebook.cells[0], *code(notebook), notebook.cells[-1]]
    return notebook


def stream(name: str, text: str) -> Any:
    return nbformat.v4.new_output("stream", name=name, text=text)


def test_the_example_keeps_every_rule() -> None:
    assert [wrong for rule in RULES for wrong in rule(example())] == []


@pytest.mark.parametrize(
    ("rule", "broken"),
    [
        pytest.param(cells_are_short, with_cell("x = 1\n" * 13), id="thirteen lines"),
        pytest.param(no_plumbing_in_cells, with_cell("!kubectl get pods"), id="a shell line"),
        pytest.param(no_plumbing_in_cells, with_cell("while a:\n    a = 0"), id="a while loop"),
        pytest.param(
            no_plumbing_in_cells, with_cell("try:\n    a\nexcept ValueError:\n    b"), id="a try"
        ),
        pytest.param(no_plumbing_in_cells, with_cell("class A: pass"), id="a class"),
        pytest.param(
            no_plumbing_in_cells, with_cell("def f():\n" + "    a\n" * 6), id="a long function"
        ),
        pytest.param(no_plumbing_in_cells, with_cell("time.sleep(1)"), id="a sleep"),
        pytest.param(no_plumbing_in_cells, with_cell("eval('1')"), id="an eval"),
        pytest.param(only_known_imports, with_cell("import os"), id="another import"),
        pytest.param(only_known_imports, with_cell("from math import ceil"), id="an import from"),
        pytest.param(only_known_imports, with_cell("from knlab import *"), id="a star import"),
        pytest.param(starts_with_knlab, example("a = 1", *GOOD), id="knlab not first"),
        pytest.param(code_follows_prose, without_prose_between(), id="code after code after code"),
        pytest.param(prose_and_code_are_balanced, with_cell("x = 1\n" * 12), id="too little prose"),
        pytest.param(
            prose_and_code_are_balanced, example(opening=OPEN + "word " * 200), id="too much prose"
        ),
        pytest.param(a_handful_of_cells, example("import knlab"), id="one cell"),
        pytest.param(small, example(opening=OPEN + "x" * 400_000), id="400 KB"),
        pytest.param(ran_from_top_to_bottom, with_counts(1, 3), id="out of order"),
        pytest.param(
            no_errors_and_no_noise,
            with_output(nbformat.v4.new_output("error", ename="E", evalue="", traceback=[])),
            id="an error output",
        ),
        pytest.param(
            no_errors_and_no_noise, with_output(stream("stderr", "Warning: x")), id="a warning"
        ),
        pytest.param(
            no_paths_of_a_machine, with_output(stream("stdout", "/home/me/knlab")), id="a path"
        ),
        pytest.param(has_the_fixed_opening, example(opening="# Example"), id="no number"),
        pytest.param(
            has_the_fixed_opening, example(opening=OPEN.replace("**Time.**", "Time")), id="no time"
        ),
        pytest.param(
            has_the_fixed_opening,
            example(opening=OPEN.replace("You look", "You look and look" * 20)),
            id="a long goal",
        ),
        pytest.param(
            closes_as_all_do, example(closing=CLOSE.replace("## Clean up", "")), id="no clean-up"
        ),
        pytest.param(
            closes_as_all_do, example(closing=CLOSE.replace("## Exercise", "")), id="no exercise"
        ),
        pytest.param(
            closes_as_all_do, example(closing=CLOSE.replace("<details>", "")), id="no answer"
        ),
        pytest.param(
            asks_before_it_runs, example(opening=OPEN.replace("> **Q", "Q")), id="no question"
        ),
        pytest.param(checks_can_fail_helpfully, example(*GOOD[:4], "d = 4"), id="no assertion"),
        pytest.param(checks_can_fail_helpfully, with_cell("assert a"), id="no message"),
    ],
)
def test_a_rule_notices(rule: Rule, broken: Any) -> None:
    assert list(rule(broken))

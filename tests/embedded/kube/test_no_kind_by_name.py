"""The server knows no kind by name: nothing compares a kind or a plural with a literal."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import knlab.embedded.kube

PACKAGE = Path(knlab.embedded.kube.__file__).parent
KIND = re.compile("[A-Z][A-Za-z]+")
PLURAL = re.compile("[a-z][a-z.]+")
FORBIDDEN = {"kind": KIND, "plural": PLURAL, "singular": PLURAL}
"""What is compared → the form of the literals it may not be compared with."""


def _form(node: ast.expr) -> re.Pattern[str] | None:
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return FORBIDDEN.get(name)
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            return FORBIDDEN.get(name)
        case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=str(name)), *_]):
            return FORBIDDEN.get(name)
    return None


def _literals(node: ast.expr) -> list[str]:
    found = [each.value for each in ast.walk(node) if isinstance(each, ast.Constant)]
    return [value for value in found if isinstance(value, str)]


def _sides(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.Compare):
        return [node.left, *node.comparators]
    if isinstance(node, ast.Match):
        patterns = [case.pattern for case in node.cases]
        return [
            node.subject,
            *(each.value for each in patterns if isinstance(each, ast.MatchValue)),
        ]
    return []


def comparisons(source: str) -> list[str]:
    """The comparisons in `source` that tell kinds apart by name."""
    found = []
    for node in ast.walk(ast.parse(source)):
        sides = _sides(node)
        forms = [form for side in sides if (form := _form(side))]
        values = [value for side in sides if _form(side) is None for value in _literals(side)]
        if any(form.fullmatch(value) for form in forms for value in values):
            found.append(ast.unparse(node))
    return found


# Types of the protocol itself, which every server of any kinds has.
PROTOCOL = {"Scale", "List", "DeleteOptions", "Status", "Table"}


@pytest.mark.parametrize("module", sorted(PACKAGE.glob("*.py")), ids=lambda path: path.stem)
def test_no_module_tells_kinds_apart(module: Path) -> None:
    found = [
        text
        for text in comparisons(module.read_text())
        if not any(f"'{name}'" in text for name in PROTOCOL)
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "row.kind == 'Pod'",
        "'Pod' != obj['kind']",
        "obj.get('kind') in {'Pod', 'Node'}",
        "plural in ('pods',)",
        "match row.kind:\n    case 'Pod':\n        pass",
    ],
)
def test_the_check_finds_what_it_forbids(source: str) -> None:
    assert comparisons(source)


@pytest.mark.parametrize(
    "source", ["row.kind == kind", "plural in {'*', row.plural}", "reason == 'Pod'", "not kind"]
)
def test_the_check_lets_the_rest_pass(source: str) -> None:
    assert comparisons(source) == []

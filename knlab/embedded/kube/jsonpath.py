r"""The JSONPath of printer columns and scale paths: one path, all values that it finds.

    .spec.replicas      .metadata.labels['a\.b/c']      .items[0]      .items[-1]      .a[*].b
    .status.conditions[?(@.type=='Ready')].status      .items[?(@.count>2)]      ..name

What a CRD may not use (unions, slices, functions) is refused as a `PathError`.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Final, TypeAlias

Step: TypeAlias = Callable[[Any], Iterator[Any]]
"""From one value to the values one step further."""

_COMPARISONS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}

_FIELD: Final = re.compile(r"\.?((?:\\.|[^.\[\]\\'\"(){}\s])+)")
_QUOTED: Final = re.compile(r"""\[\s*(?:'((?:\\.|[^'\\])*)'|"((?:\\.|[^"\\])*)")\s*\]""")
_INDEX: Final = re.compile(r"\[\s*(-?\d+)\s*\]")
_ALL: Final = re.compile(r"\[\s*\*\s*\]|\.\*")
_FILTER: Final = re.compile(
    r"""\[\?\(\s*@(?P<path>(?:[^=!<>'"\s]|\\.)*)\s*
        (?:(?P<how>==|!=|<=|>=|<|>)\s*(?P<literal>'[^']*'|"[^"]*"|[^\s)]+)\s*)?\)\]""",
    re.VERBOSE,
)
_DEEP: Final = re.compile(r"\.\.")


class PathError(ValueError):
    """A text that is no JSONPath of the subset that columns may use."""


def find_all(path: str, value: Any) -> list[Any]:
    """Everything that `path` finds in `value`; nothing where a key is missing.

    Raises:
        PathError: if `path` is no such path.
    """
    found = [value]
    for step in compile_path(path):
        found = [deeper for item in found for deeper in step(item)]
    return found


@lru_cache(maxsize=1024)
def compile_path(path: str) -> tuple[Step, ...]:
    """The steps of `path`, with or without the braces that kubectl puts around it.

    Raises:
        PathError: if `path` is no such path.
    """
    text = path.strip()
    if text.startswith("{") and text.endswith("}"):
        text = text[1:-1].strip()
    text = text.removeprefix("$")
    steps: list[Step] = []
    while text and text != ".":
        step, text = _first_step(text, path)
        steps.append(step)
    return tuple(steps)


def _first_step(text: str, path: str) -> tuple[Step, str]:
    for pattern, step_of in _STEPS:
        if match := pattern.match(text):
            return step_of(match), text[match.end() :]
    raise PathError(f"{path!r} is not a path that a column can have, from {text!r} on")


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _field(match: re.Match[str]) -> Step:
    name = _unescaped(match.group(1))

    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, dict) and name in value:
            yield value[name]

    return step


def _quoted(match: re.Match[str]) -> Step:
    name = _unescaped(match.group(1) if match.group(1) is not None else match.group(2))

    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, dict) and name in value:
            yield value[name]

    return step


def _index(match: re.Match[str]) -> Step:
    position = int(match.group(1))

    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, list) and -len(value) <= position < len(value):
            yield value[position]

    return step


def _members(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _descendants(value: Any) -> Iterator[Any]:
    yield value
    for member in _members(value):
        yield from _descendants(member)


def _filter(match: re.Match[str]) -> Step:
    inner, how = match.group("path"), match.group("how")
    compile_path(inner)
    compare = _COMPARISONS.get(how or "")
    wanted = _literal(match.group("literal") or "")

    def holds(item: Any) -> bool:
        found = find_all(inner, item)
        if compare is None:
            return bool(found)
        return bool(found) and _compares(compare, found[0], wanted)

    def step(value: Any) -> Iterator[Any]:
        return (item for item in _members(value) if holds(item))

    return step


def _compares(compare: Callable[[Any, Any], bool], found: Any, wanted: Any) -> bool:
    try:
        return compare(found, wanted)
    except TypeError:
        return False


def _literal(text: str) -> Any:
    if text[:1] in {"'", '"'}:
        return text[1:-1]
    if text in {"true", "false"}:
        return text == "true"
    try:
        return float(text)
    except ValueError:
        return text


_STEPS: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Step]], ...]] = (
    (_FILTER, _filter),
    (_QUOTED, _quoted),
    (_INDEX, _index),
    (_ALL, lambda _match: _members),
    (_DEEP, lambda _match: _descendants),
    (_FIELD, _field),
)

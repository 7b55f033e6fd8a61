"""Two versions of a template, leaf by leaf, in the words of Knative's immutability errors.

They are compared as Go's library go-cmp compares structures, and reported as Knative's `kmp` does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from knlab.embedded.kube.quantities import parse_quantity
from knlab.embedded.serving.edit_script import Likeness, edit_script
from knlab.embedded.serving.go_printing import (
    LIST,
    MAP,
    POINTER,
    QUANTITY,
    TIME,
    fields_of,
    is_structure,
    member,
    printed,
)
from knlab.embedded.serving.go_structures import structures
from knlab.embedded.serving.go_text import quoted

_TEMPLATE: Final = "v1.RevisionTemplateSpec"
_SPEC: Final = "v1.RevisionSpec"
_ZEROS: Final = {"string": "", "bool": False, TIME: ""}


class _Absent:
    """A list item or map entry that is not there; other than nil, which is."""


_ABSENT: Final = _Absent()


@dataclass(slots=True)
class _Found:
    """How many leaves are the same, how many are not, and what is said about these."""

    same: int = 0
    different: int = 0
    blocks: list[str] = field(default_factory=list)

    def add(self, other: _Found) -> None:
        self.same += other.same
        self.different += other.different
        self.blocks += other.blocks

    @property
    def likeness(self) -> Likeness:
        if not self.different:
            return "equal"
        return "similar" if self.same + 1 >= self.different else "different"


def template_difference(old: Any, new: Any) -> str:
    """The leaves in which two revision templates differ; empty if they do not."""
    return "".join(_compare(f"{{*{_TEMPLATE}}}", _TEMPLATE, old or {}, new or {}).blocks)


def revision_difference(old: Any, new: Any) -> str:
    """The leaves in which two revision specs differ; empty if they do not."""
    return "".join(_compare(f"{{{_SPEC}}}", _SPEC, old or {}, new or {}).blocks)


def _compare(path: str, type_: str, old: Any, new: Any) -> _Found:
    if old is _ABSENT or new is _ABSENT:
        return _leaf(path, type_, old, new, is_same=False)
    if type_.startswith((POINTER, LIST, MAP)):
        return _compare_held(path, type_, old, new)
    if type_ == QUANTITY:
        same = parse_quantity(old or "0") == parse_quantity(new or "0")
        return _leaf(path, type_, old, new, is_same=same)
    fields = fields_of(type_)
    if fields is None:
        zero = _ZEROS.get(type_, 0)
        old, new = (zero if value is None else value for value in (old, new))
        return _leaf(path, type_, old, new, is_same=old == new)
    found = _Found()
    for each in fields:
        values = (member(value, type_, each) for value in (old, new))
        found.add(_compare(f"{path}.{each.name}", each.type, *values))
    return found


def _compare_held(path: str, type_: str, old: Any, new: Any) -> _Found:
    """What a pointer, a list or a map holds, any of which may be nil."""
    if old is None or new is None:
        return _leaf(path, type_, old, new, is_same=old is new)
    if type_.startswith(LIST):
        return _compare_lists(path, type_.removeprefix(LIST), old, new)
    if type_.startswith(MAP):
        return _compare_maps(path, type_.removeprefix(MAP), old, new)
    of = type_.removeprefix(POINTER)
    return _compare(path if of in structures() else f"*{path}", of, old, new)


def _compare_maps(path: str, of: str, old: Any, new: Any) -> _Found:
    found = _Found()
    for key in sorted({*old, *new}):
        values = (values.get(key, _ABSENT) for values in (old, new))
        found.add(_compare(f"{path}[{quoted(key)}]", of, *values))
    return found


def _compare_lists(path: str, of: str, old: Any, new: Any) -> _Found:
    def likeness(x: int, y: int) -> Likeness:
        return _compare("", of, old[x], new[y]).likeness

    found, x, y = _Found(), 0, 0
    for step in edit_script(len(old), len(new), likeness):
        if step == "removed":
            found.add(_compare(f"{path}[{x}->?]", of, old[x], _ABSENT))
        elif step == "added":
            found.add(_compare(f"{path}[?->{y}]", of, _ABSENT, new[y]))
        else:
            place = f"[{x}]" if x == y else f"[{x}->{y}]"
            found.add(_compare(f"{path}{place}", of, old[x], new[y]))
        x += step != "added"
        y += step != "removed"
    return found


def _leaf(path: str, type_: str, old: Any, new: Any, *, is_same: bool) -> _Found:
    if is_same:
        return _Found(same=1)
    kind = f"{type_}: " if is_structure(type_) else ""
    lines = [
        f'\t{sign}: {kind}"{printed(value, type_)}"\n'
        for sign, value in (("-", old), ("+", new))
        if value is not _ABSENT
    ]
    return _Found(different=1, blocks=[f"{path}:\n{''.join(lines)}"])

"""Label and field selectors: parsing with Kubernetes' error texts, and matching."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from knlab.embedded.kube.errors import BadRequest
from knlab.embedded.kube.names import label_value_errors, qualified_name_errors
from knlab.embedded.kube.objects import Object

Operator: TypeAlias = Literal["in", "notin", "=", "==", "!=", "gt", "lt", "exists", "!"]

_TOKEN: Final = re.compile(r"\s*(==|!=|[=!(),<>]|[^=!(),<>\s]+)")
_KEYWORDS: Final = {"in", "notin"}
_SYMBOLS: Final = {"=", "==", "!=", "!", "(", ")", ",", "<", ">"}
_EVERYWHERE: Final = ("metadata.name", "metadata.namespace")
"""The fields that can be selected in every kind."""
_COMPARISONS: Final[dict[str, Operator]] = {
    "=": "=", "==": "==", "!=": "!=", ">": "gt", "<": "lt", "in": "in", "notin": "notin",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Requirement:
    """One term of a label selector."""

    key: str
    operator: Operator
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether `labels` fulfil the term."""
        value = labels.get(self.key)
        match self.operator:
            case "in" | "=" | "==":
                return value is not None and value in self.values
            case "notin" | "!=":
                return value is None or value not in self.values
            case "exists":
                return value is not None
            case "!":
                return value is None
            case _:
                return self._compares(value)

    def _compares(self, value: str | None) -> bool:
        if value is None or not _is_integer(value):
            return False
        bound = int(next(iter(self.values)))
        return int(value) > bound if self.operator == "gt" else int(value) < bound

    def __str__(self) -> str:
        listed = ",".join(sorted(self.values))
        match self.operator:
            case "in" | "notin":
                return f"{self.key} {self.operator} ({listed})"
            case "exists":
                return self.key
            case "!":
                return f"!{self.key}"
            case _:
                sign = {"gt": ">", "lt": "<"}.get(self.operator, self.operator)
                return f"{self.key}{sign}{listed}"


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """All terms must match; without terms everything does. None selects nothing."""

    requirements: tuple[Requirement, ...] | None = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether `labels` are selected."""
        if self.requirements is None:
            return False
        return all(requirement.matches(labels) for requirement in self.requirements)

    def matches_object(self, obj: Object) -> bool:
        """Whether the labels of `obj` are selected."""
        return self.matches(obj["metadata"].get("labels") or {})

    def __str__(self) -> str:
        return ",".join(str(each) for each in self.requirements or ())


@dataclass(frozen=True, slots=True)
class FieldSelector:
    """All of (path, equal?, value) must hold; values are compared as text."""

    terms: tuple[tuple[str, bool, str], ...] = ()

    def matches(self, obj: Object) -> bool:
        """Whether `obj` is selected."""
        return all((_field(obj, path) == value) is equal for path, equal, value in self.terms)


def parse_labels(text: str) -> LabelSelector:
    """The label selector in a query parameter such as `"app=web,tier in (a,b),!old"`.

    Raises:
        BadRequest: in Kubernetes' words.
    """
    return LabelSelector(tuple(_Parser(text).requirements()))


def select_labels(selector: Mapping[str, Any] | None) -> LabelSelector:
    """The selector in an object: matchLabels and matchExpressions; None selects nothing.

    Raises:
        BadRequest: an operator or a set of values is not valid.
    """
    if selector is None:
        return LabelSelector(None)
    exact = selector.get("matchLabels") or {}
    terms = [Requirement(key, "in", frozenset((value,))) for key, value in exact.items()]
    terms += [_expression(each) for each in selector.get("matchExpressions") or ()]
    return LabelSelector(tuple(terms))


def match_labels(labels: Mapping[str, str]) -> LabelSelector:
    """The selector of a plain map of labels (core Services); prints as `a=b,c=d`."""
    terms = [Requirement(k, "=", frozenset((v,))) for k, v in sorted(labels.items())]
    return LabelSelector(tuple(terms))


def parse_fields(
    text: str, supported: Sequence[str] = (), *, custom: bool = False
) -> FieldSelector:
    r"""The field selector in a query parameter such as `"metadata.name=a,status.phase!=Failed"`.

    `supported` are fields besides metadata.name and metadata.namespace; `\` escapes `,`, `=`, `\`.
    Of `custom` resources errors are worded as of kinds with fields of their own.

    Raises:
        BadRequest: no `=` in a term, or a field that is not supported.
    """
    known = {*_EVERYWHERE, *supported}
    terms = tuple(_field_term(term) for term in _split_fields(text) if term)
    for path, _, _ in terms:
        if path not in known:
            raise _unsupported_field(path, special=custom or bool(supported))
    return FieldSelector(terms)


def _unsupported_field(path: str, *, special: bool) -> BadRequest:
    """The error for field `path`; `special`: of a kind that has fields of its own."""
    if special:
        return BadRequest(f"field label not supported: {path}")
    listed = ", ".join(f'"{each}"' for each in _EVERYWHERE)
    return BadRequest(f'"{path}" is not a known field selector: only {listed}')


def _expression(expression: Mapping[str, Any]) -> Requirement:
    operators: dict[str, Operator] = {
        "In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!",
    }  # fmt: skip
    found = expression.get("operator", "")
    if found not in operators:
        raise BadRequest(f'"{found}" is not a valid label selector operator')
    values = frozenset(expression.get("values") or ())
    return _checked(Requirement(expression["key"], operators[found], values))


class _Parser:
    """Recursive descent over tokens; the end of the text is the token ""."""

    def __init__(self, text: str) -> None:
        self._tokens: list[str] = [*_TOKEN.findall(text), ""]
        self._at = 0

    @property
    def _next(self) -> str:
        return self._tokens[self._at]

    def _take(self) -> str:
        token = self._next
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def requirements(self) -> Iterator[Requirement]:
        while self._next:
            if self._next in _SYMBOLS - {"!"}:
                raise _unparsable(self._next, ": !, identifier, or 'end of string'", whole=True)
            yield self._requirement()
            separator = self._take()
            if not separator:
                return
            if separator != ",":
                raise _unparsable(separator, ": ',' or 'end of string'", whole=True)
            if not self._next or self._next in _SYMBOLS - {"!"}:
                raise _unparsable(self._next, ": identifier after ','", whole=True)

    def _requirement(self) -> Requirement:
        absent = self._next == "!"
        if absent:
            self._take()
        key = self._take()
        if not key or key in _SYMBOLS:
            raise _unparsable(key, ": identifier")
        if absent:
            return _checked(Requirement(key, "!"))
        if self._next in {"", ","}:
            return _checked(Requirement(key, "exists"))
        return _checked(self._comparison(key))

    def _comparison(self, key: str) -> Requirement:
        sign = self._take()
        operator = _COMPARISONS.get(sign)
        if operator is None:
            raise _unparsable(sign, ": in, notin, =, ==, !=, gt, lt")
        if sign in _KEYWORDS:
            return Requirement(key, operator, self._values())
        return Requirement(key, operator, frozenset((self._exact_value(),)))

    def _exact_value(self) -> str:
        if self._next in {"", ","}:
            return ""
        value = self._take()
        if value in _SYMBOLS:
            raise _unparsable(value, ": identifier")
        return value

    def _values(self) -> frozenset[str]:
        opening = self._take()
        if opening != "(":
            raise _unparsable(opening, " expected: '('", bare=True)
        values: list[str] = []
        while self._next not in {"", ")"}:
            token = self._take()
            if token == ",":
                values += [""] if self._next in {",", ")"} or not values else []
                continue
            if token in _SYMBOLS:
                raise _unparsable(token, ": ',', ')' or identifier")
            values.append(token)
            if self._next not in {",", ")"}:
                raise _unparsable(self._next, ": ',' or ')'")
        if not self._take():
            raise _unparsable("", ": ',' or ')'")
        return frozenset(values or ("",))


def _unparsable(
    found: str, expected: str, *, whole: bool = False, bare: bool = False
) -> BadRequest:
    text = f"found '{found}'{expected if bare else ', expected' + expected}"
    return BadRequest(text if whole else f"unable to parse requirement: {text}")


def _checked(requirement: Requirement) -> Requirement:
    for text in qualified_name_errors(requirement.key):
        raise _refused("<nil>", requirement.key, text)
    if requirement.operator in {"in", "notin"} and not requirement.values:
        text = "for 'in', 'notin' operators, values set can't be empty"
        raise BadRequest(f"unable to parse requirement: values: Invalid value: []: {text}")
    for value in sorted(requirement.values):
        if requirement.operator in {"gt", "lt"} and not _is_integer(value):
            text = "for 'Gt', 'Lt' operators, the value must be an integer"
            raise _refused("values[0]", value, text)
        for text in label_value_errors(value):
            raise _refused(f"values[0][{requirement.key}]", value, text)
    return requirement


def _refused(where: str, value: str, text: str) -> BadRequest:
    return BadRequest(f'unable to parse requirement: {where}: Invalid value: "{value}": {text}')


def _is_integer(text: str) -> bool:
    return re.fullmatch(r"[+-]?\d+", text) is not None


def _split_fields(text: str) -> list[str]:
    found: list[str] = re.findall(r"((?:\\.|[^,\\]|\\$)+)", text)
    return found


def _field_term(term: str) -> tuple[str, bool, str]:
    found = re.fullmatch(r"(.*?)(!=|==|=)(.*)", term, re.DOTALL)
    if found is None:
        raise BadRequest(f"invalid selector: '{term}'; can't understand '{term}'")
    path, sign, value = found.groups()
    return path, sign != "!=", _unescaped(value)


def _unescaped(value: str) -> str:
    text, letters = "", iter(value)
    for letter in letters:
        if letter == "=":
            wrong = f"unescaped character in value: {ord(letter)}"
            raise BadRequest(f"invalid field selector: {wrong}")
        if letter == "\\":
            letter = next(letters, "")  # noqa: PLW2901  (what it stands for)
            if letter not in {",", "=", "\\"}:
                raise BadRequest(f"invalid field selector: invalid escape sequence: \\{letter}")
        text += letter
    return text


def _field(obj: Object, path: str) -> str:
    value: Any = obj
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)

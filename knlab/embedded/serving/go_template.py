"""The part of Go's text/template that Knative's name templates use: fields and `index`.

What Go's parser refuses is refused in its words. Pipelines, functions and control structures, which
it takes, are refused when the template is made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

_ACTION: Final = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL)
_FIELD: Final = re.compile(r"\.(\w+)(?:\.(\w+))?")
_INDEX: Final = re.compile(r'index\s+\.(\w+)\s+"([^"]*)"')
_INSIDE: Final = re.compile(r'\{\{((?:/\*.*?\*/|"[^"]*"|`[^`]*`|[^{}"`])*)(\}\}|\}|$|.)', re.DOTALL)
_WORD: Final = re.compile(r'"[^"]*"|`[^`]*`|[.$]\w*|\w+')
_BLOCKS: Final = frozenset({"if", "range", "with"})
_WORDS: Final = frozenset(
    {
        "and", "call", "eq", "ge", "gt", "html", "index", "js", "le", "len", "lt", "ne", "not",
        "or", "print", "printf", "println", "slice", "urlquery", "true", "false", "nil", "else",
        "break", "continue", "template", "block", "define", *_BLOCKS,
    }
)  # fmt: skip
_TYPES: Final = {
    "container-template": "v1.ObjectMeta",
    "domain-template": "config.DomainTemplateValues",
    "tag-template": "config.TagTemplateValues",
}
"""What the templates of each name are filled in with."""


class TemplateError(ValueError):
    """A template that cannot be parsed or rendered."""


class GoTemplate:
    """A parsed template; `render` fills it in.

    Raises:
        TemplateError: if it is none, or uses what is not known here.
    """

    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._text = text
        check_syntax(name, text)
        for action in _ACTION.findall(text):
            if not (_FIELD.fullmatch(action) or _INDEX.fullmatch(action)):
                raise TemplateError(
                    f'template: {name}: "{{{{{action}}}}}" is not supported by the embedded'
                    ' cluster; use {{.Field}} or {{index .Labels "key"}}'
                )

    def render(self, values: Mapping[str, Any]) -> str:
        """The text with `values` filled in.

        Raises:
            TemplateError: if it asks for a field that `values` does not have.
        """
        return _ACTION.sub(lambda match: self._value(match, values), self._text)

    def _value(self, action: re.Match[str], values: Mapping[str, Any]) -> str:
        if match := _INDEX.fullmatch(action[1]):
            return str((values.get(match[1]) or {}).get(match[2], ""))
        field, _, key = action[1].removeprefix(".").partition(".")
        if field not in values:
            raise self._unknown(action, field, _TYPES.get(self._name, "struct"))
        value = values[field]
        if not key:
            return str(value)
        if not isinstance(value, Mapping):
            raise self._unknown(action, key, "string")
        return str(value.get(key, "<no value>"))

    def _unknown(self, action: re.Match[str], field: str, type_: str) -> TemplateError:
        before = self._text[: action.start(1) + action[1].rindex(f".{field}")].split("\n")
        place = f"{len(before)}:{len(before[-1])}"
        return TemplateError(
            f'template: {self._name}:{place}: executing "{self._name}" at <{action[1]}>:'
            f" can't evaluate field {field} in type {type_}"
        )


def check_syntax(name: str, text: str) -> None:
    """Let pass what Go's parser does.

    Raises:
        TemplateError: with its words, if it would not.
    """
    open_blocks = 0
    for line, action in _actions(name, text):
        where = f"template: {name}:{line}"
        word, _, rest = action.partition(" ")
        if word in {"end", "else"} and not open_blocks:
            raise TemplateError(f"{where}: unexpected {{{{{word}}}}}")
        if word in _BLOCKS and not rest.strip():
            raise TemplateError(f"{where}: missing value for {word}")
        open_blocks += (word in {*_BLOCKS, "block", "define"}) - (word == "end")
        for found in _WORD.findall(action if word != "end" else ""):
            if found[0].isalpha() and found not in _WORDS:
                raise TemplateError(f'{where}: function "{found}" not defined')
    if open_blocks:
        lines = text.count("\n") + 1
        raise TemplateError(f"template: {name}:{lines}: unexpected EOF")


def _actions(name: str, text: str) -> Iterator[tuple[int, str]]:
    """Line and content of each action."""
    for match in _INSIDE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        if match[2] == "":
            raise TemplateError(f"template: {name}:{line}: unclosed action")
        if match[2] != "}}":
            bad = f"U+{ord(match[2]):04X} '{match[2]}'"
            raise TemplateError(f"template: {name}:{line}: bad character {bad}")
        content = match[1].strip().removeprefix("- ").removesuffix(" -").strip()
        if not content:
            raise TemplateError(f"template: {name}:{line}: missing value for command")
        if not content.startswith("/*"):
            yield line, content

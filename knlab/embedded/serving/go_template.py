"""The part of Go's text/template that Knative's name templates use: fields and `index`.

Pipelines, functions and control structures are refused when the template is parsed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

_ACTION: Final = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL)
_FIELD: Final = re.compile(r"\.(\w+)(?:\.(\w+))?")
_INDEX: Final = re.compile(r'index\s+\.(\w+)\s+"([^"]*)"')


class TemplateError(ValueError):
    """A template that cannot be parsed or rendered."""


class GoTemplate:
    """A parsed template; `render` fills it in."""

    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._text = text
        for action in _ACTION.findall(text):
            if not (_FIELD.fullmatch(action) or _INDEX.fullmatch(action)):
                raise TemplateError(
                    f'template: {name}: "{{{{{action}}}}}" is not supported by the embedded'
                    ' cluster; use {{.Field}} or {{index .Labels "key"}}'
                )
        if "{{" in _ACTION.sub("", text):
            raise TemplateError(f"template: {name}:1: unclosed action")

    def render(self, values: Mapping[str, Any]) -> str:
        """The text with `values` filled in.

        Raises:
            TemplateError: if it asks for a field that `values` does not have.
        """
        return _ACTION.sub(lambda match: self._value(match[1], values), self._text)

    def _value(self, action: str, values: Mapping[str, Any]) -> str:
        if match := _INDEX.fullmatch(action):
            return str((values.get(match[1]) or {}).get(match[2], ""))
        match = _FIELD.fullmatch(action)
        if match is None or match[1] not in values:
            raise TemplateError(
                f'template: {self._name}:1:2: executing "{self._name}" at <{action}>:'
                f" can't evaluate field {action.lstrip('.')}"
            )
        if not match[2]:
            return str(values[match[1]])
        inner = values[match[1]]
        if not isinstance(inner, Mapping) or match[2] not in inner:
            raise TemplateError(
                f'template: {self._name}:1:2: executing "{self._name}" at <{action}>:'
                f' map has no entry for key "{match[2]}"'
            )
        return str(inner[match[2]])

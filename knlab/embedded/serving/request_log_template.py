"""Templates of request logs: what Knative's default and its documentation use of Go's templates.

Fields of Request, Response and Revision, `TraceID`, `js`, and `.Request.Header.Get "Name"`.
Everything else is refused when the template is made.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias

from knlab.embedded.serving.go_template import TemplateError
from knlab.embedded.serving.go_text import format_float

FIELDS: Final = frozenset(
    {f"Request.{name}" for name in (
        "Method", "RequestURI", "URL", "Host", "Proto", "ContentLength", "UserAgent", "Referer",
        "RemoteAddr",
    )}
    | {f"Response.{name}" for name in ("Code", "Size", "Latency")}
    | {f"Revision.{name}" for name in (
        "Name", "Namespace", "Service", "Configuration", "PodName", "PodIP",
    )}
    | {"TraceID"}
)  # fmt: skip
"""What a template may name."""

Header: TypeAlias = Callable[[str], str]
_Part: TypeAlias = Callable[[Mapping[str, object], Header], str]

_ACTION: Final = re.compile(r"\{\{(- )?\s*(.*?)\s*( -)?\}\}", re.DOTALL)
_VALUE: Final = re.compile(r'\.Request\.Header\.Get\s+"([^"]*)"|\.([\w.]+)')
_JS_BEFORE: Final = re.compile(r"js\s+(?:\((.*)\)|(\S+))")
_JS_AFTER: Final = re.compile(r"(.*?)\s*\|\s*js")
_ESCAPED: Final = {
    "\\": "\\\\", "'": "\\'", '"': '\\"',
    "<": "\\u003C", ">": "\\u003E", "&": "\\u0026", "=": "\\u003D",
}  # fmt: skip


class RequestLogTemplate:
    """A template; `render` fills it in.

    Raises:
        TemplateError: if it uses what is not known here.
    """

    def __init__(self, text: str) -> None:
        self._parts = tuple(_parts(text if text.endswith("\n") else text + "\n"))

    def render(self, values: Mapping[str, object], header: Header) -> str:
        """The text for the `FIELDS` in `values`; `header` knows the request's headers."""
        return "".join([part(values, header) for part in self._parts])


def _parts(text: str) -> Iterator[_Part]:
    end, trims = 0, False
    for action in _ACTION.finditer(text):
        before = text[end : action.start()]
        yield _literal(_trimmed(before, left=trims, right=bool(action[1])))
        yield _evaluated(action[2])
        end, trims = action.end(), bool(action[3])
    rest = text[end:]
    if "{{" in rest:
        raise TemplateError("template: requestLog:1: unclosed action")
    yield _literal(_trimmed(rest, left=trims, right=False))


def _trimmed(text: str, *, left: bool, right: bool) -> str:
    text = text.lstrip() if left else text
    return text.rstrip() if right else text


def _literal(text: str) -> _Part:
    return lambda _values, _header: text


def _evaluated(action: str) -> _Part:
    """What an action means."""
    if escaped := _JS_BEFORE.fullmatch(action):
        value = _value(escaped[1] or escaped[2], action)
    elif escaped := _JS_AFTER.fullmatch(action):
        value = _value(escaped[1], action)
    else:
        return _value(action, action)
    return lambda values, header: js_escaped(value(values, header))


def _value(text: str, action: str) -> _Part:
    found = _VALUE.fullmatch(text)
    if found is not None and found[2] is None:
        name = found[1]
        return lambda _values, header: header(name)
    if found is None or found[2] not in FIELDS:
        raise TemplateError(
            f'template: requestLog: "{{{{{action}}}}}" is not supported by the embedded cluster;'
            f' use {{{{.Field}}}}, {{{{js .Field}}}} or {{{{.Request.Header.Get "Name"}}}},'
            f" with one of the fields {', '.join(sorted(FIELDS))}"
        )
    field = found[2]
    return lambda values, _header: _shown(values[field])


def _shown(value: object) -> str:
    return format_float(value) if isinstance(value, float) else str(value)


def js_escaped(text: str) -> str:
    """`text` as Go's `template.JSEscapeString` makes it."""
    return "".join(map(_js_character, text))


def _js_character(character: str) -> str:
    escaped = _ESCAPED.get(character)
    if escaped is not None:
        return escaped
    if character == " " or character.isprintable():
        return character
    return f"\\u{ord(character):04X}"

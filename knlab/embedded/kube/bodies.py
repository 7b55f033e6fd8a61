"""Request bodies: their size, their format, and the object inside."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

import orjson
import yaml

from knlab.embedded.kube import protobuf
from knlab.embedded.kube.errors import BadRequest, RequestEntityTooLarge, UnsupportedMediaType
from knlab.embedded.kube.objects import Object
from knlab.embedded.net.http import Request

MAX_BYTES: Final = 3 * 1024 * 1024
"""Larger bodies are refused."""
MAX_DEPTH: Final = 200
"""Deeper nesting is refused."""
_SUMMARY: Final = 30
"""Bytes of a body that an error shows."""

JSON_TYPES: Final = ("", "application/json")
YAML_TYPES: Final = ("application/yaml", "application/x-yaml", "text/yaml")
_ACCEPTED: Final = ("application/json", "application/yaml", protobuf.MEDIA_TYPE)


def content_type(request: Request) -> str:
    """The media type of the body without its parameters, in lower case; empty if none is given."""
    return (request.header("Content-Type") or "").partition(";")[0].strip().lower()


async def read(request: Request) -> bytes:
    """The whole body.

    Raises:
        RequestEntityTooLarge: more than `MAX_BYTES`.
    """
    announced = request.header("Content-Length") or "0"
    if announced.isdigit() and int(announced) > MAX_BYTES:
        raise _too_large()
    if isinstance(request.body, bytes):
        if len(request.body) > MAX_BYTES:
            raise _too_large()
        return request.body
    whole = bytearray()
    async for piece in request.body:
        whole += piece
        if len(whole) > MAX_BYTES:
            raise _too_large()
    return bytes(whole)


def _too_large() -> RequestEntityTooLarge:
    text = f"Request entity too large: limit is {MAX_BYTES}"
    return RequestEntityTooLarge(text)


def parse(body: bytes, media_type: str) -> Object:
    """The JSON object in `body`, in whichever of the accepted formats it is.

    Raises:
        BadRequest: it cannot be parsed, or is no object.
        UnsupportedMediaType: a format that we don't read.
    """
    return _as_object(parse_value(body, media_type))


def parse_object(body: bytes, media_type: str, kind: str) -> Object:
    """Like `parse`, for a body that should be an object of `kind`; `null` is one without fields.

    Raises:
        BadRequest: it cannot be parsed, or is no object; with the beginning of the body.
        UnsupportedMediaType: a format that we don't read.
    """
    try:
        value = parse_value(body, media_type)
        return {} if value is None else _as_object(value)
    except BadRequest as error:
        raise unrecognized(body, kind, error.message) from error


def unrecognized(body: bytes, kind: str, complaint: str) -> BadRequest:
    """The error for a `complaint` about a body that should be an object of `kind`."""
    return BadRequest(
        f"the object provided is unrecognized (must be of type {kind}):"
        f" {complaint} ({_summary(body)})"
    )


def _as_object(value: Any) -> Object:
    if not isinstance(value, dict):
        raise BadRequest(f"the body must be an object, not {_name_of(value)}")
    return value


def _summary(body: bytes) -> str:
    """The first bytes of `body`; hexadecimal if they are no JSON object's."""
    if not body:
        return "<empty>"
    begin, more = body[:_SUMMARY], " ..." if len(body) > _SUMMARY else ""
    return (begin.decode(errors="replace") if begin[:1] == b"{" else begin.hex()) + more


def parse_patch(body: bytes, lead: str = "error decoding patch: ") -> Any:
    """The JSON value of a patch; `lead` begins messages.

    Raises:
        BadRequest: it is not JSON, or nested too deeply.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        text = _json_complaint(error, len(body))
        raise BadRequest(f"{lead}{text}") from error
    return _shallow(value)


def parse_value(body: bytes, media_type: str) -> Any:
    """Like `parse`, but the body may be any JSON value.

    Raises:
        BadRequest: it cannot be parsed.
        UnsupportedMediaType: a format that we don't read.
    """
    if media_type in JSON_TYPES:
        value = parse_json(body)
    elif media_type in YAML_TYPES:
        value = parse_yaml(body)
    elif media_type == protobuf.MEDIA_TYPE:
        value = _parse_protobuf(body)
    else:
        raise unknown_format(_ACCEPTED)
    return _shallow(value)


def _shallow(value: Any) -> Any:
    if _is_deeper(value, MAX_DEPTH):
        raise BadRequest(f"the body is nested more than {MAX_DEPTH} levels deep")
    return value


def unknown_format(accepted: Sequence[str]) -> UnsupportedMediaType:
    """The error for a body in a format that is not among `accepted`."""
    return UnsupportedMediaType(
        "the body of the request was in an unknown format - accepted media types include: "
        + ", ".join(accepted)
    )


def parse_json(body: bytes) -> Any:
    """The JSON value in `body`.

    Raises:
        BadRequest: it is not JSON.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        text = _json_complaint(error, len(body))
        raise BadRequest(f"couldn't get version/kind; json parse error: {text}") from error


def _json_complaint(error: orjson.JSONDecodeError, size: int) -> str:
    """What is wrong with a JSON text of `size` bytes, in the words of Go."""
    if error.pos >= len(error.doc):  # there is no document if the bytes are no text
        return "unexpected end of JSON input" if error.doc or not size else str(error)
    found = f"invalid character '{error.doc[error.pos]}'"
    if error.msg.startswith("unexpected content"):
        return f"{found} after top-level value"
    if error.msg.startswith("unexpected character"):
        inside = error.doc[: error.pos].rstrip().endswith("{")
        return f"{found} looking for beginning of {'object key string' if inside else 'value'}"
    return str(error)


def parse_yaml(body: bytes) -> Any:
    """The first YAML document in `body` as JSON: keys are texts, times stay text, no aliases.

    Raises:
        BadRequest: it is not YAML, or has aliases (a few of them can stand for gigabytes).
    """
    try:
        if b"*" in body and any(isinstance(e, yaml.AliasEvent) for e in yaml.parse(body, _Loader)):
            raise BadRequest("yaml: aliases are not accepted")
        value = _first_document(body)
        return orjson.loads(orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS))
    except yaml.MarkedYAMLError as error:
        raise BadRequest(f"yaml: {_yaml_line(error)}{error.problem}") from error
    except (yaml.YAMLError, orjson.JSONEncodeError, ValueError, RecursionError) as error:
        text = " ".join(str(error).split())
        raise BadRequest(f"error converting YAML to JSON: {text}") from error


def _first_document(body: bytes) -> Any:
    loader = _Loader(body)
    try:
        return loader.get_data() if loader.check_data() else None
    finally:
        loader.dispose()


def _yaml_line(error: yaml.MarkedYAMLError) -> str:
    """The line of `error` as go-yaml counts: that of its context, unless that is the first."""
    lines = [mark.line for mark in (error.context_mark, error.problem_mark) if mark is not None]
    line = next(filter(None, lines), 0) + isinstance(error, yaml.scanner.ScannerError)
    return f"line {line}: " if line else ""


_PlainLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_PlainLoader):  # type: ignore[misc]
    """Leaves times as the text they are."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in pairs if tag != "tag:yaml.org,2002:timestamp"]
    for first, pairs in _PlainLoader.yaml_implicit_resolvers.items()
}


def _parse_protobuf(body: bytes) -> Object:
    try:
        return protobuf.decode(body)
    except protobuf.ProtobufError as error:
        raise BadRequest(f"the body is not a Kubernetes protobuf message: {error}") from error


def _name_of(value: Any) -> str:
    names = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _is_deeper(value: Any, depth: int) -> bool:
    """Whether `value` nests more than `depth` levels; walks level by level, not by recursion."""
    level = [value]
    for _ in range(depth):
        level = [inner for item in level for inner in _members(item)]
        if not level:
            return False
    return True


def _members(value: Any) -> list[Any]:
    if type(value) is dict:
        value = list(value.values())
    return [item for item in value if type(item) in {dict, list}] if type(value) is list else []


def repeated(body: bytes, media_type: str) -> tuple[str, ...]:
    """A complaint for each key that an object in `body` has more than once."""
    if media_type in YAML_TYPES:
        return tuple(_repeated_in_yaml(body))
    if media_type in JSON_TYPES:
        return tuple(f'duplicate field "{path}"' for path in duplicate_fields(body))
    return ()


def _repeated_in_yaml(body: bytes) -> Iterator[str]:
    loader = _Loader(body)
    try:
        nodes: list[Any] = [loader.get_node()] if loader.check_node() else []
    finally:
        loader.dispose()
    while nodes:
        node = nodes.pop()
        if isinstance(node, yaml.SequenceNode):
            nodes += reversed(node.value)
        if not isinstance(node, yaml.MappingNode):
            continue
        seen: set[str] = set()
        for key, value in node.value:
            nodes.append(value)
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                yield f'line {key.start_mark.line + 1}: key "{key.value}" already set in map'
            seen.add(str(key.value))


def duplicate_fields(body: bytes) -> list[str]:
    """Paths of the keys that JSON `body` has more than once in one object, as `spec.a[0].b`."""
    try:
        return list(_duplicates(json.loads(body, object_pairs_hook=_Pairs), ""))
    except (ValueError, RecursionError):
        return []


class _Pairs(list[tuple[str, Any]]):
    """A JSON object with all its keys."""


def _duplicates(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, _Pairs):
        seen: set[str] = set()
        for key, item in value:
            here = f"{path}.{key}" if path else key
            if key in seen:
                yield here
            seen.add(key)
            yield from _duplicates(item, here)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _duplicates(item, f"{path}[{index}]")

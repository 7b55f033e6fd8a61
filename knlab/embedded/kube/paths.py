"""What a URL of the API points at: a row, a namespace, a name, a subresource; and its query."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import parse_qs, unquote

from knlab.embedded.kube.errors import BadRequest, NotFound
from knlab.embedded.kube.registry import Resource

SCOPE: Final = "namespaces"
"""The path segment after which a namespace follows."""
WATCH: Final = "watch"
"""The path segment of old clients that means `?watch=true`."""

_NO_NAMES: Final = frozenset({".", ".."})

FindRow: TypeAlias = Callable[[str, str, str], Resource | None]
"""(group, version, plural) → its row."""

_FALSE: Final = frozenset({"0", "f", "false"})
_INTEGER: Final = re.compile(r"[+-]?[0-9]+")
_MOST_DIGITS: Final = 40
_DURATION: Final = re.compile(r"[+-]?(0|(([0-9]+\.?[0-9]*|\.[0-9]+)([num\u00b5\u03bc]?s|m|h))+)")
"""As Go writes them."""


class PageNotFound(NotFound):
    """404 in plain text: no group version begins like that."""


class Parameters:
    """The query of a request."""

    def __init__(self, query: str) -> None:
        self._values = parse_qs(query, keep_blank_values=True) if query else {}

    def text(self, name: str) -> str:
        """The first value of `name`; empty if absent."""
        return self._values.get(name, ("",))[0]

    def texts(self, name: str) -> list[str]:
        """Every value of `name`."""
        return list(self._values.get(name, ()))

    def has(self, name: str) -> bool:
        """Whether `name` was given, with whatever value."""
        return name in self._values

    def flag(self, name: str) -> bool:
        """Whether `name` is given and not one of Go's words for false."""
        return self.has(name) and self.text(name).lower() not in _FALSE

    def number(self, name: str) -> int:
        """The whole number `name`; 0 if absent.

        Raises:
            BadRequest: if it is no number, or none of 64 bits.
        """
        if not self.has(name):
            return 0
        text = self.text(name)
        if not _INTEGER.fullmatch(text):
            raise BadRequest(f'strconv.ParseInt: parsing "{text}": invalid syntax')
        if len(text) > _MOST_DIGITS or not -(2**63) <= int(text) < 2**63:
            raise BadRequest(f'strconv.ParseInt: parsing "{text}": value out of range')
        return int(text)

    def check_timeout(self) -> None:
        """Refuse a `timeout` that is no duration, such as clients send with `--request-timeout`.

        Raises:
            BadRequest: as Kubernetes words it.
        """
        text = self.text("timeout")
        if text and not _DURATION.fullmatch(text):
            raise BadRequest(
                f'invalid timeout specified in the request URL - time: invalid duration "{text}"'
            )


@dataclass(frozen=True, slots=True)
class Target:
    """One place in the API. Without a name it is a collection."""

    row: Resource
    namespace: str | None
    """None: of all namespaces, or the kind has none."""
    name: str = ""
    subresource: str = ""
    watched: bool = False
    """Whether the path itself asks for a watch."""

    @property
    def scope(self) -> str:
        """The namespace as keys have it: empty for kinds without one."""
        return self.namespace or ""


def split_target(target: str) -> tuple[str, Parameters]:
    """Path and query of a request line's target."""
    path, _, query = target.partition("?")
    return path, Parameters(query)


def segments_of(path: str) -> tuple[str, ...]:
    """The segments of `path` without a trailing slash; decoded first, so that `%2F` divides too."""
    inner = unquote(path).strip("/")
    return tuple(inner.split("/")) if inner else ()


def group_version(segments: tuple[str, ...]) -> tuple[str, str, tuple[str, ...]] | None:
    """(group, version, the rest) of a path under `/api/V` or `/apis/G/V`; None elsewhere."""
    match segments:
        case ("api", version, *rest):
            return "", version, tuple(rest)
        case ("apis", group, version, *rest):
            return group, version, tuple(rest)
        case _:
            return None


def locate(group: str, version: str, rest: tuple[str, ...], find: FindRow) -> Target:
    """What `rest` points at within a group version.

    Raises:
        NotFound: nothing is served there.
        BadRequest: a name that can be none.
    """
    watched = rest[0] == WATCH and len(rest) > 1
    parts = rest[1:] if watched else rest
    namespace: str | None = None
    if parts[0] == SCOPE and len(parts) > 2:
        scoped = find(group, version, parts[2])
        if scoped is not None and scoped.namespaced:
            namespace, parts = parts[1], parts[2:]
    row = find(group, version, parts[0])
    if row is None or "" in parts:
        raise no_such_path()
    name = parts[1] if len(parts) > 1 else ""
    if name in _NO_NAMES:
        raise BadRequest(f"Name parameter invalid: \"{name}\": may not be '{name}'")
    if row.namespaced and name and namespace is None:
        raise no_such_path()
    return Target(row, namespace, name, "/".join(parts[2:]), watched)


def no_such_path() -> NotFound:
    """The error for a resource that nobody serves."""
    return NotFound("the server could not find the requested resource", details={})

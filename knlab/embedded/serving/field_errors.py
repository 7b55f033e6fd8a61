"""What is wrong with which fields, composed and worded as Knative's webhooks do it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from knlab.embedded.serving.go_text import quoted

CURRENT: Final = ""
"""The field that is looked at itself."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One complaint about some fields; a warning does not deny the request."""

    message: str
    paths: tuple[str, ...] = ()
    details: str = ""
    is_warning: bool = False


Errors: TypeAlias = list[FieldError]


def missing(*paths: str) -> Errors:
    """Fields that must be there."""
    return [FieldError("missing field(s)", paths)]


def disallowed(*paths: str) -> Errors:
    """Fields that must not be there."""
    return [FieldError("must not set the field(s)", paths)]


def invalid(value: object, path: str, *details: str) -> Errors:
    """A value that cannot be."""
    return [FieldError(f"invalid value: {value}", (path,), ", ".join(details))]


def invalid_key(key: str, path: str, *details: str) -> Errors:
    """A key that cannot be."""
    return [FieldError(f"invalid key name {quoted(key)}", (path,), ", ".join(details))]


def out_of_bounds(value: object, low: object, high: object, path: str) -> Errors:
    """A value that is not between `low` and `high`."""
    return [FieldError(f"expected {low} <= {value} <= {high}", (path,))]


def missing_one_of(*paths: str) -> Errors:
    """None of the fields of which exactly one must be there."""
    return [FieldError("expected exactly one, got neither", paths)]


def multiple_one_of(*paths: str) -> Errors:
    """Several of the fields of which exactly one must be there."""
    return [FieldError("expected exactly one, got both", paths)]


def generic(message: str, *paths: str, details: str = "") -> Errors:
    """Any other complaint."""
    return [FieldError(message, paths, details)]


def not_allowed(obj: Mapping[str, Any], allowed: Iterable[str]) -> Errors:
    """The fields of `obj` that have a value although they are not in `allowed`."""
    known = set(allowed)
    found = sorted(
        key for key, value in obj.items() if key not in known and value not in (None, "", 0)
    )
    return disallowed(*found) if found else []


def via(errors: Errors, *prefix: str) -> Errors:
    """`errors` seen from outside: each path gets `prefix` in front."""
    return [
        replace(error, paths=tuple(_flatten((*prefix, path)) for path in error.paths))
        for error in errors
    ]


def via_index(errors: Errors, field: str, index: int) -> Errors:
    """`errors` of the element `index` of `field`."""
    return via(errors, field, f"[{index}]")


def warnings(errors: Errors) -> Errors:
    """`errors` as warnings."""
    return [replace(error, is_warning=True) for error in errors]


def _flatten(parts: tuple[str, ...]) -> str:
    joined: list[str] = []
    for piece in ".".join(parts).split("."):
        if not piece:
            continue
        if joined and piece.startswith("[") and piece.endswith("]"):
            joined[-1] += piece
        else:
            joined.append(piece)
    return ".".join(joined)


def render(errors: Errors) -> list[str]:
    """One text for each different complaint, sorted; their paths are united."""
    merged: dict[tuple[str, str], set[str]] = {}
    for error in errors:
        merged.setdefault((error.message, error.details), set()).update(error.paths)
    return [
        f"{message}: {', '.join(sorted(paths))}" + (f"\n{details}" if details else "")
        for (message, details), paths in sorted(merged.items())
    ]

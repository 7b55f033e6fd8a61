"""Causes of a refusal, worded as Kubernetes words them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from knlab.embedded.kube.errors import Cause
from knlab.embedded.kube.objects import Object, json_text


def required(field: str, detail: str = "") -> Cause:
    """`field` must be given."""
    return Cause(field, _text("Required value", detail), "FieldValueRequired")


def invalid(field: str, value: Any, detail: str) -> Cause:
    """`field` has a `value` that breaks the rule in `detail`."""
    return Cause(field, f"Invalid value: {json_text(value)}: {detail}")


def unsupported(field: str, value: Any, allowed: Collection[str]) -> Cause:
    """`field` has a `value` that is none of `allowed`, which are listed as they come."""
    listed = ", ".join(json_text(item) for item in allowed)
    return Cause(
        field,
        f"Unsupported value: {json_text(value)}: supported values: {listed}",
        "FieldValueNotSupported",
    )


def duplicate(field: str, value: Any) -> Cause:
    """`field` repeats a `value` that must be unique."""
    return Cause(field, f"Duplicate value: {json_text(value)}", "FieldValueDuplicate")


def forbidden(field: str, detail: str) -> Cause:
    """`field` may not be set or changed."""
    return Cause(field, f"Forbidden: {detail}", "FieldValueForbidden")


def too_long(field: str, limit: int) -> Cause:
    """`field` has more than `limit` bytes."""
    return Cause(field, f"Too long: may not be more than {limit} bytes", "FieldValueTooLong")


def immutable(field: str, new: Any, old: Any) -> list[Cause]:
    """A cause if `field` changed although it may not."""
    return [] if new == old else [invalid(field, new, "field is immutable")]


def one_of(holder: Object, path: str, key: str, allowed: Collection[str]) -> list[Cause]:
    """A cause if `holder[key]` is set to something outside `allowed`."""
    value = holder.get(key)
    return [] if value in (None, "", *allowed) else [unsupported(f"{path}.{key}", value, allowed)]


def not_negative(holder: Object, path: str, key: str) -> list[Cause]:
    """A cause if `holder[key]` is a number below zero."""
    value = holder.get(key)
    if not isinstance(value, int) or value >= 0:
        return []
    return [invalid(f"{path}.{key}", value, "must be greater than or equal to 0")]


def _text(words: str, detail: str) -> str:
    return f"{words}: {detail}" if detail else words

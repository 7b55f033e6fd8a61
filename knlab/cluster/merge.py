"""The three-way merge behind `kubectl apply`, as a JSON merge patch (RFC 7386)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def three_way_merge(
    last: Mapping[str, Any], wanted: Mapping[str, Any], live: Mapping[str, Any]
) -> dict[str, Any]:
    """The patch from `live` to `wanted`, removing what only `last` set; lists are atomic."""
    patch: dict[str, Any] = {key: None for key in last if key not in wanted and key in live}
    for key, value in wanted.items():
        present = live.get(key)
        if isinstance(value, Mapping) and isinstance(present, Mapping):
            before = last.get(key)
            nested = three_way_merge(before if isinstance(before, Mapping) else {}, value, present)
            if nested:
                patch[key] = nested
        elif key not in live or present != value:
            patch[key] = value
    return patch

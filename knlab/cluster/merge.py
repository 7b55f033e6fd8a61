"""The three-way merge behind `kubectl apply`, as a JSON merge patch (RFC 7386)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def three_way_merge(
    last: Mapping[str, Any], wanted: Mapping[str, Any], live: Mapping[str, Any]
) -> dict[str, Any]:
    """The patch from `live` to `wanted`, removing what only `last` set; lists are atomic.

    A list that is wanted as it was the last time stays if it has all that is asked for: what a
    server filled in since is not taken away. (A Revision of one's own name must not change.)
    """
    patch: dict[str, Any] = {key: None for key in last if key not in wanted and key in live}
    for key, value in wanted.items():
        present = live.get(key)
        if isinstance(value, Mapping) and isinstance(present, Mapping):
            before = last.get(key)
            nested = three_way_merge(before if isinstance(before, Mapping) else {}, value, present)
            if nested:
                patch[key] = nested
        elif key not in live or not (
            present == value or (last.get(key) == value and _covers(present, value))
        ):
            patch[key] = value
    return patch


def _covers(live: object, wanted: object) -> bool:
    """Whether `live` has everything that `wanted` says, and perhaps more fields."""
    if isinstance(live, Mapping) and isinstance(wanted, Mapping):
        return all(key in live and _covers(live[key], wanted[key]) for key in wanted)
    if isinstance(live, list) and isinstance(wanted, list):
        return len(live) == len(wanted) and all(map(_covers, live, wanted))
    return live == wanted

"""The one way in which defaults get into objects."""

from __future__ import annotations

from typing import Any

from knlab.embedded.kube.objects import Object


def fill(holder: Object, **values: Any) -> None:
    """Set each of `values` that `holder` lacks or has as null or empty text."""
    for key, value in values.items():
        if holder.get(key) in (None, ""):
            holder[key] = value

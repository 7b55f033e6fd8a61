"""What all results share: frames, captions, and the name of their world."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def frame_of(columns: Mapping[str, Any]) -> pd.DataFrame:
    """A fresh frame of `columns`."""
    import pandas as pd

    return pd.DataFrame(dict(columns))


def world_suffix(world: str) -> str:
    """What a headline ends in: `, embedded`."""
    return f", {world}" if world else ""


def caption_of(*parts: str) -> str:
    """The parts that say something, with dots between them."""
    return " · ".join(filter(None, parts))

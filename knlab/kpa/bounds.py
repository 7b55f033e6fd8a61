"""The bounds that a revision's scale keeps: min-scale, max-scale and initial-scale.

Rules as in Knative's `pa_lifecycle.go` (ScaleBounds) and `kpa/scaler.go` (applyBounds).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Bound: TypeAlias = Literal["min-scale", "max-scale", "initial-scale"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleBounds:
    """Least and most pods. Nothing holds up an unreachable revision, but max-scale still binds."""

    minimum: int = 0
    maximum: int = 0
    """0 means no bound."""
    initial: int = 1
    """The scale that counts as initialized."""
    reachable: bool = True

    def ready_threshold(self, *, initialized: bool) -> int:
        """How many ready pods make the revision active."""
        return max(self.minimum, 1 if initialized else self.initial)


@dataclass(frozen=True, slots=True)
class Bounded:
    """A scale within bounds, and which bound changed it."""

    scale: int
    clipped_by: Bound | None = None


def bounded(bounds: ScaleBounds, desired: int, *, initialized: bool) -> Bounded:
    """`desired` within `bounds`; until it has been reached, initial-scale is a lower bound too."""
    starting = bounds.initial > 1 and not initialized and bounds.reachable
    least = max(bounds.minimum, bounds.initial) if starting else bounds.minimum
    if desired < least:
        return Bounded(least, "min-scale" if least == bounds.minimum else "initial-scale")
    if bounds.maximum and desired > bounds.maximum:
        return Bounded(bounds.maximum, "max-scale")
    return Bounded(desired)

"""Which events are too much: similar ones become one, and an object has a budget of them.

The rules and the numbers are those of Kubernetes' event recorder. Nothing here outlives a restart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar

from knlab.embedded.kube.objects import Object

COMBINED: Final = "(combined from similar events): "
_MOST_MESSAGES: Final = 10
_SIMILAR_FOR: Final = 600.0
_BURST: Final = 25.0
_REFILL: Final = 1 / 300
"""Events a second."""
_MOST_REMEMBERED: Final = 4096

Sameness: TypeAlias = tuple[str, ...]
_Value = TypeVar("_Value")


@dataclass(slots=True)
class _Similar:
    """Events that differ by nothing but their messages."""

    messages: set[str]
    last: float


@dataclass(slots=True)
class _Budget:
    """How many events there may be at once, and since when."""

    left: float
    at: float


class Correlator:
    """Remembers the latest events."""

    def __init__(self) -> None:
        self._similar: dict[Sameness, _Similar] = {}
        self._budgets: dict[Sameness, _Budget] = {}

    def combine(self, event: Object, now: float) -> Sameness:
        """What else is the same event; `event` is changed if it stands for all similar ones.

        That is so from the tenth message on, until nothing similar happens for ten minutes.
        """
        alike = _about(event, event["reason"], event["reportingComponent"])
        similar = self._similar.get(alike)
        if similar is None or now - similar.last > _SIMILAR_FOR:
            similar = _Similar(set(), now)
        similar.last = now
        _remember(self._similar, alike, similar)
        message = event["message"]
        if len(similar.messages | {message}) < _MOST_MESSAGES:
            similar.messages.add(message)
            return sameness(event)
        event["message"] = COMBINED + message
        event["reportingComponent"] = ""
        return alike

    def admits(self, event: Object, now: float) -> bool:
        """Whether the source of `event` may tell something more about the object; counts it."""
        key = _about(event)
        budget = self._budgets.get(key) or _Budget(_BURST, now)
        budget.left = min(_BURST, budget.left + (now - budget.at) * _REFILL)
        budget.at = now
        _remember(self._budgets, key, budget)
        if budget.left < 1:
            return False
        budget.left -= 1
        return True


def sameness(event: Object) -> Sameness:
    """What two events have in common if one is the other again."""
    return _about(event, event["reason"], event["message"])


def _about(event: Object, *more: str) -> Sameness:
    involved: dict[str, Any] = event["involvedObject"]
    fields = ("kind", "namespace", "name", "uid", "apiVersion")
    source = (event.get("source") or {}).get("component", "")
    return (source, *(involved.get(key, "") for key in fields), event.get("type", ""), *more)


def _remember(cache: dict[Sameness, _Value], key: Sameness, value: _Value) -> None:
    """Keep `value` as the latest of a limited number."""
    cache.pop(key, None)
    cache[key] = value
    if len(cache) > _MOST_REMEMBERED:
        del cache[next(iter(cache))]

"""Amounts of resources by name, as containers ask for them: sums, and what a whole pod takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.quantities import canonical_quantity, find_quantity

Amounts: TypeAlias = Mapping[str, str]
"""Quantities by the name of what they are quantities of."""
Side: TypeAlias = Literal["requests", "limits"]


def number_of(amount: Any) -> Decimal:
    """What `amount` stands for; nothing if it is no quantity."""
    return find_quantity(amount) or Decimal(0)


def written(value: Decimal, like: str) -> str:
    """`value` as a quantity, with binary suffixes if `like` has one."""
    return canonical_quantity(f"{value / 1024:f}Ki" if like.endswith("i") else f"{value:f}")


def together(parts: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The sum of `parts`, each name written as its first amount that is not zero."""
    sums: dict[str, tuple[Decimal, str]] = {}
    for part in parts:
        for name, amount in part.items():
            before, like = sums.get(name, (Decimal(0), ""))
            number = number_of(amount)
            sums[name] = before + number, like or (str(amount) if number else "")
    return {name: written(value, like) for name, (value, like) in sums.items()}


def asked_by(container: Mapping[str, Any], side: Side) -> dict[str, str]:
    """The requests or limits of a container."""
    resources: Mapping[str, Any] = container.get("resources") or {}
    return {name: str(amount) for name, amount in (resources.get(side) or {}).items()}


def asked_by_pod(spec: Object, side: Side) -> dict[str, str]:
    """The requests or limits of a pod: what runs together, or more if its start takes more.

    Init containers that are restarted always run on beside those that start after them.
    """
    running = [asked_by(container, side) for container in spec.get("containers") or ()]
    beside: list[Mapping[str, str]] = []
    starting: dict[str, str] = {}
    for container in spec.get("initContainers") or ():
        asked = asked_by(container, side)
        starting = _larger(starting, together([*beside, asked]))
        if container.get("restartPolicy") == "Always":
            beside.append(asked)
    return _larger(together([*running, *beside]), starting)


def _larger(one: Amounts, other: Amounts) -> dict[str, str]:
    """The larger of both amounts of each name."""
    return {
        name: max((one.get(name, "0"), other.get(name, "0")), key=number_of)
        for name in {**one, **other}
    }

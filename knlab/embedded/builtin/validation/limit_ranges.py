"""What is refused in LimitRanges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from knlab.embedded.builtin.validation.causes import duplicate, forbidden, invalid
from knlab.embedded.builtin.validation.resource_quotas import (
    container_resource_causes,
    resource_name_causes,
)
from knlab.embedded.kube.errors import Cause
from knlab.embedded.kube.names import qualified_name_errors
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.quantities import parse_quantity

_TYPES: Final = ("Container", "PersistentVolumeClaim", "Pod")
_PARTS: Final = ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio")
_ORDER: Final = (
    ("min", "max", "min", "min", "min value {} is greater than max value {}"),
    ("min", "defaultRequest", "defaultRequest", "defaultRequest",
     "min value {} is greater than default request value {}"),
    ("defaultRequest", "max", "defaultRequest", "defaultRequest",
     "default request value {} is greater than max value {}"),
    ("defaultRequest", "default", "defaultRequest", "defaultRequest",
     "default request value {} is greater than default limit value {}"),
    ("min", "default", "default", "min", "min value {} is greater than default value {}"),
    ("default", "max", "default", "max", "default value {} is greater than max value {}"),
)  # fmt: skip
"""What may not be above what; at which field it is said, of whose value, in which words."""


def validate_limit_range(new: Object, _old: Object | None) -> list[Cause]:
    """What is wrong with a LimitRange."""
    found: list[Cause] = []
    types: set[str] = set()
    for number, item in enumerate((new.get("spec") or {}).get("limits") or ()):
        path, kind = f"spec.limits[{number}]", item.get("type", "")
        found += _type_causes(kind, f"{path}.type")
        if kind in types:
            found.append(duplicate(f"{path}.type", kind))
        types.add(kind)
        found += _item_causes(item, path)
    return found


def _type_causes(kind: str, path: str) -> list[Cause]:
    found = [invalid(path, kind, wrong) for wrong in qualified_name_errors(kind)]
    if found or "/" in kind or kind in _TYPES:
        return found
    return [invalid(path, kind, "must be a standard limit type or fully qualified")]


def _item_causes(item: Object, path: str) -> Iterator[Cause]:
    parts: dict[str, Mapping[str, str]] = {part: item.get(part) or {} for part in _PARTS}
    if item.get("type") == "Pod":
        for part in ("default", "defaultRequest"):
            if parts.pop(part):
                yield forbidden(f"{path}.{part}", "may not be specified when `type` is 'Pod'")
    in_pods = item.get("type") in {"Container", "Pod"}
    name_causes = container_resource_causes if in_pods else resource_name_causes
    for part, amounts in parts.items():
        for name in sorted(amounts):
            yield from name_causes(name, f"{path}.{part}[{name}]")
    for name in sorted({name for amounts in parts.values() for name in amounts}):
        said = {part: amounts[name] for part, amounts in parts.items() if name in amounts}
        yield from _disorder(said, path, name)
        yield from _ratio_causes(said, f"{path}.maxLimitRequestRatio[{name}]")


def _disorder(said: Mapping[str, str], path: str, name: str) -> Iterator[Cause]:
    for lower, upper, place, shown, words in _ORDER:
        if lower not in said or upper not in said:
            continue
        if parse_quantity(said[lower]) > parse_quantity(said[upper]):
            text = words.format(said[lower], said[upper])
            yield invalid(f"{path}.{place}[{name}]", said[shown], text)


def _ratio_causes(said: Mapping[str, str], path: str) -> Iterator[Cause]:
    ratio = said.get("maxLimitRequestRatio")
    if ratio is None:
        return
    if parse_quantity(ratio) < 1:
        yield invalid(path, ratio, f"ratio {ratio} is less than 1")
    least, most = (parse_quantity(said.get(part, "0")) for part in ("min", "max"))
    if least and "max" in said and parse_quantity(ratio) > most / least:
        wrong = f"ratio {ratio} is greater than max/min = {most / least:.6f}"
        yield invalid(path, ratio, wrong)

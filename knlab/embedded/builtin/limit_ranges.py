"""LimitRanges: what containers get that say nothing, and what none may ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, TypeAlias

from knlab.embedded.builtin.amounts import Amounts, asked_by, asked_by_pod, number_of
from knlab.embedded.builtin.defaults.pods import all_containers, qos_class
from knlab.embedded.builtin.kinds import LIMIT_RANGES, PODS
from knlab.embedded.kube.errors import Forbidden
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.registry import Resource
from knlab.embedded.kube.store import Store

ANNOTATION: Final = "kubernetes.io/limit-ranger"
Pair: TypeAlias = tuple[str | None, str | None]
"""Request and limit."""


def admit(store: Store, resource: Resource, new: Object) -> None:
    """Give the containers of a new Pod what the LimitRanges of its namespace have for them."""
    if resource.name != PODS:
        return
    limit_ranges = store.items(LIMIT_RANGES, new["metadata"].get("namespace", ""))
    if limit_ranges:
        fill_in(limit_ranges, new)


def approve(store: Store, resource: Resource, new: Object, old: Object | None) -> None:
    """Return if the LimitRanges of its namespace allow the new Pod `new`.

    Raises:
        Forbidden: the first that does not says all that is wrong.
    """
    if resource.name != PODS or old is not None:
        return
    name = new["metadata"]["name"]
    for limit_range in store.items(LIMIT_RANGES, new["metadata"].get("namespace", "")):
        found = list(dict.fromkeys(violations(limit_range, new["spec"])))
        if found:
            text = found[0] if len(found) == 1 else f"[{', '.join(found)}]"
            details = {"name": name, "kind": "pods"}
            raise Forbidden(f'pods "{name}" is forbidden: {text}', details=details)


def fill_in(limit_ranges: Sequence[Object], pod: Object) -> None:
    """Give the containers of `pod` the defaults of `limit_ranges`, and note which."""
    spec: Object = pod["spec"]
    said: list[str] = []
    for limit_range in limit_ranges:
        given = [
            text
            for part, word in (("containers", "container"), ("initContainers", "init container"))
            for container in spec.get(part) or ()
            for text in _filled(container, word, list(_items(limit_range, "Container")))
        ]
        said = given or said
    if said:
        annotations = pod["metadata"].setdefault("annotations", {})
        annotations[ANNOTATION] = f"LimitRanger plugin set: {'; '.join(said)}"
        pod["status"]["qosClass"] = qos_class(spec)


def violations(limit_range: Object, spec: Object) -> Iterator[str]:
    """What `limit_range` does not allow in a pod spec."""
    for item in (limit_range.get("spec") or {}).get("limits") or ():
        if item["type"] == "Container":
            for container in all_containers(spec):
                asked = asked_by(container, "requests"), asked_by(container, "limits")
                yield from _broken(item, *asked)
        elif item["type"] == "Pod":
            yield from _broken(item, asked_by_pod(spec, "requests"), asked_by_pod(spec, "limits"))


def _items(limit_range: Object, kind: str) -> Iterable[Object]:
    found: Sequence[Object] = (limit_range.get("spec") or {}).get("limits") or ()
    return (item for item in found if item["type"] == kind)


def _filled(container: Object, word: str, items: Sequence[Object]) -> Iterator[str]:
    """Fill in what `container` does not say; which names it got."""
    resources: Object = container.setdefault("resources", {})
    for side, source, what in (
        ("requests", "defaultRequest", "request"), ("limits", "default", "limit"),
    ):  # fmt: skip
        asked = resources.get(side) or {}
        given = {
            name: amount
            for item in items
            for name, amount in (item.get(source) or {}).items()
            if name not in asked
        }
        if given:
            resources[side] = {**asked, **given}
            yield f"{', '.join(sorted(given))} {what} for {word} {container['name']}"


def _broken(item: Object, requests: Amounts, limits: Amounts) -> Iterator[str]:
    for field, words, broken in _RULES:
        for name, bound in sorted((item.get(field) or {}).items()):
            rule = f"{words.format(name)} per {item['type']} is {bound}"
            if found := broken(bound, (requests.get(name), limits.get(name))):
                yield rule + found


def _too_little(least: str, pair: Pair) -> str:
    request, limit = pair
    if request is None:
        return ".  No request is specified"
    if number_of(request) < number_of(least):
        return f", but request is {request}"
    if limit is not None and number_of(limit) < number_of(least):
        return f", but limit is {limit}"
    return ""


def _too_much(most: str, pair: Pair) -> str:
    request, limit = pair
    if limit is None:
        return ".  No limit is specified"
    if number_of(limit) > number_of(most):
        return f", but limit is {limit}"
    if request is not None and number_of(request) > number_of(most):
        return f", but request is {request}"
    return ""


def _out_of_ratio(most: str, pair: Pair) -> str:
    request, limit = pair
    if not number_of(request):
        return ", but no request is specified or request is 0"
    if not number_of(limit):
        return ", but no limit is specified or limit is 0"
    ratio = number_of(limit) / number_of(request)
    return f", but provided ratio is {ratio:.6f}" if ratio > number_of(most) else ""


_RULES: Final[Sequence[tuple[str, str, Callable[[str, Pair], str]]]] = (
    ("min", "minimum {} usage", _too_little),
    ("max", "maximum {} usage", _too_much),
    ("maxLimitRequestRatio", "{} max limit to request ratio", _out_of_ratio),
)
"""Field, what it bounds, and what is wrong with a request and a limit beside a bound."""

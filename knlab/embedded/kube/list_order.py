"""The order of lists that merge: what a patch names comes as it says, the rest stays in between."""

from __future__ import annotations

from collections import deque
from typing import Any

from knlab.embedded.kube.errors import BadRequest
from knlab.embedded.kube.go_values import TYPES, printed, type_of
from knlab.embedded.kube.objects import Object


def identity(value: Any) -> str:
    """What is equal for equal values of one type, and can be a key."""
    return repr(value)


def keyed(item: Any, merge_key: str) -> Any:
    """What tells `item` from others in its list: the value of `merge_key`; itself without one.

    Raises:
        BadRequest: it is no map, or has no such field.
    """
    if not merge_key:
        return item
    if not isinstance(item, dict):
        raise BadRequest(f"expected a {TYPES[dict]}, but received a {type_of(item)}")
    if merge_key not in item:
        shown = printed(item)
        raise BadRequest(f"map: {shown} does not contain declared merge key: {merge_key}")
    return item[merge_key]


def check_order(given: list[Any], order: list[Any], merge_key: str) -> None:
    """Check that the items of `given` stand in `order`, and as they do there.

    Raises:
        BadRequest: they don't.
    """
    if not given or not order:
        return
    for item in given if merge_key else ():
        if not isinstance(item, dict):
            keyed(item, merge_key)
    named = iter(order)
    for item in given:
        if isinstance(item, dict) and "$patch" in item:
            continue
        wanted = identity(keyed(item, merge_key))
        if not any(identity(keyed(each, merge_key)) == wanted for each in named):
            raise BadRequest(
                f"The order in patch list:\n{printed(given)}\n doesn't match $setElementOrder"
                f" list:\n{printed(order)}\n"
            )


def arranged(items: list[Any], order: list[Any], before: list[Any], merge_key: str) -> list[Any]:
    """`items` with those that `order` names in that order.

    The others stay in front of those that they were in front of in `before`.

    Raises:
        BadRequest: something in `order` has no merge key.
    """
    if merge_key and items:
        _check_maps(order)
    wanted = _places(order, merge_key)
    places = _places(before, merge_key)
    named = [item for item in items if _name(item, merge_key) in wanted]
    named.sort(key=lambda item: wanted[_name(item, merge_key)])
    others = deque(item for item in items if _name(item, merge_key) not in wanted)
    result: list[Any] = []
    for item in named:
        place = places.get(_name(item, merge_key), -1)
        while others and places.get(_name(others[0], merge_key), len(places)) < place:
            result.append(others.popleft())
        result.append(item)
    return [*result, *others]


def _check_maps(order: list[Any]) -> None:
    for place, item in enumerate(order):
        if not isinstance(item, dict):
            raise BadRequest(f"value for key {place} is not a map")


def _places(items: list[Any], merge_key: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for place, item in enumerate(items):
        found.setdefault(_name(item, merge_key), place)
    return found


def _name(item: Object | Any, merge_key: str) -> str:
    return identity(keyed(item, merge_key))

"""Choosing which activators stand in front of a revision: the same few for the same name."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

from knlab.embedded.kube.objects import Object, copy_json
from knlab.embedded.serving.resources.names import fnv64a

_UNIVERSE: Final = 1 << 11


def choose_subset(addresses: set[str], count: int, target: str) -> set[str]:
    """`count` of `addresses` by consistent hashing for `target`; all if there are not more."""
    if count >= len(addresses):
        return addresses
    by_hash: dict[int, str] = {}
    for address in sorted(addresses):
        text = address + target
        value = fnv64a(text.encode())
        while value % _UNIVERSE in by_hash:
            text += f"{value:x}"
            value = fnv64a(text.encode())
        by_hash[value % _UNIVERSE] = address
    ring = sorted(by_hash)
    angle = fnv64a(f"{target}start-angle-salt".encode()) % _UNIVERSE
    step = fnv64a(f"{target}step-angle-salt".encode()) % _UNIVERSE
    chosen: set[int] = set()
    while len(chosen) < count:
        index = bisect_left(ring, angle) % len(ring)
        while index in chosen:
            index = (index + 1) % len(ring)
        chosen.add(index)
        angle = (angle + step) % _UNIVERSE
    return {by_hash[ring[index]] for index in chosen}


def subset_endpoints(endpoints: Object, target: str, count: int) -> Object:
    """`endpoints` with at most `count` of its ready addresses; 0 means all."""
    subsets = endpoints.get("subsets") or []
    addresses = {item["ip"] for subset in subsets for item in subset.get("addresses") or ()}
    if not count or len(addresses) <= count:
        return endpoints
    chosen = choose_subset(addresses, count, target)
    kept: list[Object] = copy_json(subsets)
    for subset in kept:
        subset["addresses"] = [
            item for item in subset.get("addresses") or () if item["ip"] in chosen
        ]
    return endpoints | {"subsets": [subset for subset in kept if subset["addresses"]]}

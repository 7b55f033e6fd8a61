"""Objects that are almost right: known good ones with a few random changes."""

from __future__ import annotations

import copy
import random
import sys
from collections.abc import Callable
from typing import Any, Final

Path = tuple[str | int, ...]

sys.setrecursionlimit(20_000)  # values nest deeper than any server accepts

ODD_VALUES: Final[tuple[Any, ...]] = (
    None, True, False, 0, 1, -1, 2**31, 2**63, -(2**63) - 1, 10**30, 0.1, -1e308, "", " ", "x", "0",
    "true", "null", "\u0000", "\U0001f40d", "a" * 300, "A_B", "-a", "a.b", "../x", "%s%n",
    "$(HOME)", "${x", "2001-01-01T00:00:00Z", "1e3", "1Ki", "-5m", "10%", "100.5%", "::1",
    "10.0.0.300", [], [[]], [None], [{}], ["a", 1], {}, {"": ""}, {"a": None}, {"$patch": "delete"},
    {"$patch": 3}, {"$retainKeys": ["a"]}, {"$deleteFromPrimitiveList/x": 1},
    {"$setElementOrder/containers": "x"}, {"name": None}, {"name": 1}, {"matchLabels": []},
    {"kind": "Pod"}, {"f:a": {}}, {"k:{": {}},
)  # fmt: skip
ODD_KEYS: Final = (
    "", "x", "metadata", "name", "namespace", "spec", "status", "$patch", "a/b", "~", "~0", "0",
    "-1", "kind", "apiVersion", "finalizers", "ownerReferences", "managedFields", "é", "a" * 70,
)  # fmt: skip


def mutated(source: Any, rng: random.Random, *, changes: int = 1) -> Any:
    """A copy of `source` with up to `changes` random changes."""
    value = copy.deepcopy(source)
    for _ in range(changes):
        value = _changed(value, rng)
    return value


def _changed(value: Any, rng: random.Random) -> Any:
    places = list(_places(value, ()))
    place = rng.choice(places)
    if not place:
        return rng.choice(ODD_VALUES)
    parent = _at(value, place[:-1])
    rng.choice(_CHANGES)(parent, place[-1], rng)
    return value


def _places(value: Any, path: Path) -> list[Path]:
    found = [path]
    if isinstance(value, dict):
        for key, inner in value.items():
            found += _places(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            found += _places(inner, (*path, index))
    return found


def _at(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value


def _replace(parent: Any, key: Any, rng: random.Random) -> None:
    parent[key] = copy.deepcopy(rng.choice(ODD_VALUES))


def _remove(parent: Any, key: Any, _rng: random.Random) -> None:
    del parent[key]


def _wrap(parent: Any, key: Any, rng: random.Random) -> None:
    parent[key] = rng.choice(([parent[key]], {"x": parent[key]}, [parent[key], parent[key]]))


def _nest(parent: Any, key: Any, rng: random.Random) -> None:
    for _ in range(rng.choice((3, 50, 190, 400))):
        parent[key] = [parent[key]] if rng.random() < 0.5 else {"x": parent[key]}


def _add(parent: Any, _key: Any, rng: random.Random) -> None:
    odd = copy.deepcopy(rng.choice(ODD_VALUES))
    if isinstance(parent, dict):
        parent[rng.choice(ODD_KEYS)] = odd
    else:
        parent.insert(rng.randrange(len(parent) + 1), odd)


def _rename(parent: Any, key: Any, rng: random.Random) -> None:
    if isinstance(parent, dict):
        parent[rng.choice(ODD_KEYS)] = parent.pop(key)


def _repeat(parent: Any, key: Any, _rng: random.Random) -> None:
    if isinstance(parent, list):
        parent.append(copy.deepcopy(parent[key]))


def _grow(parent: Any, key: Any, rng: random.Random) -> None:
    if isinstance(parent[key], str):
        parent[key] = parent[key] * rng.choice((2, 100)) + rng.choice(
            ("", "\n", "\u0000", "\ud83d\ude00")
        )


_CHANGES: Final[tuple[Callable[[Any, Any, random.Random], None], ...]] = (
    _replace, _replace, _replace, _remove, _wrap, _nest, _add, _add, _rename, _repeat, _grow,
)  # fmt: skip


def json_patch(rng: random.Random) -> Any:
    """Something like a JSON patch."""
    paths = (
        "/metadata/labels/a", "/metadata", "", "/", "/spec/template/spec/containers/0/image",
        "/data/-", "/spec/ports/99", "/~2", "x", "/metadata/name", "/metadata/managedFields",
        "/kind", "/status", "/metadata/managedFields/0/fieldsV1", "/metadata/resourceVersion",
        "/metadata/finalizers/-",
    )  # fmt: skip
    operations = ("add", "remove", "replace", "test", "move", "copy", "fly", "", None, 1)
    patch = [
        {
            "op": rng.choice(operations),
            "path": rng.choice((*paths, *paths, None, 1)),
            "value": copy.deepcopy(rng.choice(ODD_VALUES)),
            "from": rng.choice(paths),
        }
        for _ in range(rng.choice((0, 1, 1, 2, 5)))
    ]
    return mutated(patch, rng) if rng.random() < 0.3 else patch

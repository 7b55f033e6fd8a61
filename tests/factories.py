"""Objects and a dict-backed cluster for tests of pure controllers: objects in, `Outcome` out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from knlab.embedded.kube.controller import Labels, Outcome, Sync, Write
from knlab.embedded.kube.index import Index
from knlab.embedded.kube.objects import GroupResource, Key, Object, copy_json, group_of, key_of

NOW = 1_760_000_000.0
"""2025-10-09T08:53:20Z."""
NOW_TEXT = "2025-10-09T08:53:20Z"

_PODS = GroupResource("", "pods")


def resource_of(obj: Object) -> GroupResource:
    """Group and plural of `obj`, by the rule that all kinds used here follow."""
    word = obj["kind"].lower()
    if word == "endpoints":
        plural = word
    elif word.endswith("y") and word[-2] not in "aeiou":
        plural = word[:-1] + "ies"
    else:
        plural = word + ("es" if word.endswith("s") else "s")
    return GroupResource(group_of(obj["apiVersion"]), plural)


def make(api_version: str, kind: str, name: str, /, namespace: str = "", **fields: Any) -> Object:
    """An object as the API would return it: with uid, resourceVersion and creation time.

    `fields` are top-level fields; `metadata=` adds to the metadata.
    """
    metadata: Object = {
        "name": name,
        "uid": f"uid-{kind.lower()}-{name}",
        "resourceVersion": "1",
        "generation": 1,
        "creationTimestamp": NOW_TEXT,
    }
    if namespace:
        metadata["namespace"] = namespace
    metadata |= fields.pop("metadata", {})
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata} | fields


class DictView:
    """A `controller.View` over a dictionary; `apply_outcome` changes it."""

    def __init__(
        self, objects: Iterable[Object] = (), resources: Mapping[str, GroupResource] | None = None
    ) -> None:
        self.resources = dict(resources or {})
        self.objects: dict[tuple[GroupResource, Key], Object] = {}
        self.version = 1000
        for obj in objects:
            self.add(obj)

    def add(self, obj: Object) -> Object:
        """Keep `obj`, replacing one of the same key."""
        resource = self.resources.get(obj["kind"]) or resource_of(obj)
        self.objects[resource, key_of(obj)] = obj
        return obj

    def find(self, resource: GroupResource, namespace: str, name: str) -> Object | None:
        """A copy of the object, or None."""
        found: Object | None = copy_json(self.objects.get((resource, (namespace, name))))
        return found

    def list(
        self, resource: GroupResource, namespace: str | None = None, labels: Labels | None = None
    ) -> list[Object]:
        """Copies of the objects of a namespace that carry `labels`, sorted by key."""
        return [
            copy_json(obj)
            for (kept, key), obj in sorted(self.objects.items(), key=lambda item: item[0])
            if kept == resource
            and namespace in {None, key[0]}
            and (obj["metadata"].get("labels") or {}).items() >= dict(labels or {}).items()
        ]

    def having(self, index: Index, value: str) -> Sequence[Object]:
        """The objects themselves that have `value` in `index`, sorted by key."""
        return [
            obj
            for (kept, _), obj in sorted(self.objects.items(), key=lambda item: item[0])
            if kept == index.resource and value in index.values(obj)
        ]

    def next_version(self) -> str:
        """A fresh resourceVersion."""
        self.version += 1
        return str(self.version)


def apply_outcome(view: DictView, outcome: Outcome) -> None:
    """`outcome`'s writes done to `view` in order, as the API would without admission."""
    for write in outcome.writes:
        _WRITERS[write.verb](view, write)


def settle(view: DictView, sync: Sync, key: Key, now: float = NOW, *, rounds: int = 20) -> Outcome:
    """The last outcome after `sync` was repeated until it had nothing left to write."""
    for _ in range(rounds):
        outcome = sync(view, key, now)
        if not outcome.writes:
            return outcome
        apply_outcome(view, outcome)
    raise AssertionError(f"still writing after {rounds} rounds: {outcome.writes}")


def _create(view: DictView, write: Write) -> None:
    obj = copy_json(write.object)
    metadata = obj["metadata"]
    if "name" not in metadata:
        metadata["name"] = f"{metadata['generateName']}{int(view.version):05x}"
    address = write.resource, key_of(obj)
    assert address not in view.objects, f"{address} already exists"
    version = view.next_version()
    metadata.setdefault("uid", f"uid-{version}")
    metadata.setdefault("creationTimestamp", NOW_TEXT)
    view.objects[address] = obj | {
        "metadata": metadata | {"resourceVersion": version, "generation": 1}
    }


def _kept(view: DictView, write: Write) -> Object:
    return view.objects[write.resource, key_of(write.object)]


def _update(view: DictView, write: Write) -> None:
    old, new = _kept(view, write), copy_json(write.object)
    if "status" in old:
        new["status"] = old["status"]
    changed = new.get("spec") != old.get("spec")
    new["metadata"]["generation"] = old["metadata"].get("generation", 1) + changed
    new["metadata"]["resourceVersion"] = view.next_version()
    if new["metadata"].get("deletionTimestamp") and not new["metadata"].get("finalizers"):
        del view.objects[write.resource, key_of(new)]
    else:
        view.objects[write.resource, key_of(new)] = new


def _update_part(view: DictView, write: Write) -> None:
    kept = copy_json(write.object)
    kept["metadata"]["resourceVersion"] = view.next_version()
    view.objects[write.resource, key_of(kept)] = kept


def _update_status(view: DictView, write: Write) -> None:
    old = _kept(view, write)
    old["status"] = copy_json(write.object.get("status", {}))
    old["metadata"]["resourceVersion"] = view.next_version()


def _scale(view: DictView, write: Write) -> None:
    old = _kept(view, write)
    if old["spec"].get("replicas") != write.replicas:
        old["metadata"]["generation"] = old["metadata"].get("generation", 1) + 1
    old["spec"]["replicas"] = write.replicas
    old["metadata"]["resourceVersion"] = view.next_version()


def _delete(view: DictView, write: Write) -> None:
    address = write.resource, key_of(write.object)
    old = view.objects.get(address)
    if old is None:
        return
    drains = (
        write.resource == _PODS
        and old["spec"].get("nodeName")
        and write.options.get("gracePeriodSeconds") != 0
    )
    if drains or old["metadata"].get("finalizers"):
        old["metadata"].setdefault("deletionTimestamp", NOW_TEXT)
    else:
        del view.objects[address]


_WRITERS = {
    "create": _create,
    "update": _update,
    "update-part": _update_part,
    "update-status": _update_status,
    "scale": _scale,
    "delete": _delete,
}

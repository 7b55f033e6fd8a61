"""Where a new object goes: its namespace, and a name if it has none."""

from __future__ import annotations

from typing import Final

from knlab.embedded.kube.backing import Backing
from knlab.embedded.kube.errors import BadRequest, Forbidden, NotFound
from knlab.embedded.kube.objects import Object, key_of
from knlab.embedded.kube.registry import Resource

_SUFFIX_LETTERS: Final = "bcdfghjklmnpqrstvwxz2456789"
_LONGEST_PREFIX: Final = 58


def check_namespace(backing: Backing, row: Resource, new: Object) -> None:
    """Refuse `new` if its namespace is missing or going away.

    Raises:
        StatusError: BadRequest, NotFound or Forbidden, as Kubernetes words it.
    """
    if not row.namespaced:
        new["metadata"].pop("namespace", None)
        return
    name = new["metadata"].get("namespace")
    if not name:
        raise BadRequest("an empty namespace may not be set during creation")
    namespaces = backing.kinds.namespaces
    namespace = backing.store.get(namespaces, ("", name))
    if namespace is None:
        raise NotFound.of(namespaces, name)
    if namespace["metadata"].get("deletionTimestamp"):
        _refuse_terminating(row, new, name)


def _refuse_terminating(row: Resource, new: Object, namespace: str) -> None:
    text = f"unable to create new content in namespace {namespace} because it is being terminated"
    name = new["metadata"].get("name", "")
    details: Object = {"name": name, "kind": row.plural}
    if row.group:
        details["group"] = row.group
    cause = f"namespace {namespace} is being terminated"
    causes = [{"reason": "NamespaceTerminating", "message": cause, "field": "metadata.namespace"}]
    raise Forbidden(
        f'{row.name} "{name}" is forbidden: {text}', details=details | {"causes": causes}
    )


def invent_name(backing: Backing, row: Resource, new: Object) -> None:
    """Name `new` after its generateName if it has no name; no other object has the name."""
    prefix = new["metadata"].get("generateName")
    if new["metadata"].get("name") or not prefix:
        return
    taken = True
    while taken:
        suffix = "".join(backing.randomness.choice(_SUFFIX_LETTERS) for _ in range(5))
        new["metadata"]["name"] = prefix[:_LONGEST_PREFIX] + suffix
        taken = backing.store.get(row.storage, key_of(new)) is not None

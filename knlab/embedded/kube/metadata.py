"""What the server does with `metadata`: its own fields, those that never change, the rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from knlab.embedded.kube.errors import BadRequest, Cause, Conflict, Invalid
from knlab.embedded.kube.go_types import Member, Struct, misfit
from knlab.embedded.kube.messages import OBJECT_META
from knlab.embedded.kube.names import label_errors, label_value_errors, qualified_name_errors
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.registry import Resource

FIELDS: Final = frozenset({
    "annotations", "creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp",
    "finalizers", "generateName", "generation", "labels", "managedFields", "name", "namespace",
    "ownerReferences", "resourceVersion", "selfLink", "uid",
})  # fmt: skip
"""Every field of an ObjectMeta."""

_SYSTEM: Final = (
    "creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "generation",
    "managedFields", "resourceVersion", "selfLink", "uid",
)  # fmt: skip
_IMMUTABLE: Final = ("uid", "deletionTimestamp", "deletionGracePeriodSeconds")
_STANDARD_FINALIZERS: Final = frozenset({"foregroundDeletion", "kubernetes", "orphan"})
_FINALIZERS: Final = _STANDARD_FINALIZERS | {"customresourcecleanup.apiextensions.k8s.io"}
"""Those that need no domain before their name, in built-in kinds."""
_MEMBERS: Final = {"metadata": Member(OBJECT_META)}
_HOLDER: Final = Struct("v1.ObjectMeta", lambda: _MEMBERS)
"""Any object, of which the metadata matters."""
_IMMUTABLE_TEXT: Final = "field is immutable"
_ANNOTATIONS_BYTES: Final = 256 * 1024


def timestamp(now: float) -> str:
    """Epoch seconds `now` as Kubernetes writes times: `2023-11-14T22:13:20Z`."""
    return _timestamp(int(now))


@lru_cache(maxsize=8)
def _timestamp(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def check_type(row: Resource, obj: Object) -> None:
    """Refuse `obj` if it is not of the type of `row`, or its metadata has the wrong shape.

    Raises:
        BadRequest: as decoding in Kubernetes words it.
    """
    version, kind = obj.get("apiVersion"), obj.get("kind")
    if not kind:
        raise BadRequest("Object 'Kind' is missing in the request body")
    if version != row.api_version:
        raise BadRequest(
            f"the API version in the data ({version}) does not match the expected API version"
            f" ({row.api_version})"
        )
    if kind != row.kind and not row.strategic_merge:
        cause = Cause("kind", f'Invalid value: "{kind}": must be {row.kind}')
        name = (obj.get("metadata") or {}).get("name", "")
        raise Invalid.of(row.group, str(kind), name, [cause])
    if kind != row.kind:
        raise BadRequest(
            f'{kind} in version "{row.version}" cannot be handled as a {row.kind}: the kind in the'
            f" data ({kind}) does not match the expected kind ({row.kind})"
        )
    complaint = _complaint(obj.setdefault("metadata", {}))
    if complaint:
        raise BadRequest(
            f'{kind} in version "{row.version}" cannot be handled as a {kind}: {complaint}'
        )


def check_address(row: Resource, obj: Object, namespace: str, name: str = "") -> None:
    """Fill in the namespace (and name) of the URL; refuse a body that says something else.

    Raises:
        BadRequest: as Kubernetes words it.
    """
    metadata = obj.setdefault("metadata", {})
    if not isinstance(metadata, dict):
        raise BadRequest("json: cannot unmarshal into Go struct field .metadata")
    if name and metadata.setdefault("name", name) != name:
        raise BadRequest(
            f"the name of the object ({metadata['name']}) does not match the name on the URL"
            f" ({name})"
        )
    if not row.namespaced:
        metadata.pop("namespace", None)
    elif (metadata.get("namespace") or namespace) != namespace:
        raise BadRequest(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    else:
        metadata["namespace"] = namespace


def begin(row: Resource, obj: Object, *, now: float, uid: str) -> None:
    """Give new `obj` the fields that are the server's; what the client put there is dropped."""
    metadata = obj["metadata"]
    for name in _SYSTEM:
        metadata.pop(name, None)
    metadata["uid"] = uid
    metadata["creationTimestamp"] = timestamp(now)
    if row.has_generation:
        metadata["generation"] = 1
    if row.has_status:
        obj.pop("status", None)


def carry_over(row: Resource, old: Object, new: Object) -> None:
    """Give updated `new` the server's fields of `old`, and its status if that has its own path."""
    before, after = old["metadata"], new["metadata"]
    if "deletionTimestamp" in before:  # nobody can take it back
        after["deletionTimestamp"] = before["deletionTimestamp"]
    for name in _IMMUTABLE:
        if name in before and not after.get(name):
            after[name] = before[name]
        elif not after.get(name):
            after.pop(name, None)
    for name in ("managedFields", "selfLink"):
        after.pop(name, None)
    for name in ("creationTimestamp", "generation", "resourceVersion"):
        _restore(name, before, after)
    if row.has_status:
        _restore("status", old, new)


def beside_status(row: Resource, old: Object, new: Object) -> Object:
    """The metadata after a write of the status, which may change some of it."""
    holder: Object = {"metadata": dict(new["metadata"])}
    carry_over(row, old, holder)
    for name in row.status_keeps:
        _restore(name, old["metadata"], holder["metadata"])
    found: Object = holder["metadata"]
    return found


def count_generation(row: Resource, old: Object, new: Object) -> None:
    """Count a change of anything but metadata (and status, if that has its own path)."""
    if not row.has_generation:
        return
    apart = {"metadata", "status"} if row.has_status else {"metadata"}
    names = (old.keys() | new.keys()) - apart
    changed = any(old.get(name) != new.get(name) for name in names)
    if row.counts_annotations:
        before, after = (each["metadata"].get("annotations") or {} for each in (old, new))
        changed = changed or before != after
    new["metadata"]["generation"] = old["metadata"].get("generation", 0) + int(changed)


def check_version(row: Resource, old: Object, new: Object) -> None:
    """Refuse `new` if it names another resourceVersion than `old` has.

    Raises:
        Conflict: it is stale.
        BadRequest: it is no number.
    """
    given = new["metadata"].get("resourceVersion")
    if not given or given == old["metadata"]["resourceVersion"]:
        return
    if not str(given).isdigit():
        raise BadRequest(f'strconv.ParseUint: parsing "{given}": invalid syntax')
    raise Conflict.modified(row.name, old["metadata"]["name"])


def check_uid(row: Resource, old: Object, new: Object) -> None:
    """Refuse a replacement that was meant for an earlier object of the same name.

    Raises:
        Conflict: the uid in `new` is not that of `old`.
    """
    given, actual = new["metadata"].get("uid"), old["metadata"]["uid"]
    if given and given != actual:
        text = f"Precondition failed: UID in precondition: {given}, UID in object meta: {actual}"
        raise Conflict.of(row.name, old["metadata"]["name"], text)


def check_unborn(row: Resource, obj: Object) -> None:
    """Refuse to create `obj` by applying it if it is meant to be there already.

    Raises:
        Conflict: it has a uid.
    """
    uid = obj["metadata"].get("uid")
    if uid:
        text = f"uid mismatch: the provided object specified uid {uid}, and no existing object was"
        raise Conflict.of(row.name, obj["metadata"].get("name", ""), f"{text} found")


def causes(row: Resource, obj: Object) -> list[Cause]:
    """What is wrong with the metadata of `obj`."""
    metadata = obj["metadata"]
    found = [*_name_causes(row, metadata), *_key_causes(metadata)]
    found += _owner_causes(metadata.get("ownerReferences") or [])
    for number, finalizer in enumerate(metadata.get("finalizers") or ()):
        found += _each("metadata.finalizers", finalizer, qualified_name_errors)
        if row.strategic_merge and "/" not in finalizer and finalizer not in _FINALIZERS:
            text = "name is neither a standard finalizer name nor is it fully qualified"
            found.append(_invalid(f"metadata.finalizers[{number}]", finalizer, text))
    return found


def warnings(row: Resource, old: Object | None, new: Object) -> list[str]:
    """What to warn about in the metadata of `new`, a custom resource: finalizers without a path."""
    if row.strategic_merge:
        return []
    before = old["metadata"].get("finalizers") or () if old else ()
    added = set(new["metadata"].get("finalizers") or ()).difference(before, _STANDARD_FINALIZERS)
    return [
        f'metadata.finalizers: "{each}": prefer a domain-qualified finalizer name'
        f"{' including a path (/)' if '.' in each else ''} to avoid accidental conflicts with other"
        " finalizer writers"
        for each in sorted(added)
        if "/" not in each
    ]


def update_causes(old: Object, new: Object) -> list[Cause]:
    """What in the metadata of `new` may not be changed."""
    before, after = old["metadata"], new["metadata"]
    found = [
        _invalid(f"metadata.{name}", after.get(name), _IMMUTABLE_TEXT)
        for name in ("name", "namespace", *_IMMUTABLE)
        if after.get(name) != before.get(name)
    ]
    added = sorted(set(after.get("finalizers") or ()) - set(before.get("finalizers") or ()))
    if added and before.get("deletionTimestamp"):
        listed = ", ".join(f'"{each}"' for each in added)
        text = (
            "Forbidden: no new finalizers can be added if the object is being deleted, found new"
            f" finalizers []string{{{listed}}}"
        )
        found.append(Cause("metadata.finalizers", text, "FieldValueForbidden"))
    return found


def _restore(name: str, before: Object, after: Object) -> None:
    if name in before:
        after[name] = before[name]
    else:
        after.pop(name, None)


def _complaint(metadata: Any) -> str:
    """What is wrong with the types in `metadata`; empty if nothing is."""
    complaint = misfit({"metadata": metadata}, _HOLDER)
    if not complaint and (place := next(_empty_places(metadata), "")):
        return f"json: cannot unmarshal null into Go struct field ObjectMeta.{place}"
    return complaint


def _empty_places(metadata: Object | None) -> Iterator[str]:
    """Where a null stands for something that has to be there."""
    if metadata is None:
        yield "metadata"
        return
    for name in ("labels", "annotations"):
        if None in (metadata.get(name) or {}).values():
            yield f"metadata.{name}"
    for name in ("finalizers", "ownerReferences"):
        if None in (metadata.get(name) or ()):
            yield f"metadata.{name}"


def check_name(row: Resource, obj: Object) -> None:
    """Refuse an object that nobody can call by a name.

    Raises:
        Invalid: as Kubernetes words it.
    """
    if not obj["metadata"].get("name"):
        text = "Required value: name or generateName is required"
        cause = Cause("metadata.name", text, "FieldValueRequired")
        raise Invalid.of(row.group, row.kind, "", [cause])


def _name_causes(row: Resource, metadata: Object) -> list[Cause]:
    found = _each("metadata.name", metadata["name"], row.strategy.name_errors)
    if row.namespaced:
        found += _each("metadata.namespace", metadata.get("namespace", ""), label_errors)
    prefix = metadata.get("generateName") or ""
    # Before its end is invented a name may end with a dash.
    begun = f"{prefix[:-2]}a" if len(prefix) > 1 and prefix.endswith("-") else prefix
    texts = row.strategy.name_errors(begun) if prefix else ()
    return [_invalid("metadata.generateName", prefix, text) for text in texts] + found


def _key_causes(metadata: Object) -> list[Cause]:
    found: list[Cause] = []
    for key, value in (metadata.get("labels") or {}).items():
        found += _each("metadata.labels", key, qualified_name_errors)
        found += _each("metadata.labels", value, label_value_errors)
    annotations = metadata.get("annotations") or {}
    for key in annotations:
        found += _each("metadata.annotations", key.lower(), qualified_name_errors)
    size = sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items())
    if size > _ANNOTATIONS_BYTES:
        text = f"Too long: may not be more than {_ANNOTATIONS_BYTES} bytes"
        found.append(Cause("metadata.annotations", text, "FieldValueTooLong"))
    return found


def _owner_causes(references: list[Object]) -> list[Cause]:
    found: list[Cause] = []
    fields = {"apiVersion": "version ", "kind": "", "name": "", "uid": ""}
    for reference in references:
        found += [
            _invalid(f"metadata.ownerReferences.{name}", reference.get(name, ""), text)
            for name, called in fields.items()
            if not reference.get(name)
            for text in (f"{called}must not be empty",)
        ]
    controllers = [each.get("name") for each in references if each.get("controller")]
    if len(controllers) > 1:
        text = (
            'Only one reference can have Controller set to true. Found "true" in references for'
            f" {controllers[0]} and {controllers[1]}"
        )
        found.append(_invalid("metadata.ownerReferences", "", text))
    return found


def _each(field: str, value: str, rule: Callable[[str], list[str]]) -> list[Cause]:
    return [_invalid(field, value, text) for text in rule(value)]


def _invalid(field: str, value: Any, text: str) -> Cause:
    shown = f'"{value}"' if isinstance(value, str) else "null" if value is None else value
    return Cause(field, f"Invalid value: {shown}: {text}")

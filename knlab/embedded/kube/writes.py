"""Creating, replacing and patching: the way of an object from a request into the store.

decode    type, fields that the schema does not know, nulls, the schema's defaults
prepare   the server's metadata, the kind's own defaults
admit     mutating webhooks, decode again, rules of metadata, schema and kind, validating webhooks
keep      unless nothing changed, or it is a dry run
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from knlab.embedded.kube import metadata, scaling, schema, validation
from knlab.embedded.kube.admission import Attempt
from knlab.embedded.kube.backing import Backing, WriteOptions, Written, distinct, shown
from knlab.embedded.kube.errors import (
    AlreadyExists,
    BadRequest,
    Cause,
    Forbidden,
    Invalid,
    NotFound,
    StatusError,
)
from knlab.embedded.kube.objects import Key, Object, copy_json, key_of
from knlab.embedded.kube.registry import Resource

_SUFFIX_LETTERS: Final = "bcdfghjklmnpqrstvwxz2456789"
_LONGEST_PREFIX: Final = 58


@dataclass(frozen=True, slots=True)
class Address:
    """Which object, and which part of it ("" for all, "status", "scale")."""

    namespace: str
    name: str
    subresource: str = ""


@dataclass(frozen=True, slots=True)
class _Job:
    """One write under way."""

    backing: Backing
    row: Resource
    options: WriteOptions
    warnings: list[str]
    subresource: str = ""


def create(backing: Backing, row: Resource, obj: Object, options: WriteOptions) -> Written:
    """Store `obj` (which is not changed) as a new object.

    Raises:
        StatusError: whatever keeps it from being created.
    """
    job = _Job(backing, row, options, [])
    new: Object = copy_json(obj)
    with _warned(job):
        metadata.check_type(row, new)
        _place(job, new)
        _conform(job, new)
        metadata.begin(row, new, now=backing.clock.now(), uid=backing.new_uid())
        _invent_name(job, new)
        new = row.strategy.default(new, None)
        new = _mutated(job, new, None)
        _validate(job, new, None)
        if backing.store.get(row.storage, key_of(new)) is not None:
            raise AlreadyExists.of(row.name, new["metadata"]["name"])
        return _kept(job, new)


def update(
    backing: Backing, row: Resource, obj: Object, options: WriteOptions, subresource: str
) -> Written:
    """Replace the object of the same name by `obj` (which is not changed).

    Raises:
        StatusError: whatever keeps it from being replaced.
    """
    namespace, name = _key(obj)
    stored = backing.stored(row, namespace, name)
    old = shown(row, stored)
    job = _Job(backing, row, options, [], subresource)
    if subresource == "scale":
        return _rescale(job, old, obj)
    new: Object = copy_json(obj)
    metadata.check_type(row, new)
    # Only custom resources insist; Kubernetes lets most built-in kinds be replaced blindly.
    if not row.strategic_merge and not new["metadata"].get("resourceVersion"):
        cause = "Invalid value: 0: must be specified for an update"
        raise _invalid(row, name, [Cause("metadata.resourceVersion", cause)])
    metadata.check_uid(row, old, new)
    return _replace(job, old, new)


def patch(
    backing: Backing,
    row: Resource,
    address: Address,
    change: Callable[[Object], Object],
    options: WriteOptions,
) -> Written:
    """Replace the object by what `change` makes of a copy of it.

    Raises:
        StatusError: what `change` raises, or whatever keeps the object from being replaced.
    """
    old = shown(row, backing.stored(row, address.namespace, address.name))
    job = _Job(backing, row, options, [], address.subresource)
    if address.subresource == "scale":
        return _rescale(job, old, change(copy_json(scaling.draft_scale(row, old))))
    new = change(copy_json(old))
    metadata.check_type(row, new)
    metadata.check_address(row, new, address.namespace, address.name)
    return _replace(job, old, new)


def _key(obj: Object) -> Key:
    try:
        return key_of(obj)
    except (KeyError, TypeError, AttributeError):
        raise BadRequest("name must be provided") from None


def _rescale(job: _Job, old: Object, scale: Object) -> Written:
    metadata.check_version(job.row, old, {"metadata": scale.get("metadata") or {}})
    written = _replace(job, old, scaling.rescaled(job.row, old, scale))
    return Written(scaling.draft_scale(job.row, written.object), written.warnings)


def _replace(job: _Job, old: Object, new: Object) -> Written:
    row = job.row
    with _warned(job):
        metadata.check_version(row, old, new)
        _conform(job, new)
        new = _prepared(job, old, new)
        mutated = _mutated(job, new, old)
        if mutated is not new:
            new = _prepared(job, old, mutated)
        metadata.count_generation(row, old, new)
        _validate(job, new, old)
        if new == old:
            return Written(copy_json(old), distinct(job.warnings))
        return _kept(job, new)


def _prepared(job: _Job, old: Object, new: Object) -> Object:
    """`new` with everything that this path of the API may not change as it was."""
    if job.subresource == "status":
        if not job.row.has_status:
            raise NotFound.of(job.row.name, old["metadata"]["name"])
        merged: Object = copy_json({k: v for k, v in old.items() if k != "status"})
        return merged | {k: v for k, v in new.items() if k == "status"}
    metadata.carry_over(job.row, old, new)
    return job.row.strategy.default(new, old)


def _place(job: _Job, new: Object) -> None:
    """Refuse `new` if its namespace is missing or going away."""
    if not job.row.namespaced:
        new["metadata"].pop("namespace", None)
        return
    name = new["metadata"].get("namespace")
    if not name:
        raise BadRequest("an empty namespace may not be set during creation")
    namespaces = job.backing.kinds.namespaces
    namespace = job.backing.store.get(namespaces, ("", name))
    if namespace is None:
        raise NotFound.of(namespaces, name)
    if namespace["metadata"].get("deletionTimestamp"):
        _refuse_terminating(job.row, new, name)


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


def _invent_name(job: _Job, new: Object) -> None:
    prefix = new["metadata"].get("generateName")
    if new["metadata"].get("name") or not prefix:
        return
    taken = True
    while taken:
        suffix = "".join(job.backing.randomness.choice(_SUFFIX_LETTERS) for _ in range(5))
        new["metadata"]["name"] = prefix[:_LONGEST_PREFIX] + suffix
        taken = job.backing.store.get(job.row.storage, key_of(new)) is not None


def _conform(job: _Job, new: Object) -> None:
    """Bring `new` into the shape of its schema; complain about fields it does not know."""
    schema.drop_nulls(job.row.schema, new)
    if job.row.schema is None:
        return
    unknown = [f'unknown field "{path}"' for path in schema.prune(job.row.schema, new)]
    schema.default(job.row.schema, new)
    if not unknown or job.options.field_validation == "Ignore":
        return
    if job.options.field_validation == "Strict":
        kind, version = job.row.kind, job.row.version
        raise BadRequest(
            f'{kind} in version "{version}" cannot be handled as a {kind}: strict decoding error:'
            f" {', '.join(unknown)}"
        )
    job.warnings.extend(unknown)


def _mutated(job: _Job, new: Object, old: Object | None) -> Object:
    attempt = _attempt(job, new, old)
    changed, warnings = job.backing.admission.mutate(attempt)
    job.warnings.extend(warnings)
    if changed is None or changed is attempt.object:
        return new
    if job.subresource == "scale":
        return scaling.rescaled(job.row, new, changed)
    if job.row.schema is not None:  # nulls stay: they are the webhook's mistake, to be reported
        schema.prune(job.row.schema, changed)
        schema.default(job.row.schema, changed)
    return changed


def _validate(job: _Job, new: Object, old: Object | None) -> None:
    row = job.row
    causes = metadata.causes(row, new)
    if old is not None:
        causes += metadata.update_causes(old, new)
    if row.schema is not None:
        causes += validation.validate(row.schema, new)
    if job.subresource != "status":
        causes += row.strategy.validate(new, old)
    if causes:
        raise _invalid(row, new["metadata"].get("name", ""), causes)
    job.warnings.extend(job.backing.admission.validate(_attempt(job, new, old)))


def _attempt(job: _Job, new: Object, old: Object | None) -> Attempt:
    if job.subresource == "scale":
        reviewed: Object = scaling.draft_scale(job.row, new)
        before = scaling.draft_scale(job.row, old) if old else None
    else:
        reviewed, before = new, old
    return Attempt(
        row=job.row,
        operation="CREATE" if old is None else "UPDATE",
        subresource=job.subresource,
        namespace=new["metadata"].get("namespace", ""),
        name=new["metadata"].get("name", ""),
        object=reviewed,
        old=before,
        user=job.options.user,
        dry_run=job.options.dry_run,
    )


def _kept(job: _Job, new: Object) -> Written:
    if not job.options.dry_run:
        kept: Object = copy_json(new) | _storage_type(job)
        if is_finished(job.backing, job.row, new):
            change = job.backing.drop(job.row, kept)
        else:
            change = job.backing.keep(job.row, kept)
        new["metadata"]["resourceVersion"] = change.object["metadata"]["resourceVersion"]
    return Written(new, distinct(job.warnings))


def is_finished(backing: Backing, row: Resource, obj: Object) -> bool:
    """Whether `obj` is being deleted and nothing keeps it any more."""
    fields = obj["metadata"]
    return (
        "deletionTimestamp" in fields
        and not fields.get("finalizers")
        and not fields.get("deletionGracePeriodSeconds")
        and not backing.lifecycle.held(row, obj)
    )


def _storage_type(job: _Job) -> Object:
    storing = job.backing.registry.storage_row(job.row.storage) or job.row
    return {"apiVersion": storing.api_version, "kind": storing.kind}


def _invalid(row: Resource, name: str, causes: list[Cause]) -> Invalid:
    return Invalid.of(row.group, row.kind, name, causes)


@contextmanager
def _warned(job: _Job) -> Iterator[None]:
    """Errors tell what was warned about before."""
    try:
        yield
    except StatusError as error:
        error.warnings = distinct((*job.warnings, *error.warnings))
        raise

"""Creating, replacing and patching: the way of an object from a request into the store.

decode    type, fields that the schema does not know, nulls, the schema's defaults
prepare   the server's metadata, the kind's own defaults
admit     mutating webhooks, decode again, rules of metadata, schema and kind, validating webhooks
keep      unless nothing changed, or it is a dry run
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from knlab.embedded.kube import (
    metadata,
    ownership,
    scaling,
    schema,
    server_side_apply,
    validation,
)
from knlab.embedded.kube.admission import Attempt
from knlab.embedded.kube.backing import (
    Backing,
    WriteOptions,
    Written,
    distinct,
    shown,
    stored_form,
)
from knlab.embedded.kube.decoding import StrictDecodingError
from knlab.embedded.kube.errors import (
    AlreadyExists,
    BadRequest,
    Cause,
    Invalid,
    NotFound,
    StatusError,
)
from knlab.embedded.kube.managed_fields import Entries, Writer, chosen, same_but_times
from knlab.embedded.kube.objects import Key, Object, copy_json, key_of
from knlab.embedded.kube.omissions import leave_out_empty
from knlab.embedded.kube.places import check_namespace, invent_name
from knlab.embedded.kube.registry import Resource


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

    @property
    def writer(self) -> Writer:
        """Who is noted as the owner of what the write sets."""
        now = self.backing.clock.now()
        return ownership.writer_of(self.row, self.options, now, self.subresource)


def create(backing: Backing, row: Resource, obj: Object, options: WriteOptions) -> Written:
    """Store `obj` (which is not changed) as a new object.

    Raises:
        StatusError: whatever keeps it from being created.
    """
    job = _Job(backing, row, options, [])
    new: Object = copy_json(obj)
    with _warned(job):
        metadata.check_type(row, new)
        given = new["metadata"].get("managedFields")
        new = _begun(job, new)
        return _created(job, new, ownership.created(row, new, given, obj, job.writer))


def _begun(job: _Job, new: Object) -> Object:
    """`new` with the server's metadata and all defaults."""
    check_namespace(job.backing, job.row, new)
    _conform(job, new)
    backing = job.backing
    metadata.begin(job.row, new, now=backing.clock.now(), uid=backing.new_uid())
    invent_name(backing, job.row, new)
    metadata.check_name(job.row, new)
    return job.row.strategy.default(new, None)


def _created(job: _Job, new: Object, entries: Entries) -> Written:
    new = _mutated(job, new, None)
    job.backing.lifecycle.admit(job.backing.store, job.row, new)
    _validate(job, new, None)
    if job.backing.store.get(job.row.storage, key_of(new)) is not None:
        raise AlreadyExists.of(job.row.name, new["metadata"]["name"])
    return replace(_kept(job, new, entries), created=True)


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
        causes = [Cause("metadata.resourceVersion", cause)]
        raise Invalid.of(row.group, row.plural, name, causes)
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


def apply(
    backing: Backing,
    row: Resource,
    address: Address,
    wanted: Object,
    options: WriteOptions,
    *,
    force: bool,
) -> Written:
    """Make the object what `wanted` says, and the writer the owner of that; create it if needed.

    Raises:
        StatusError: other managers own what would change, or whatever keeps it from being written.
    """
    job = _Job(backing, row, options, [], address.subresource)
    key = address.namespace if row.namespaced else "", address.name
    stored = backing.store.get(row.storage, key)
    if stored is None:
        return _apply_new(job, address, wanted)
    old = shown(row, stored)
    live, entries = ownership.bare(old)
    if address.subresource == "scale":
        new = scaling.rescaled(row, live, scaling.merged_scale(row, live, wanted))
        entries = ownership.scale_applied(row, live, new, entries, job.writer, force=force)
        return _rescaled(job, old, wanted, new, entries)
    application = ownership.application(row, live, entries, wanted, job.writer, force=force)
    new, entries = server_side_apply.apply(application)
    new = copy_json(new)
    metadata.check_address(row, new, address.namespace, address.name)
    return _replace(job, old, new, entries)


def _apply_new(job: _Job, address: Address, wanted: Object) -> Written:
    """Create what is applied; only an object as a whole can be created."""
    row = job.row
    if address.subresource:
        raise NotFound.of(row.name, address.name)
    head = {"apiVersion": row.api_version, "kind": row.kind}
    application = ownership.application(row, head, [], wanted, job.writer, force=False)
    new, entries = server_side_apply.apply(application)
    new = copy_json(new)
    metadata.check_unborn(row, new)
    metadata.check_address(row, new, address.namespace, address.name)
    with _warned(job):
        return _created(job, _begun(job, new), entries)


def _key(obj: Object) -> Key:
    try:
        return key_of(obj)
    except (KeyError, TypeError, AttributeError):
        raise BadRequest("name must be provided") from None


def _rescale(job: _Job, old: Object, scale: Object) -> Written:
    return _rescaled(job, old, scale, scaling.rescaled(job.row, old, scale), None)


def _rescaled(
    job: _Job, old: Object, scale: Object, new: Object, entries: Entries | None
) -> Written:
    """Replace `old` by `new`, which is `old` with the replicas of `scale`; the Scale after it."""
    metadata.check_version(job.row, old, {"metadata": scale.get("metadata") or {}})
    written = _replace(job, old, new, entries)
    return Written(scaling.draft_scale(job.row, written.object), written.warnings)


def _replace(job: _Job, was: Object, new: Object, applied: Entries | None = None) -> Written:
    """Replace `was` by `new`, which may be changed; `applied` are its managedFields if known."""
    row = job.row
    old, before = ownership.bare(was)
    given = new["metadata"].pop("managedFields", None)
    with _warned(job):
        metadata.check_version(row, old, new)
        _conform(job, new)
        new = _prepared(job, old, new)
        entries = applied
        if entries is None:
            entries = before if job.subresource else chosen(given, before)
            entries = ownership.replaced(row, old, new, entries, job.writer)
        mutated = _mutated(job, new, old)
        if mutated is not new:
            new = _prepared(job, old, mutated)
        if job.subresource not in ("status", *row.parts):
            metadata.count_generation(row, old, new)
        _validate(job, new, old)
        if new == old and same_but_times(entries, before):
            return Written(copy_json(was), distinct(job.warnings))
        return _kept(job, new, entries)


def _prepared(job: _Job, old: Object, new: Object) -> Object:
    """`new` with everything that this path of the API may not change as it was."""
    if job.subresource == "status":
        if not job.row.has_status:
            raise NotFound.of(job.row.name, old["metadata"]["name"])
        merged: Object = copy_json({k: v for k, v in old.items() if k != "status"})
        merged |= {k: v for k, v in new.items() if k == "status"}
        if not job.row.strategic_merge:
            return merged  # a custom resource keeps all of its metadata
        merged["metadata"] = metadata.beside_status(job.row, old, new)
        return job.row.strategy.default(merged, old)
    if part := job.row.parts.get(job.subresource):
        return part(copy_json(old), new)
    metadata.carry_over(job.row, old, new)
    return job.row.strategy.default(new, old)


def _conform(job: _Job, new: Object) -> None:
    """Bring `new` into the shape of its schema; complain about fields it does not know."""
    schema.drop_nulls(job.row.schema, new)
    leave_out_empty(job.row.field_type, new, typed=job.row.strategic_merge)
    repeated, unknown = job.options.repeated, _unknown_fields(job, new)
    if job.options.field_validation == "Strict" and (repeated or unknown):
        raise StrictDecodingError(job.row, repeated, unknown)
    if job.options.field_validation == "Warn":
        job.warnings.extend((*repeated, *unknown))


def _unknown_fields(job: _Job, new: Object) -> list[str]:
    """Fill in the schema's defaults and take out what it does not know; complaints about that."""
    if job.row.schema is None:
        return []
    unknown = schema.prune(job.row.schema, new)
    schema.default(job.row.schema, new)
    ordered = unknown if job.row.strategic_merge else sorted(unknown)
    return [f'unknown field "{path}"' for path in ordered]


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
        unique = not row.strategic_merge  # built-in kinds have rules of their own for lists
        causes += validation.validate(row.schema, new, unique=unique)
    if job.subresource == "status":
        causes += row.strategy.validate_status(new, old)
    elif job.subresource not in row.parts:
        causes += row.strategy.validate(new, old)
    if causes:
        raise _invalid(row, new["metadata"].get("name", ""), causes)
    job.warnings.extend(metadata.warnings(row, old, new))
    job.warnings.extend(job.backing.admission.validate(_attempt(job, new, old)))
    if not job.subresource:
        job.backing.lifecycle.approve(job.backing.store, row, new, old)


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


def _kept(job: _Job, new: Object, entries: Entries) -> Written:
    if entries:
        new["metadata"]["managedFields"] = entries
    if not job.options.dry_run:
        kept = stored_form(job.backing, job.row, copy_json(new))
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

"""The kinds a server serves: one row each, and the hooks in which they differ."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeAlias

from knlab.embedded.kube.errors import Cause
from knlab.embedded.kube.field_types import FieldType, object_type
from knlab.embedded.kube.go_types import Struct
from knlab.embedded.kube.names import subdomain_errors
from knlab.embedded.kube.objects import GroupResource, Object

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


def _unchanged(new: Object, _old: Object | None) -> Object:
    return new


def _no_causes(_new: Object, _old: Object | None) -> list[Cause]:
    return []


@dataclass(frozen=True, slots=True)
class Strategy:
    """How one kind differs on a write: `default(new, old)` first, then `validate(new, old)`.

    `old` is None on create. Both are pure; `default` may change and return `new`.
    `name_errors` says what is wrong with a name (`kube.names` has Kubernetes' rules).
    """

    default: Callable[[Object, Object | None], Object] = _unchanged
    validate: Callable[[Object, Object | None], list[Cause]] = _no_causes
    name_errors: Callable[[str], list[str]] = subdomain_errors
    validate_status: Callable[[Object, Object | None], list[Cause]] = _no_causes
    """What is wrong with a write of the status alone."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of `kubectl get`.

    `cell(obj, now)` gives the cell of a built-in kind; `path` is a CRD's JSONPath: one is set.
    Columns with `priority` > 0 show with `-o wide` only.
    """

    name: str
    type: Literal["string", "integer", "number", "boolean", "date"] = "string"
    cell: Callable[[Object, float], Any] | None = None
    path: str = ""
    format: str = ""
    description: str = ""
    priority: int = 0


@dataclass(frozen=True, slots=True)
class ScalePaths:
    """Where a kind keeps what the `scale` subresource shows, as JSONPaths like `.spec.replicas`."""

    spec_replicas: str = ".spec.replicas"
    status_replicas: str = ".status.replicas"
    label_selector: str = ".spec.selector"


@dataclass(frozen=True, slots=True)
class Conversion:
    """Between a row's version and the one that is stored, if they differ in more than their name.

    Both are pure and may use parts of what they are given, which they do not change. apiVersion and
    kind are set by the caller.
    """

    shown: Callable[[Object], Object]
    """From a stored object to one of the row's version."""
    stored: Callable[[Object], Object]
    """And back."""


Path: TypeAlias = tuple[str, ...]
"""The names of the fields that lead to one."""
Part: TypeAlias = Callable[[Object, Object], Object]
"""(copy of the object as it is, the object that a write brings) → the object as it becomes."""


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One row: a kind in one version."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    singular: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    list_kind: str = ""
    has_status: bool = True
    """Whether the `status` subresource exists."""
    status_keeps: tuple[str, ...] = ()
    """What of the metadata a write of a built-in kind's status leaves as it was."""
    has_generation: bool = True
    """Whether metadata.generation counts changes of the spec."""
    counts_annotations: bool = False
    """Whether it counts changes of the annotations, too."""
    scale: ScalePaths | None = None
    subresources: tuple[str, ...] = ()
    """Further subresources by name, e.g. `log`; the platform supplies their handlers."""
    verbs: tuple[str, ...] = ALL_VERBS
    strategy: Strategy = field(default_factory=Strategy)
    columns: tuple[Column, ...] = ()
    schema: Mapping[str, Any] | None = None
    """OpenAPI v3 structural schema; None means that any field is accepted."""
    fields: FieldType | None = None
    """How the fields of a built-in kind are owned and merge; None: as the schema says."""
    allotted: tuple[Path, ...] = ()
    """What the server fills in on create, if it is missing, without anybody owning it."""
    structure: Struct | None = None
    """What a built-in kind is decoded into; None: only the metadata is checked for its types."""
    strategic_merge: bool = True
    """Whether strategic merge patches are accepted: built-in kinds yes, custom resources no."""
    field_selectors: tuple[str, ...] = ()
    """Fields that can be selected besides metadata.name and metadata.namespace."""
    stored_as: GroupResource | None = None
    """Where objects are kept if another row shares the storage; None: under its own name."""
    is_storage_version: bool = True
    conversion: Conversion | None = None
    """How this version differs from the stored one; None: only in its name."""
    noted_as: Mapping[str, str] = field(default_factory=dict)
    """Under which subresource the owner of what a part writes is noted; nobody is for others."""
    parts: Mapping[str, Part] = field(default_factory=dict)
    """Subresources that write a part of the object past the kind's strategy and its generation."""
    deprecation: str = ""
    """Set: a warning that every answer about this version carries."""
    orphan_warning: str = ""
    """Set: who deletes without a propagationPolicy leaves the dependents, and is told this."""

    @cached_property
    def field_type(self) -> FieldType:
        """How the fields of objects are owned and merge."""
        return self.fields or object_type(self.schema)

    @property
    def api_version(self) -> str:
        """`group/version`, or just the version in the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def name(self) -> GroupResource:
        """Group and plural."""
        return GroupResource(self.group, self.plural)

    @property
    def storage(self) -> GroupResource:
        """The name under which objects are stored."""
        return self.stored_as or self.name


class Registry:
    """All rows, in the order in which discovery shows them: core first."""

    def __init__(self, rows: tuple[Resource, ...] = ()) -> None:
        self._rows: dict[tuple[str, str, str], Resource] = {}
        self._storage_rows: dict[GroupResource, Resource | None] = {}
        self._versions: dict[GroupResource, tuple[str, ...]] = {}
        for row in rows:
            self.add(row)

    def add(self, row: Resource) -> None:
        """Serve `row`; replaces the row of the same group, version and plural."""
        self._rows[row.group, row.version, row.plural] = row
        self._forget_found()

    def remove(self, row: Resource) -> None:
        """Stop serving `row`."""
        self._rows.pop((row.group, row.version, row.plural), None)
        self._forget_found()

    def _forget_found(self) -> None:
        self._storage_rows.clear()
        self._versions.clear()

    def __iter__(self) -> Iterator[Resource]:
        return iter(tuple(self._rows.values()))

    def find(self, group: str, version: str, plural: str) -> Resource | None:
        """The row for one path of the API; None if nobody serves it."""
        return self._rows.get((group, version, plural))

    def storage_row(self, name: GroupResource) -> Resource | None:
        """The row that stores `name`: its storage version; None if nobody serves it."""
        if name not in self._storage_rows:
            found = [row for row in self if name in {row.storage, row.name}]
            storing = [row for row in found if row.is_storage_version] or found
            self._storage_rows[name] = storing[0] if storing else None
        return self._storage_rows[name]

    def versions(self, name: GroupResource) -> tuple[str, ...]:
        """The versions in which `name` is served; empty if nobody serves it."""
        if name not in self._versions:
            self._versions[name] = tuple(row.version for row in self if row.name == name)
        return self._versions[name]

    def by_kind(self, api_version: str, kind: str) -> Resource | None:
        """The row of `kind` in `api_version`; None if nobody serves it."""
        return next((r for r in self if r.kind == kind and r.api_version == api_version), None)

"""The answers to an apply that cannot be done: other managers own fields, or types do not fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from knlab.embedded.kube.errors import Conflict, StatusError
from knlab.embedded.kube.field_sets import FieldSet, path_text, paths
from knlab.embedded.kube.managed_fields import Entry
from knlab.embedded.kube.objects import Object, group_of, json_text


class ApplyFailedError(StatusError):
    """400: what was applied does not fit the types of its fields.

    Kubernetes gives no reason, and the code 500; the mistake is the client's.
    """

    code = 400

    def status(self) -> Object:
        """The `Status`, without a reason."""
        return {key: value for key, value in super().status().items() if key != "reason"}


def misfit(applied: Object, problems: Sequence[str]) -> ApplyFailedError:
    """The error for `applied`, of whose fields `problems` tell."""
    metadata = applied.get("metadata") or {}
    version = applied["apiVersion"]
    kind = f"{version if group_of(version) else f'/{version}'}, Kind={applied['kind']}"
    place = f"{metadata.get('namespace') or ''}/{metadata.get('name') or ''}"
    shown = problems[0] if len(problems) == 1 else "\n  ".join(("errors:", *problems))
    return ApplyFailedError(f"failed to create typed patch object ({place}; {kind}): {shown}")


def conflict(found: Sequence[tuple[Entry, FieldSet]]) -> Conflict:
    """The error for fields that other managers own, worded as Kubernetes words it."""
    owners = [
        (_owner(entry), list(map(path_text, paths(fields))))
        for entry, fields in sorted(found, key=lambda pair: _order(pair[0]))
    ]
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {owner}", "field": path}
        for owner, fields in owners
        for path in fields
    ]
    return Conflict(_message(owners, len(causes)), details={"causes": causes})


def _message(owners: Sequence[tuple[str, Sequence[str]]], count: int) -> str:
    if count == 1:
        owner, fields = owners[0]
        return f"Apply failed with 1 conflict: conflict with {owner}: {fields[0]}"
    lines = [
        line
        for owner, fields in owners
        for line in (f"conflicts with {owner}:", *(f"- {path}" for path in fields))
    ]
    return f"Apply failed with {count} conflicts: " + "\n".join(lines)


def _owner(entry: Entry) -> str:
    """`"kubectl" with subresource "scale" using apps/v1`; appliers have no version."""
    text = json_text(entry["manager"])
    if entry.get("subresource"):
        text += f" with subresource {json_text(entry['subresource'])}"
    if entry["operation"] == "Update":
        text += f" using {entry['apiVersion']}"
    return text


def _order(entry: Entry) -> tuple[Any, ...]:
    """Kubernetes sorts managers by the JSON of what identifies them."""
    version = entry["apiVersion"] if entry["operation"] == "Update" else ""
    return entry["manager"], entry["operation"], version, entry.get("subresource", "")

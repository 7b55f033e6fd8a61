"""Labels and annotations that the children of a Revision share."""

from __future__ import annotations

from typing import Final

from knlab.embedded.kube.objects import Object, annotations_of, owner_reference
from knlab.embedded.serving import keys

_NOT_COPIED_LABELS: Final = frozenset({keys.ROUTE, keys.ROUTING_STATE})
_NOT_COPIED: Final = frozenset(
    {keys.LAST_PINNED, keys.NO_GC, keys.ROUTING_STATE_MODIFIED, keys.ROUTES}
)


def child_metadata(
    name: str, owner: Object, *, labels: dict[str, str], annotations: dict[str, str]
) -> Object:
    """Metadata of a child of `owner` in its namespace; empty maps are left out."""
    metadata: Object = {
        "name": name,
        "namespace": owner["metadata"]["namespace"],
        "ownerReferences": [owner_reference(owner)],
    }
    if labels:
        metadata["labels"] = labels
    if annotations:
        metadata["annotations"] = annotations
    return metadata


def revision_child_labels(revision: Object) -> dict[str, str]:
    """The labels of everything that belongs to `revision`."""
    labels = {
        key: value
        for key, value in keys.labels_of(revision).items()
        if key not in _NOT_COPIED_LABELS
    }
    labels[keys.REVISION] = revision["metadata"]["name"]
    labels[keys.REVISION_UID] = revision["metadata"]["uid"]
    labels.setdefault(keys.APP, revision["metadata"]["name"])
    return labels


def revision_child_annotations(revision: Object, *, autoscaling: bool = False) -> dict[str, str]:
    """The annotations for children of `revision`, with or without those of the autoscaler."""
    return {
        key: value
        for key, value in annotations_of(revision).items()
        if key not in _NOT_COPIED and (autoscaling or not key.startswith(keys.AUTOSCALING))
    }

"""The Ingress that a sync keeps as it wants it, and what it shows of it."""

from __future__ import annotations

from typing import Final

from knlab.embedded.kube.controller import create, update
from knlab.embedded.kube.objects import Object, condition
from knlab.embedded.serving.conditions import StatusDraft
from knlab.embedded.serving.go_text import quoted
from knlab.embedded.serving.kinds import INGRESSES
from knlab.embedded.serving.work import Work

INGRESS_READY: Final = "IngressReady"
_OWN: Final = ("labels", "annotations")


def keep_ingress(work: Work, existing: Object | None, wanted: Object) -> Object:
    """The Ingress as it will be after this sync's writes."""
    name = wanted["metadata"]["name"]
    if existing is None:
        failing, told = "failed to create Ingress", "Failed to create Ingress"
        work.write(create(INGRESSES, wanted), failing, told=told)
        work.normal("Created", f"Created Ingress {quoted(name)}")
        return wanted | {"metadata": wanted["metadata"] | {"generation": 1}}
    old, new = existing["metadata"], wanted["metadata"]
    same = all((old.get(part) or {}) == (new.get(part) or {}) for part in _OWN)
    if same and existing["spec"] == wanted["spec"]:
        return existing
    metadata = old | {part: new.get(part) or {} for part in _OWN}
    changed = existing | {"metadata": metadata, "spec": wanted["spec"]}
    work.write(update(INGRESSES, changed), "failed to update Ingress")
    if existing["spec"] == wanted["spec"]:
        return changed
    return changed | {"metadata": metadata | {"generation": old["generation"] + 1}}


def show_unconfigured(draft: StatusDraft) -> None:
    """Mark the Ingress as one that nobody has looked at yet."""
    draft.unknown(INGRESS_READY, "IngressNotConfigured", "Ingress has not yet been reconciled.")


def show_ingress(draft: StatusDraft, ingress: Object) -> None:
    """Mark the Ingress as ready as it says of itself."""
    ready = condition(ingress, "Ready")
    if ready is None:
        show_unconfigured(draft)
    else:
        draft.copy(INGRESS_READY, ready)

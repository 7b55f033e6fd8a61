"""Configuration → one Revision per generation, and which of them is the latest that works."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from knlab.embedded.kube.controller import NOTHING, Controller, Outcome, View, create
from knlab.embedded.kube.objects import Key, Object, condition
from knlab.embedded.serving import keys, views
from knlab.embedded.serving.conditions import StatusDraft
from knlab.embedded.serving.go_text import quoted
from knlab.embedded.serving.kinds import CONFIGURATIONS, REVISIONS
from knlab.embedded.serving.resources.service_children import make_revision
from knlab.embedded.serving.work import Failed, Work


@dataclass(frozen=True, slots=True)
class NamedRevision:
    """The revision under the template's own name: ours, somebody else's, or none."""

    revision: Object | None = None
    conflict: bool = False


def template_name(configuration: Object) -> str:
    """The name that the author gave the next revision; empty if Knative names it."""
    metadata = configuration["spec"].get("template", {}).get("metadata") or {}
    return str(metadata.get("name") or "")


def named_revision(view: View, configuration: Object) -> NamedRevision:
    """What stands under the template's own name, if it has one."""
    name = template_name(configuration)
    if not name:
        return NamedRevision()
    metadata = configuration["metadata"]
    revision = view.find(REVISIONS, metadata["namespace"], name)
    if revision is None:
        return NamedRevision()
    if not views.is_controlled_by(revision, configuration):
        return NamedRevision(conflict=True)
    generation = keys.labels_of(revision).get(keys.CONFIGURATION_GENERATION)
    if generation == str(metadata["generation"]):
        return NamedRevision(revision)
    if configuration["spec"]["template"].get("spec") != revision["spec"]:
        return NamedRevision(conflict=True)
    return NamedRevision(revision)


def sync_configuration(view: View, key: Key, now: float) -> Outcome:
    """One look at the Configuration `key`."""
    configuration = view.find(CONFIGURATIONS, *key)
    if configuration is None or configuration["metadata"].get("deletionTimestamp"):
        return NOTHING
    draft = StatusDraft(configuration, now=now)
    work = Work(configuration, draft, CONFIGURATIONS)
    named = named_revision(view, configuration)
    if named.conflict:
        text = f"{REVISIONS} {quoted(template_name(configuration))} already exists"
        _creation_failed(draft, text)
        return work.outcome()
    try:
        latest = named.revision or _latest_created(view, configuration)
        if latest is None:
            latest = _create(view, configuration, work, now)
    except Failed as failure:
        return work.outcome(failed=str(failure))
    _judge_created(latest, draft, work)
    _set_latest_ready(view, configuration, latest, draft, work)
    return work.outcome()


def _creation_failed(draft: StatusDraft, text: str) -> None:
    draft.false("Ready", "RevisionFailed", f"Revision creation failed with message: {text}.")


def _latest_created(view: View, configuration: Object) -> Object | None:
    metadata = configuration["metadata"]
    labels = {
        keys.CONFIGURATION_GENERATION: str(metadata["generation"]),
        keys.CONFIGURATION: metadata["name"],
    }
    return next(iter(view.list(REVISIONS, metadata["namespace"], labels)), None)


def _create(view: View, configuration: Object, work: Work, now: float) -> Object:
    revision = make_revision(configuration, now)
    name = revision["metadata"]["name"]
    if view.find(REVISIONS, revision["metadata"]["namespace"], name) is not None:
        taken = f"{REVISIONS} {quoted(name)} already exists"
        raise Failed(f"failed to create Revision: {taken}")
    work.write(
        create(REVISIONS, revision),
        "failed to create Revision",
        told="Failed to create Revision",
        mark=_creation_failed,
    )
    work.normal("Created", f"Created Revision {quoted(name)}")
    return revision


def _judge_created(latest: Object, draft: StatusDraft, work: Work) -> None:
    name, status = latest["metadata"]["name"], draft.status
    ready_name = status.get("latestReadyRevisionName", "")
    status["latestCreatedRevisionName"] = name
    if ready_name != name:
        draft.unknown("Ready")
    ready = condition(latest, "Ready") or {"status": "Unknown"}
    if ready["status"] == "True" and not ready_name:
        work.normal("ConfigurationReady", "Configuration becomes ready")
    if ready["status"] == "False":
        before = draft.get("Ready")
        message = ready.get("message", "")
        text = f"Revision {quoted(name)} failed with message: {message}."
        draft.false("Ready", "RevisionFailed", text)
        if draft.get("Ready") == before:
            return
        if name == ready_name:
            work.warning("LatestReadyFailed", f"Latest ready revision {quoted(name)} has failed")
        else:
            text = f"Latest created revision {quoted(name)} has failed"
            work.warning("LatestCreatedFailed", text)


def _set_latest_ready(
    view: View, configuration: Object, latest: Object, draft: StatusDraft, work: Work
) -> None:
    for revision in _newest_first(view, configuration, latest, draft):
        if not views.is_ready(revision):
            continue
        name = revision["metadata"]["name"]
        old = draft.status.get("latestReadyRevisionName", "")
        draft.status["latestReadyRevisionName"] = name
        if name == draft.status["latestCreatedRevisionName"]:
            draft.true("Ready")
        if old != name:
            text = f"LatestReadyRevisionName updated to {quoted(name)}"
            work.normal("LatestReadyUpdate", text)
        return


def _newest_first(
    view: View, configuration: Object, latest: Object, draft: StatusDraft
) -> list[Object]:
    metadata = configuration["metadata"]
    namespace, own_name = metadata["namespace"], template_name(configuration)
    revisions = view.list(REVISIONS, namespace, {keys.CONFIGURATION: metadata["name"]})
    known = draft.status.get("latestReadyRevisionName", "")
    ready = view.find(REVISIONS, namespace, known) if known else None
    if ready is not None:
        oldest = _generation(ready)
        start = metadata["generation"] if oldest is None else oldest
        also = _generation(latest) if own_name else None
        revisions = [
            revision
            for revision in revisions
            if _is_within(_generation(revision), start, metadata["generation"], also)
        ]
    revisions.sort(key=lambda item: _generation(item) or 0, reverse=True)
    revisions.sort(key=lambda item: item["metadata"]["name"] != own_name)
    return revisions


def _is_within(generation: int | None, start: int, end: int, also: int | None) -> bool:
    return generation is not None and (start <= generation <= end or generation == also)


def _generation(revision: Object) -> int | None:
    text = keys.labels_of(revision).get(keys.CONFIGURATION_GENERATION, "")
    return int(text) if text.isdigit() else None


def configuration_of_revision(revision: Object) -> Iterable[Key]:
    """The key of the Configuration that `revision` comes from, by its label."""
    name = keys.labels_of(revision).get(keys.CONFIGURATION)
    return ((revision["metadata"]["namespace"], name),) if name else ()


def configuration_controller() -> Controller:
    """The control loop for Configurations."""
    return Controller(
        name="configuration-controller",
        parent=CONFIGURATIONS,
        sync=sync_configuration,
        owns=(REVISIONS,),
    )

"""Service → Configuration and Route, and their conditions back."""

from __future__ import annotations

from typing import Final

from knlab.embedded.kube.controller import NOTHING, Controller, Outcome, View, create, update
from knlab.embedded.kube.objects import GroupResource, Key, Object, condition
from knlab.embedded.serving import views
from knlab.embedded.serving.conditions import StatusDraft
from knlab.embedded.serving.controllers.configuration import named_revision, template_name
from knlab.embedded.serving.go_text import quoted
from knlab.embedded.serving.kinds import CONFIGURATIONS, ROUTES, SERVICES, TYPES
from knlab.embedded.serving.resources.service_children import make_configuration, make_route
from knlab.embedded.serving.work import Failed, Work

_CONFIGURATIONS_READY: Final = "ConfigurationsReady"
_ROUTES_READY: Final = "RoutesReady"
_CONFIGURATION_FIELDS: Final = ("latestCreatedRevisionName", "latestReadyRevisionName")
_ROUTE_FIELDS: Final = ("url", "address", "traffic")


def sync_service(view: View, key: Key, now: float) -> Outcome:
    """One look at the Service `key`."""
    service = view.find(SERVICES, *key)
    if service is None or service["metadata"].get("deletionTimestamp"):
        return NOTHING
    draft = StatusDraft(service, _CONFIGURATIONS_READY, _ROUTES_READY, now=now)
    work = Work(service, draft, SERVICES)
    try:
        _reconcile(view, service, draft, work)
    except Failed as failure:
        return work.outcome(failed=str(failure))
    return work.outcome()


def _reconcile(view: View, service: Object, draft: StatusDraft, work: Work) -> None:
    wanted = make_configuration(service, view.find(CONFIGURATIONS, *_key(service)))
    configuration = _child(view, CONFIGURATIONS, wanted, draft, work)
    if not views.is_observed(configuration):
        text = "The Configuration is still working to reflect the latest desired specification."
        draft.unknown(_CONFIGURATIONS_READY, "OutOfDate", text)
        if template_name(configuration):
            return
    else:
        _propagate(draft, configuration, _CONFIGURATIONS_READY, _CONFIGURATION_FIELDS)
    name = template_name(configuration)
    if named_revision(view, configuration).conflict:
        draft.false(
            _ROUTES_READY,
            "RevisionNameTaken",
            f"The revision name {quoted(name)} is taken by a conflicting Revision,"
            " so traffic will not be migrated",
        )
        return
    route = _child(view, ROUTES, make_route(service), draft, work)
    if not views.is_observed(route):
        text = "The Route is still working to reflect the latest desired specification."
        draft.unknown(_ROUTES_READY, "OutOfDate", text)
    else:
        _propagate(draft, route, _ROUTES_READY, _ROUTE_FIELDS)
    if draft.is_status(_ROUTES_READY, "True") and not _is_migrated(configuration, route):
        text = "Traffic is not yet migrated to the latest revision."
        draft.unknown(_ROUTES_READY, "TrafficNotMigrated", text)


def _key(service: Object) -> Key:
    return service["metadata"]["namespace"], service["metadata"]["name"]


def _child(
    view: View, resource: GroupResource, wanted: Object, draft: StatusDraft, work: Work
) -> Object:
    """The child as it will be after this sync's writes."""
    kind = TYPES[resource][1]
    name = wanted["metadata"]["name"]
    existing = view.find(resource, wanted["metadata"]["namespace"], name)
    if existing is None:
        told = f"Failed to create {kind} {quoted(name)}"
        work.write(create(resource, wanted), f"failed to create {kind}", told=told)
        work.normal("Created", f"Created {kind} {quoted(name)}")
        return wanted | {"metadata": wanted["metadata"] | {"generation": 1}}
    if not views.is_controlled_by(existing, work.regarding):
        condition_kind = _CONFIGURATIONS_READY if resource == CONFIGURATIONS else _ROUTES_READY
        text = f"There is an existing {kind} {quoted(name)} that we do not own."
        draft.false(condition_kind, "NotOwned", text)
        service = work.regarding["metadata"]["name"]
        raise Failed(f"service: {quoted(service)} does not own {kind.lower()}: {quoted(name)}")
    changed = _updated(existing, wanted)
    if changed is None:
        return existing
    work.write(update(resource, changed), f"failed to reconcile {kind}")
    if changed["spec"] == existing["spec"]:
        return changed
    generation = existing["metadata"]["generation"] + 1
    return changed | {"metadata": changed["metadata"] | {"generation": generation}}


def _updated(existing: Object, wanted: Object) -> Object | None:
    old, new = existing["metadata"], wanted["metadata"]
    same = all((old.get(part) or {}) == (new.get(part) or {}) for part in ("labels", "annotations"))
    if same and existing["spec"] == wanted["spec"]:
        return None
    metadata = old | {part: new.get(part) or {} for part in ("labels", "annotations")}
    return existing | {"metadata": metadata, "spec": wanted["spec"]}


def _propagate(
    draft: StatusDraft, child: Object, condition_kind: str, fields: tuple[str, ...]
) -> None:
    status = child.get("status") or {}
    for name in fields:
        draft.status.pop(name, None)
        if name in status:
            draft.status[name] = status[name]
    ready = condition(child, "Ready")
    if ready is not None:
        draft.copy(condition_kind, ready)


def _is_migrated(configuration: Object, route: Object) -> bool:
    latest = (configuration.get("status") or {}).get("latestReadyRevisionName", "")
    wanted = [
        (
            target.get("tag", ""),
            latest if target.get("configurationName") else target.get("revisionName", ""),
            target.get("percent"),
        )
        for target in route["spec"].get("traffic") or ()
    ]
    actual = [
        (target.get("tag", ""), target.get("revisionName", ""), target.get("percent"))
        for target in (route.get("status") or {}).get("traffic") or ()
    ]
    return wanted == actual


def service_controller() -> Controller:
    """The control loop for Services."""
    return Controller(
        name="service-controller",
        parent=SERVICES,
        sync=sync_service,
        owns=(CONFIGURATIONS, ROUTES),
    )

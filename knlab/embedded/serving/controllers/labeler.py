"""Route → who is routed: routes and routingState on its Configurations and Revisions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from knlab.embedded.kube.controller import NOTHING, Controller, Outcome, View, update
from knlab.embedded.kube.objects import GroupResource, Key, Object, controller_of, copy_json
from knlab.embedded.serving import keys, views
from knlab.embedded.serving.conditions import timestamp
from knlab.embedded.serving.controllers.route import routes_of
from knlab.embedded.serving.go_text import quoted
from knlab.embedded.serving.kinds import CONFIGURATIONS, REVISIONS, ROUTES
from knlab.embedded.serving.work import Work, has_finalizer, with_finalizer, without_finalizer

FINALIZER: Final = "routes.serving.knative.dev"


def sync_labels(view: View, key: Key, now: float) -> Outcome:
    """One look at the Route `key`: mark what it routes to, and unmark what it does no more."""
    route = view.find(ROUTES, *key)
    if route is None:
        return NOTHING
    work = Work(route)
    name = quoted(route["metadata"]["name"])
    if route["metadata"].get("deletionTimestamp"):
        if not has_finalizer(route, FINALIZER):
            return NOTHING
        _unmark(view, route, set(), set(), work, now)
        work.write(update(ROUTES, without_finalizer(route, FINALIZER)))
        work.normal("FinalizerUpdate", f"Updated {name} finalizers")
        return work.outcome()
    if not has_finalizer(route, FINALIZER):
        work.write(update(ROUTES, with_finalizer(route, FINALIZER)))
        work.normal("FinalizerUpdate", f"Updated {name} finalizers")
        return work.outcome()
    revisions, configurations = _routed(view, route)
    if views.is_ready(route) or views.is_failed(route):
        _unmark(view, route, revisions, configurations, work, now)
    _mark(view, route, revisions, configurations, work, now)
    return work.outcome()


def _routed(view: View, route: Object) -> tuple[set[str], set[str]]:
    """Names of the Revisions and Configurations that `route` refers to, in spec or status."""
    namespace = route["metadata"]["namespace"]
    revisions: set[str] = set()
    configurations: set[str] = set()
    for target in _targets(route):
        configuration_name = target.get("configurationName", "")
        if target.get("revisionName"):
            revision = view.find(REVISIONS, namespace, target["revisionName"])
            if revision is None:
                continue
            revisions.add(target["revisionName"])
            owner = controller_of(revision)
            if owner is not None and owner["kind"] == "Configuration":
                configuration_name = owner["name"]
        configuration = view.find(CONFIGURATIONS, namespace, configuration_name)
        if configuration is None:
            continue
        configurations.add(configuration_name)
        created = (configuration.get("status") or {}).get("latestCreatedRevisionName")
        if created and target.get("latestRevision"):
            revisions.add(created)
    return revisions, configurations


def _targets(route: Object) -> Iterator[Object]:
    yield from (route.get("status") or {}).get("traffic") or ()
    yield from route["spec"].get("traffic") or ()


def _unmark(
    view: View,
    route: Object,
    revisions: set[str],
    configurations: set[str],
    work: Work,
    now: float,
) -> None:
    namespace, name = route["metadata"]["namespace"], route["metadata"]["name"]
    for resource, kept in ((REVISIONS, revisions), (CONFIGURATIONS, configurations)):
        for obj in view.list(resource, namespace):
            known = views.comma_set(keys.annotations_of(obj).get(keys.ROUTES, ""))
            active = resource == CONFIGURATIONS or views.routing_state(obj) == "active"
            if name in known and active and obj["metadata"]["name"] not in kept:
                _write(work, resource, obj, known - {name}, now)


def _mark(
    view: View,
    route: Object,
    revisions: set[str],
    configurations: set[str],
    work: Work,
    now: float,
) -> None:
    namespace, name = route["metadata"]["namespace"], route["metadata"]["name"]
    for resource, names in ((REVISIONS, revisions), (CONFIGURATIONS, configurations)):
        for wanted in sorted(names):
            obj = view.find(resource, namespace, wanted)
            if obj is not None:
                known = views.comma_set(keys.annotations_of(obj).get(keys.ROUTES, ""))
                _write(work, resource, obj, known | {name}, now)


def _write(work: Work, resource: GroupResource, obj: Object, routes: set[str], now: float) -> None:
    changed = copy_json(obj)
    annotations = changed["metadata"].setdefault("annotations", {})
    annotations.pop(keys.ROUTES, None)
    if routes:
        annotations[keys.ROUTES] = ",".join(sorted(routes))
    if resource == REVISIONS:
        state = "active" if routes else "reserve"
        labels = changed["metadata"].setdefault("labels", {})
        if labels.get(keys.ROUTING_STATE) != state:
            labels[keys.ROUTING_STATE] = state
            annotations[keys.ROUTING_STATE_MODIFIED] = timestamp(now)
    if changed != obj:
        work.write(update(resource, changed))


def labeler_controller() -> Controller:
    """The control loop that marks what Routes route to; Knative's labeler too is named thus."""
    return Controller(
        name="route-controller",
        parent=ROUTES,
        sync=sync_labels,
        watches={CONFIGURATIONS: routes_of, REVISIONS: routes_of},
    )

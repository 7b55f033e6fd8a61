"""Route → who is routed: routes and routingState on its Configurations and Revisions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from knlab.embedded.kube.controller import NOTHING, Controller, Outcome, View, update
from knlab.embedded.kube.index import Index
from knlab.embedded.kube.objects import (
    GroupResource,
    Key,
    Object,
    annotations_of,
    controller_of,
    copy_json,
)
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
    if route["metadata"].get("deletionTimestamp"):
        if not has_finalizer(route, FINALIZER):
            return NOTHING
        _unmark(view, route, set(), set(), work, now)
        work.set_finalizers(ROUTES, without_finalizer(route, FINALIZER))
        return work.outcome()
    if not has_finalizer(route, FINALIZER):
        work.set_finalizers(ROUTES, with_finalizer(route, FINALIZER))
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


def _marked(obj: Object) -> Iterator[str]:
    """The Routes that `obj` is marked with."""
    for name in views.comma_set(annotations_of(obj).get(keys.ROUTES, "")):
        yield f"{obj['metadata']['namespace']}/{name}"


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
        for obj in view.having(Index(resource, _marked), f"{namespace}/{name}"):
            known = views.comma_set(annotations_of(obj).get(keys.ROUTES, ""))
            active = resource == CONFIGURATIONS or views.routing_state(obj) == "active"
            if active and obj["metadata"]["name"] not in kept:
                failing = f"failed to remove route annotation to /, Kind= {_named(obj)}"
                _write(work, resource, obj, known - {name}, now, failing)


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
                known = views.comma_set(annotations_of(obj).get(keys.ROUTES, ""))
                failing = (
                    f"failed to add route annotation to Namespace={namespace} Name={_named(obj)}"
                )
                _write(work, resource, obj, known | {name}, now, failing)


def _named(obj: Object) -> str:
    return quoted(obj["metadata"]["name"])


def _write(
    work: Work, resource: GroupResource, obj: Object, routes: set[str], now: float, failing: str
) -> None:
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
        work.write(update(resource, changed), failing)


def labeler_controller() -> Controller:
    """The control loop that marks what Routes route to; Knative's labeler too is named thus."""
    return Controller(
        name="route-controller",
        parent=ROUTES,
        sync=sync_labels,
        watches={CONFIGURATIONS: routes_of, REVISIONS: routes_of},
    )

"""Route → Ingress and placeholder Services: who gets the requests, under which names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from knlab.embedded.kube.controller import (
    NOTHING,
    Controller,
    Outcome,
    View,
    create,
    delete,
    update,
)
from knlab.embedded.kube.objects import Key, Object, annotations_of, condition
from knlab.embedded.serving import keys, views
from knlab.embedded.serving.conditions import StatusDraft
from knlab.embedded.serving.config import (
    ConfigError,
    parse_domains,
    parse_features,
    parse_network,
    read_config,
    reading_config,
)
from knlab.embedded.serving.config_network import LOCAL_DOMAIN
from knlab.embedded.serving.domains import (
    CLUSTER_LOCAL,
    DEFAULT_TARGET,
    DomainNameError,
    Naming,
    visibilities,
)
from knlab.embedded.serving.go_text import parse_seconds, quoted
from knlab.embedded.serving.kinds import (
    CONFIG_MAPS,
    CONFIGURATIONS,
    CORE_SERVICES,
    ENDPOINTS,
    INGRESSES,
    REVISIONS,
    ROUTES,
)
from knlab.embedded.serving.resources.ingress import IngressPlan, make_ingress, make_placeholder
from knlab.embedded.serving.rollout import (
    Rollout,
    goal_of,
    next_rollout,
    observe_ready,
    parse_rollout,
)
from knlab.embedded.serving.traffic import RevisionTarget, TrafficPlan, resolve_traffic
from knlab.embedded.serving.work import Failed, Work

ASSIGNED: Final = "AllTrafficAssigned"
CERTIFICATE: Final = "CertificateProvisioned"
INGRESS_READY: Final = "IngressReady"
_LOOK_AGAIN: Final = 5.0
"""Seconds until a target that does not exist is looked for again; nothing tells of its arrival."""


@reading_config
def sync_route(view: View, key: Key, now: float) -> Outcome:
    """One look at the Route `key`."""
    route = view.find(ROUTES, *key)
    if route is None or route["metadata"].get("deletionTimestamp"):
        return NOTHING
    naming = Naming(read_config(view, parse_network), read_config(view, parse_domains))
    draft = StatusDraft(route, ASSIGNED, INGRESS_READY, CERTIFICATE, now=now)
    work = Work(route, draft, ROUTES)
    if not views.is_observed(route):
        _ingress_not_configured(draft)
    try:
        again = _reconcile(view, draft, work, naming, now)
    except DomainNameError as error:
        draft.false(ASSIGNED, "ErrorConfig", str(error))
        return work.outcome(failed=str(error))
    except (ConfigError, Failed) as failure:
        return work.outcome(failed=str(failure))
    return work.outcome(again_after=again)


def _ingress_not_configured(draft: StatusDraft) -> None:
    draft.unknown(INGRESS_READY, "IngressNotConfigured", "Ingress has not yet been reconciled.")


def _reconcile(
    view: View, draft: StatusDraft, work: Work, naming: Naming, now: float
) -> float | None:
    route = draft.object
    traffic = resolve_traffic(view, route)
    visibility = visibilities(view, route, naming)
    local = visibility[DEFAULT_TARGET] == CLUSTER_LOCAL
    draft.status["url"] = naming.url(route, DEFAULT_TARGET, local=local)
    if traffic.bad is not None:
        bad = traffic.bad
        if bad.is_failure:
            draft.false(ASSIGNED, bad.reason, bad.message)
        else:
            draft.unknown(ASSIGNED, bad.reason, bad.message)
        return _LOOK_AGAIN if "not found" in bad.message else None
    namer = _TrafficStatus(route, naming, visibility)
    draft.status["traffic"] = namer.entries(traffic, Rollout())
    draft.true(ASSIGNED)
    metadata = route["metadata"]
    host = f"{metadata['name']}.{metadata['namespace']}.{LOCAL_DOMAIN}"
    draft.status["address"] = {"url": f"http://{host}"}
    placeholders = _placeholders(view, draft, work, naming, traffic)
    draft.true(CERTIFICATE, "TLSNotEnabled", "external-domain-tls is not enabled")
    existing = view.find(INGRESSES, metadata["namespace"], metadata["name"])
    rollout, again = _rollout(draft, existing, naming, traffic, now)
    plan = IngressPlan(
        traffic=traffic,
        visibility=visibility,
        naming=naming,
        rollout=rollout,
        tag_headers=read_config(view, parse_features).enabled("tag-header-based-routing"),
    )
    ingress = _ingress(work, existing, make_ingress(route, plan))
    if not views.is_observed(ingress):
        _ingress_not_configured(draft)
    elif rollout.done:
        _propagate_ingress(draft, ingress)
    _point_placeholders(work, route, placeholders, ingress)
    if not rollout.done:
        text = "A gradual rollout of the latest revision(s) is in progress."
        draft.unknown(INGRESS_READY, "RolloutInProgress", text)
        draft.status["traffic"] = namer.entries(traffic, rollout)
    return again or None


class _TrafficStatus:
    """Makes status.traffic of a route."""

    def __init__(self, route: Object, naming: Naming, visibility: dict[str, str]) -> None:
        self._route = route
        self._naming = naming
        self._visibility = visibility

    def entries(self, traffic: TrafficPlan, rollout: Rollout) -> list[Object]:
        """One entry per target, or several for one that is being rolled out."""
        return [entry for target in traffic.targets for entry in self._entries(target, rollout)]

    def _entries(self, target: RevisionTarget, rollout: Rollout) -> Iterable[Object]:
        moving = rollout.under(target.tag, target.configuration) if target.latest else None
        shares = (
            [(share.revision, share.percent) for share in moving.revisions]
            if moving is not None
            else [(target.revision, target.percent)]
        )
        for revision, percent in shares:
            entry: Object = {
                "revisionName": revision,
                "percent": percent,
                "latestRevision": target.latest,
            }
            if target.tag:
                local = self._visibility.get(target.tag) == CLUSTER_LOCAL
                entry["tag"] = target.tag
                entry["url"] = self._naming.url(self._route, target.tag, local=local)
            yield entry


def _placeholders(
    view: View, draft: StatusDraft, work: Work, naming: Naming, traffic: TrafficPlan
) -> list[Object]:
    """The placeholder Services of all tags; those of tags that are gone are deleted."""
    route = draft.object
    namespace, name = route["metadata"]["namespace"], route["metadata"]["name"]
    found = []
    for tag in sorted(traffic.groups):
        hostname = naming.hostname(name, tag)
        service = view.find(CORE_SERVICES, namespace, hostname)
        if service is None:
            service = make_placeholder(route, hostname, naming.domain(route, hostname))
            told = f"Failed to create placeholder service {quoted(hostname)}"
            failing = "failed to create placeholder service"
            work.write(create(CORE_SERVICES, service), failing, told=told)
            work.normal("Created", f"Created placeholder service {quoted(hostname)}")
        elif not views.is_controlled_by(service, route):
            raise _not_owned(draft, "Service", hostname)
        endpoints = view.find(ENDPOINTS, namespace, hostname)
        if endpoints is not None and not views.is_controlled_by(endpoints, route):
            raise _not_owned(draft, "Endpoint", hostname)
        found.append(service)
    kept = {service["metadata"]["name"] for service in found}
    for service in view.list(CORE_SERVICES, namespace, {keys.ROUTE: name}):
        if service["metadata"]["name"] not in kept and views.is_controlled_by(service, route):
            work.write(delete(CORE_SERVICES, service), "failed to delete Service")
    return found


def _not_owned(draft: StatusDraft, kind: str, name: str) -> Failed:
    text = f"There is an existing placeholder {kind} {quoted(name)} that we do not own."
    draft.false(INGRESS_READY, "NotOwned", text)
    plural = "Endpoints" if kind == "Endpoint" else kind
    route = quoted(draft.object["metadata"]["name"])
    return Failed(f"route: {route} does not own {plural}: {quoted(name)}")


def _rollout(
    draft: StatusDraft, ingress: Object | None, naming: Naming, traffic: TrafficPlan, now: float
) -> tuple[Rollout, float]:
    goal = goal_of(traffic.groups)
    annotations = annotations_of(draft.object)
    text = keys.ranked_value(annotations, keys.ROLLOUT_DURATION)
    duration = int(parse_seconds(text)) if text else 0
    duration = duration or naming.network.rollout_duration
    if ingress is None or duration <= 0:
        return goal, 0.0
    previous = parse_rollout(annotations_of(ingress).get(keys.ROLLOUT, ""))
    taken_over = views.is_ready(ingress) and not draft.is_status(INGRESS_READY, "True")
    if previous is not None and taken_over:
        previous = observe_ready(previous, now, float(duration))
    return next_rollout(goal, previous, now)


def _ingress(work: Work, existing: Object | None, wanted: Object) -> Object:
    """The Ingress as it will be after this sync's writes."""
    name = wanted["metadata"]["name"]
    if existing is None:
        failing, told = "failed to create Ingress", "Failed to create Ingress"
        work.write(create(INGRESSES, wanted), failing, told=told)
        work.normal("Created", f"Created Ingress {quoted(name)}")
        return wanted | {"metadata": wanted["metadata"] | {"generation": 1}}
    old, new = existing["metadata"], wanted["metadata"]
    same = all((old.get(part) or {}) == (new.get(part) or {}) for part in ("labels", "annotations"))
    if same and existing["spec"] == wanted["spec"]:
        return existing
    metadata = old | {part: new.get(part) or {} for part in ("labels", "annotations")}
    changed = existing | {"metadata": metadata, "spec": wanted["spec"]}
    work.write(update(INGRESSES, changed), "failed to update Ingress")
    if existing["spec"] == wanted["spec"]:
        return changed
    return changed | {"metadata": metadata | {"generation": old["generation"] + 1}}


def _propagate_ingress(draft: StatusDraft, ingress: Object) -> None:
    ready = condition(ingress, "Ready")
    if ready is None:
        _ingress_not_configured(draft)
    else:
        draft.copy(INGRESS_READY, ready)


def _point_placeholders(
    work: Work, route: Object, placeholders: list[Object], ingress: Object
) -> None:
    status = ingress.get("status") or {}
    for service in placeholders:
        inside = keys.labels_of(service).get(keys.VISIBILITY) == keys.CLUSTER_LOCAL
        balancers = (status.get("privateLoadBalancer") or {}).get("ingress") or []
        if not balancers and not inside:
            balancers = (status.get("publicLoadBalancer") or {}).get("ingress") or []
        target = balancers[0].get("domainInternal") if len(balancers) == 1 else None
        if not target or "resourceVersion" not in service["metadata"]:
            continue
        wanted = make_placeholder(route, service["metadata"]["name"], target)
        changed = _repointed(service, wanted)
        if changed is not None:
            work.write(update(CORE_SERVICES, changed))


def _repointed(service: Object, wanted: Object) -> Object | None:
    metadata = dict(service["metadata"])
    for part in ("labels", "annotations"):
        metadata[part] = (metadata.get(part) or {}) | (wanted["metadata"].get(part) or {})
    spec = {key: service["spec"].get(key) for key in wanted["spec"]}
    unchanged = all(
        metadata[part] == (service["metadata"].get(part) or {})
        for part in ("labels", "annotations")
    )
    if unchanged and spec == wanted["spec"]:
        return None
    return service | {"metadata": metadata, "spec": service["spec"] | wanted["spec"]}


def routes_of(obj: Object) -> set[Key]:
    """Keys of the Routes that may send requests to a Configuration or Revision."""
    labels, metadata = keys.labels_of(obj), obj["metadata"]
    names = views.comma_set(annotations_of(obj).get(keys.ROUTES, ""))
    names |= {labels.get(keys.SERVICE, ""), labels.get(keys.CONFIGURATION, ""), metadata["name"]}
    return {(metadata["namespace"], name) for name in names if name}


def route_controller() -> Controller:
    """The control loop for Routes."""
    return Controller(
        name="route-controller",
        parent=ROUTES,
        sync=sync_route,
        owns=(INGRESSES, CORE_SERVICES),
        watches={CONFIGURATIONS: routes_of, REVISIONS: routes_of},
        resync_on=(CONFIG_MAPS,),
    )

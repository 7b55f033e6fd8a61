"""ServerlessService → its two Services and the Endpoints that decide who is asked first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from knlab.embedded.kube.controller import (
    NOTHING,
    Controller,
    Outcome,
    View,
    Write,
    create,
    update,
)
from knlab.embedded.kube.objects import Key, Object
from knlab.embedded.serving import keys, views
from knlab.embedded.serving.conditions import StatusDraft
from knlab.embedded.serving.go_text import quoted
from knlab.embedded.serving.kinds import (
    ACTIVATOR_SERVICE,
    CORE_SERVICES,
    DEPLOYMENTS,
    ENDPOINTS,
    SERVERLESS_SERVICES,
    SYSTEM_NAMESPACE,
)
from knlab.embedded.serving.resources.serverlessservice import (
    make_private_service,
    make_public_endpoints,
    make_public_service,
    serving_subsets,
)
from knlab.embedded.serving.scaling import missing_target
from knlab.embedded.serving.subsets import subset_endpoints
from knlab.embedded.serving.work import Failed, Work

POPULATED: Final = "EndpointsPopulated"
ACTIVATOR_POPULATED: Final = "ActivatorEndpointsPopulated"
_ACTIVATOR_KEY: Final = (SYSTEM_NAMESPACE, ACTIVATOR_SERVICE)


def sync_serverless_service(view: View, key: Key, now: float) -> Outcome:
    """One look at the ServerlessService `key`."""
    sks = view.find(SERVERLESS_SERVICES, *key)
    if sks is None or sks["metadata"].get("deletionTimestamp"):
        return NOTHING
    draft = StatusDraft(sks, POPULATED, now=now)
    work = Work(sks, draft, SERVERLESS_SERVICES)
    try:
        _private_service(view, draft, work)
        _public_service(view, draft, work)
        waits = not _public_endpoints(view, draft, work)
    except Failed as failure:
        return work.outcome(failed=str(failure))
    return work.outcome(again_after=1.0 if waits else None)


def _not_ready(draft: StatusDraft, reason: str) -> None:
    draft.unknown(POPULATED, reason, "K8s Service is not ready")


def _not_owned(draft: StatusDraft, kind: str, name: str) -> Failed:
    text = f"Resource {name} of type {kind} is not owned by SKS"
    draft.false(POPULATED, "NotOwned", text)
    return Failed(f"SKS: {draft.object['metadata']['name']} does not own {kind}: {name}")


def _private_service(view: View, draft: StatusDraft, work: Work) -> None:
    sks = draft.object
    namespace, reference = sks["metadata"]["namespace"], sks["spec"]["objectRef"]
    deployment = view.find(DEPLOYMENTS, namespace, reference["name"])
    if deployment is None:
        missing = missing_target(namespace, reference["name"])
        raise Failed(f"error retrieving deployment selector spec: {missing}")
    wanted = make_private_service(sks, deployment["spec"]["selector"]["matchLabels"])
    name = wanted["metadata"]["name"]
    existing = view.find(CORE_SERVICES, namespace, name)
    if existing is None:
        _not_ready(draft, "CreatingPrivateService")
        work.write(create(CORE_SERVICES, wanted), "failed to create private K8s Service")
    elif not views.is_controlled_by(existing, sks):
        raise _not_owned(draft, "Service", name)
    elif change := _service_change(existing, wanted):
        _not_ready(draft, "UpdatingPrivateService")
        work.write(change, "failed to update private K8s Service")
    draft.status["privateServiceName"] = name


def _public_service(view: View, draft: StatusDraft, work: Work) -> None:
    sks = draft.object
    wanted = make_public_service(sks)
    name = wanted["metadata"]["name"]
    existing = view.find(CORE_SERVICES, sks["metadata"]["namespace"], name)
    if existing is None:
        _not_ready(draft, "CreatingPublicService")
        work.write(create(CORE_SERVICES, wanted), "failed to create public K8s Service")
    elif not views.is_controlled_by(existing, sks):
        raise _not_owned(draft, "Service", name)
    elif change := _service_change(existing, wanted):
        work.write(change, "failed to update public K8s Service")
    draft.status["serviceName"] = name


def _service_change(existing: Object, wanted: Object) -> Write | None:
    spec = {key: value for key, value in existing["spec"].items() if key != "selector"}
    spec |= wanted["spec"]
    if spec == existing["spec"]:
        return None
    return update(CORE_SERVICES, existing | {"spec": spec})


def _public_endpoints(view: View, draft: StatusDraft, work: Work) -> bool:
    """Write the public Endpoints; false if the private ones do not exist yet."""
    sks = draft.object
    metadata = sks["metadata"]
    activators = view.find(ENDPOINTS, *_ACTIVATOR_KEY)
    if activators is None:
        missing = f"{ENDPOINTS} {quoted(ACTIVATOR_SERVICE)} not found"
        raise Failed(f"failed to get activator service endpoints: {missing}")
    private = view.find(ENDPOINTS, metadata["namespace"], draft.status["privateServiceName"])
    if private is None:
        return False
    serving = bool(views.ready_addresses(private))
    source = _source(sks, activators, private)
    existing = view.find(ENDPOINTS, metadata["namespace"], metadata["name"])
    if existing is None:
        _not_ready(draft, "CreatingPublicEndpoints")
        made = make_public_endpoints(sks, source)
        work.write(create(ENDPOINTS, made), "failed to create public K8s Endpoints")
    elif not views.is_controlled_by(existing, sks):
        raise _not_owned(draft, "Endpoints", metadata["name"])
    else:
        wanted = serving_subsets(sks, source)
        if wanted != (existing.get("subsets") or []):
            changed = existing | {"subsets": wanted}
            work.write(update(ENDPOINTS, changed), "failed to update public K8s Endpoints")
    if serving:
        draft.true(POPULATED)
    else:
        _not_ready(draft, "NoHealthyBackends")
    _mark_activator(draft, proxied=not serving or sks["spec"].get("mode") == "Proxy")
    return True


def _source(sks: Object, activators: Object, private: Object) -> Object:
    """Whose addresses the public Endpoints show; the last rule that applies wins."""
    mode = sks["spec"].get("mode", "Serve")
    if not views.ready_addresses(private):
        mode = "Proxy"
    if not views.ready_addresses(activators):
        mode = "Serve"
    if mode == "Serve":
        return private
    return subset_endpoints(
        activators, sks["metadata"]["name"], int(sks["spec"].get("numActivators") or 0)
    )


def _mark_activator(draft: StatusDraft, *, proxied: bool) -> None:
    mark = draft.true if proxied else draft.false
    mark(ACTIVATOR_POPULATED, "ActivatorEndpointsPopulated", "Revision is backed by Activator")


def sync_activator_endpoints(view: View, key: Key, now: float) -> Outcome:
    """One look at the activator's Endpoints: every ServerlessService has to follow them."""
    if key != _ACTIVATOR_KEY:
        return NOTHING
    outcomes = [
        sync_serverless_service(view, (sks["metadata"]["namespace"], sks["metadata"]["name"]), now)
        for sks in view.list(SERVERLESS_SERVICES)
    ]
    return Outcome(writes=tuple(write for outcome in outcomes for write in outcome.writes))


def _sks_of(obj: Object) -> Iterable[Key]:
    name = keys.labels_of(obj).get(keys.SKS)
    return ((obj["metadata"]["namespace"], name),) if name else ()


def serverless_service_controllers() -> tuple[Controller, ...]:
    """The control loop for ServerlessServices, and the one that follows the activator."""
    return (
        Controller(
            name="serverlessservice-controller",
            parent=SERVERLESS_SERVICES,
            sync=sync_serverless_service,
            owns=(CORE_SERVICES,),
            watches={ENDPOINTS: _sks_of},
        ),
        Controller(
            name="serverlessservice-activator-controller",
            parent=ENDPOINTS,
            sync=sync_activator_endpoints,
        ),
    )

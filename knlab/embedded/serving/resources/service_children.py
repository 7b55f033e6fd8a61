"""What a Service and a Configuration own: Configuration, Route, and each Revision."""

from __future__ import annotations

from knlab.embedded.kube.objects import Object, annotations_of, copy_json, owner_reference
from knlab.embedded.serving import keys, views
from knlab.embedded.serving.conditions import timestamp
from knlab.embedded.serving.kinds import CONFIGURATIONS, REVISIONS, ROUTES, typed
from knlab.embedded.serving.resources.metadata import child_metadata
from knlab.embedded.serving.resources.names import revision_name


def make_configuration(service: Object, existing: Object | None = None) -> Object:
    """The Configuration of `service`; routes that `existing` already names stay named."""
    name = service["metadata"]["name"]
    labels = keys.labels_of(service) | {
        keys.SERVICE: name,
        keys.SERVICE_UID: service["metadata"]["uid"],
    }
    annotations = {
        key: value
        for key, value in annotations_of(service).items()
        if key != keys.LAST_APPLIED and key not in keys.ROLLOUT_DURATION
    }
    known = annotations_of(existing).get(keys.ROUTES, "") if existing else ""
    annotations[keys.ROUTES] = ",".join(sorted(views.comma_set(known) | {name}))
    metadata = child_metadata(name, service, labels=labels, annotations=annotations)
    spec = {"template": copy_json(service["spec"].get("template") or {})}
    return typed(CONFIGURATIONS, {"metadata": metadata, "spec": spec})


def make_route(service: Object) -> Object:
    """The Route of `service`: its traffic, with the latest entries naming the Configuration."""
    name = service["metadata"]["name"]
    annotations = annotations_of(service)
    annotations.pop(keys.LAST_APPLIED, None)
    labels = keys.labels_of(service) | {keys.SERVICE: name}
    traffic = copy_json(service["spec"].get("traffic") or [])
    for target in traffic:
        if not target.get("revisionName"):
            target["configurationName"] = name
    metadata = child_metadata(name, service, labels=labels, annotations=annotations)
    return typed(ROUTES, {"metadata": metadata, "spec": {"traffic": traffic}})


def make_revision(configuration: Object, now: float) -> Object:
    """The Revision for the newest generation of `configuration`."""
    metadata = configuration["metadata"]
    template = copy_json(configuration["spec"]["template"])
    own: Object = {
        key: value for key, value in (template.get("metadata") or {}).items() if value is not None
    }
    own.setdefault("name", revision_name(metadata["name"], metadata["generation"]))
    own["namespace"] = metadata["namespace"]
    own["labels"] = dict(own.get("labels") or {}) | revision_labels(configuration)
    annotations = dict(own.get("annotations") or {})
    annotations[keys.ROUTING_STATE_MODIFIED] = timestamp(now)
    state = "pending"
    given = annotations_of(configuration)
    if keys.LAST_MODIFIER in given:
        annotations[keys.CREATOR] = given[keys.LAST_MODIFIER]
    if keys.ROUTES in given:
        annotations[keys.ROUTES] = given[keys.ROUTES]
        state = "active"
    own["labels"][keys.ROUTING_STATE] = state
    own["annotations"] = annotations
    own["ownerReferences"] = [owner_reference(configuration)]
    return typed(REVISIONS, {"metadata": own, "spec": template.get("spec") or {}})


def revision_labels(configuration: Object) -> dict[str, str]:
    """The labels that tell where a Revision of `configuration` comes from."""
    metadata, labels = configuration["metadata"], keys.labels_of(configuration)
    found = {
        keys.CONFIGURATION: metadata["name"],
        keys.SERVICE: labels.get(keys.SERVICE, ""),
        keys.CONFIGURATION_GENERATION: str(metadata["generation"]),
        keys.CONFIGURATION_UID: metadata["uid"],
        keys.SERVICE_UID: labels.get(keys.SERVICE_UID, ""),
    }
    return {key: value for key, value in found.items() if value}

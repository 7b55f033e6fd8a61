"""Revision → Deployment, Images and PodAutoscaler, and what becomes of the pods.

As in Knative, pods are looked at when the Deployment changes and not when they do: a program that
cannot start is told of when the Deployment misses its progress deadline.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from knlab.embedded.kube.controller import NOTHING, Controller, Outcome, View, create, update
from knlab.embedded.kube.objects import Key, Object, annotations_of
from knlab.embedded.serving import keys, views
from knlab.embedded.serving.conditions import StatusDraft
from knlab.embedded.serving.config import (
    parse_autoscaler,
    parse_defaults,
    parse_deployment,
    parse_features,
    parse_logging,
    parse_observability,
    read_config,
    reading_config,
)
from knlab.embedded.serving.go_text import quoted
from knlab.embedded.serving.image_names import has_digest, registry_of
from knlab.embedded.serving.kinds import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    IMAGES,
    POD_AUTOSCALERS,
    PODS,
    REVISIONS,
)
from knlab.embedded.serving.pod_failures import (
    CONTAINER_HEALTHY,
    RESOURCES_AVAILABLE,
    propagate_autoscaler,
    propagate_deployment,
    propagate_pod,
)
from knlab.embedded.serving.resources.deployment import RevisionConfig, make_deployment
from knlab.embedded.serving.resources.names import deployment_name, image_name
from knlab.embedded.serving.resources.podautoscaler import make_image, make_pod_autoscaler
from knlab.embedded.serving.work import Failed, Work

Resolve: TypeAlias = Callable[[str], str]
"""From an image reference to the same image by digest; raises ResolveError."""

_RESOLVING: Final = "ResolvingDigests"
_DEPLOYING: Final = "Deploying"
_KEPT_BY_AUTOSCALER: Final = frozenset({keys.CLASS, keys.METRIC})


class ResolveError(Exception):
    """An image reference that no registry turns into a digest; the text says why."""


def revision_controller(resolve: Resolve) -> Controller:
    """The control loop for Revisions; `resolve` is asked for the digest of each image once."""

    @reading_config
    def sync(view: View, key: Key, now: float) -> Outcome:
        return _sync_revision(view, key, now, resolve)

    return Controller(
        name="revision-controller",
        parent=REVISIONS,
        sync=sync,
        owns=(DEPLOYMENTS, POD_AUTOSCALERS, IMAGES),
        resync_on=(CONFIG_MAPS,),
    )


def read_revision_config(view: View) -> RevisionConfig:
    """The live settings that Deployments are made from.

    Raises:
        ConfigError: if a ConfigMap cannot be read.
    """
    return RevisionConfig(
        deployment=read_config(view, parse_deployment),
        autoscaler=read_config(view, parse_autoscaler),
        defaults=read_config(view, parse_defaults),
        features=read_config(view, parse_features),
        observability=read_config(view, parse_observability),
        logging=read_config(view, parse_logging),
    )


def _sync_revision(view: View, key: Key, now: float, resolve: Resolve) -> Outcome:
    revision = view.find(REVISIONS, *key)
    if revision is None or revision["metadata"].get("deletionTimestamp"):
        return NOTHING
    config = read_revision_config(view)
    was_ready = views.is_ready(revision)
    draft = StatusDraft(revision, RESOURCES_AVAILABLE, CONTAINER_HEALTHY, now=now)
    work = Work(revision, draft, REVISIONS)
    _set_log_url(revision, draft, config)
    try:
        if not _resolve_digests(revision, draft, config, resolve):
            return work.outcome(again_after=0.0)
        current = revision | {"status": draft.status}
        deployment = _reconcile_deployment(view, current, draft, work, config)
        _reconcile_images(view, current, work)
        _reconcile_autoscaler(view, draft, deployment, work, config)
    except Failed as failure:
        return work.outcome(failed=str(failure))
    if not was_ready and draft.is_status("Ready", "True"):
        work.normal("RevisionReady", "Revision becomes ready upon all resources being ready")
    return work.outcome()


def _set_log_url(revision: Object, draft: StatusDraft, config: RevisionConfig) -> None:
    template = config.observability.log_url_template
    draft.status.pop("logUrl", None)
    if template:
        uid = revision["metadata"]["uid"]
        draft.status["logUrl"] = template.replace("${REVISION_UID}", uid)


def _resolve_digests(
    revision: Object, draft: StatusDraft, config: RevisionConfig, resolve: Resolve
) -> bool:
    """Whether every image is known by digest; the first look only says that it is on its way."""
    spec = revision["spec"]
    containers, inits = spec.get("containers") or [], spec.get("initContainers") or []
    known = draft.status.get("containerStatuses") or []
    known_inits = draft.status.get("initContainerStatuses") or []
    if len(known) + len(known_inits) == len(containers) + len(inits):
        return True
    available = draft.get(RESOURCES_AVAILABLE) or {}
    if available.get("reason") != _RESOLVING:
        draft.unknown(RESOURCES_AVAILABLE, _RESOLVING)
        return False
    skipped = config.deployment.registries_skipping_tag_resolving
    found_inits = [_resolved(item, draft, skipped, resolve) for item in inits]
    draft.status["containerStatuses"] = [
        _resolved(item, draft, skipped, resolve) for item in containers
    ]
    if found_inits:
        draft.status["initContainerStatuses"] = found_inits
    return True


def _resolved(
    container: Object, draft: StatusDraft, skipped: frozenset[str], resolve: Resolve
) -> Object:
    image, name = container["image"], container["name"]
    if has_digest(image):
        return {"name": name, "imageDigest": image}
    if registry_of(image) in skipped:
        return {"name": name}
    try:
        return {"name": name, "imageDigest": resolve(image)}
    except ResolveError as error:
        text = f"Unable to fetch image {quoted(image)}: failed to resolve image to digest: {error}"
        draft.false(CONTAINER_HEALTHY, "ContainerMissing", text)
        raise Failed(text) from error


def _reconcile_deployment(
    view: View, revision: Object, draft: StatusDraft, work: Work, config: RevisionConfig
) -> Object:
    metadata = revision["metadata"]
    name = deployment_name(metadata["name"])
    wanted = make_deployment(revision, config)
    existing = view.find(DEPLOYMENTS, metadata["namespace"], name)
    if existing is None:
        draft.unknown(RESOURCES_AVAILABLE, _DEPLOYING)
        draft.unknown(CONTAINER_HEALTHY, _DEPLOYING)
        work.write(create(DEPLOYMENTS, wanted), f"failed to create deployment {quoted(name)}")
        return wanted
    if not views.is_controlled_by(existing, revision):
        _not_owned(draft, "Deployment", name)
        raise Failed(
            f"revision: {quoted(metadata['name'])} does not own Deployment: {quoted(name)}"
        )
    changed = _merged_deployment(existing, wanted)
    if changed is not None:
        work.write(update(DEPLOYMENTS, changed), f"failed to update deployment {quoted(name)}")
    propagate_deployment(draft, existing)
    status = existing.get("status") or {}
    if existing["spec"].get("replicas", 1) > 0 and not status.get("availableReplicas"):
        selector = existing["spec"]["selector"]["matchLabels"]
        pods = view.list(PODS, metadata["namespace"], selector)
        if pods:
            always = config.deployment.pod_is_always_schedulable
            propagate_pod(draft, existing, pods[0], always_schedulable=always)
    if status.get("readyReplicas"):
        draft.true(CONTAINER_HEALTHY)
    return changed or existing


def _not_owned(draft: StatusDraft, kind: str, name: str) -> None:
    text = f"There is an existing {kind} {quoted(name)} that we do not own."
    draft.false(RESOURCES_AVAILABLE, "NotOwned", text)


def _merged_deployment(existing: Object, wanted: Object) -> Object | None:
    old = keys.labels_of(existing).get(keys.DEPLOYMENT_HASH)
    if old == keys.labels_of(wanted)[keys.DEPLOYMENT_HASH]:
        return None
    have, want = existing["spec"], wanted["spec"]
    template = want["template"] | {
        "metadata": _merged_metadata(have["template"]["metadata"], want["template"]["metadata"])
    }
    kept = {"replicas": have.get("replicas", 1), "selector": have["selector"]}
    return existing | {
        "metadata": existing["metadata"]
        | _merged_metadata(existing["metadata"], wanted["metadata"]),
        "spec": want | {"template": template} | kept,
    }


def _merged_metadata(have: Object, want: Object) -> Object:
    merged = {}
    for part in ("labels", "annotations"):
        foreign = {
            key: value
            for key, value in (have.get(part) or {}).items()
            if key != keys.APP and "knative.dev/" not in key
        }
        merged[part] = (want.get(part) or {}) | foreign
    return merged


def _reconcile_images(view: View, revision: Object, work: Work) -> None:
    metadata, status = revision["metadata"], revision["status"]
    listed = [
        *(status.get("containerStatuses") or ()),
        *(status.get("initContainerStatuses") or ()),
    ]
    for container in listed:
        name = image_name(metadata["name"], container["name"])
        if view.find(IMAGES, metadata["namespace"], name) is None:
            digest = container.get("imageDigest", "")
            image = make_image(revision, container["name"], digest)
            work.write(create(IMAGES, image), f"failed to create image cache {quoted(name)}")


def _reconcile_autoscaler(
    view: View, draft: StatusDraft, deployment: Object, work: Work, config: RevisionConfig
) -> None:
    revision = draft.object
    metadata = revision["metadata"]
    name = metadata["name"]
    default_class = config.autoscaler.pod_autoscaler_class
    existing = view.find(POD_AUTOSCALERS, metadata["namespace"], name)
    if existing is None:
        wanted = make_pod_autoscaler(draft.finished(), deployment, default_class)
        work.write(create(POD_AUTOSCALERS, wanted), f"failed to create PA {quoted(name)}")
        propagate_autoscaler(draft, {})
        return
    if not views.is_controlled_by(existing, revision):
        _not_owned(draft, "PodAutoscaler", name)
        raise Failed(f"revision: {quoted(name)} does not own PodAutoscaler: {quoted(name)}")
    propagate_autoscaler(draft, existing.get("status") or {})
    wanted = make_pod_autoscaler(draft.finished(), deployment, default_class)
    have = annotations_of(existing)
    merged = _merged_annotations(
        have, revision["metadata"].get("annotations") or {}, annotations_of(wanted)
    )
    if wanted["spec"] != existing["spec"] or merged != have:
        metadata = existing["metadata"] | {"annotations": merged}
        changed = existing | {"metadata": metadata, "spec": wanted["spec"]}
        work.write(update(POD_AUTOSCALERS, changed), f"failed to update PA {quoted(name)}")


def _merged_annotations(
    have: dict[str, str], revision: dict[str, str], want: dict[str, str]
) -> dict[str, str]:
    """What the autoscaler has, minus what the Revision dropped, plus what it says."""
    kept = {
        key: value
        for key, value in have.items()
        if key in _KEPT_BY_AUTOSCALER or not key.startswith(keys.AUTOSCALING)
    }
    if keys.CLASS not in revision and keys.CLASS in have:
        want = {key: value for key, value in want.items() if key != keys.CLASS}
    return kept | want

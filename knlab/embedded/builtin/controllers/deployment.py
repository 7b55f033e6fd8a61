"""Deployments: a ReplicaSet for each version of the pod template, and the way to the newest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from knlab.embedded.builtin.controllers.conditions import status_write
from knlab.embedded.builtin.controllers.deployment_status import DeploymentStatus
from knlab.embedded.builtin.controllers.rollout import (
    DESIRED,
    MAXIMUM,
    Sizes,
    first_size,
    is_rolling,
    is_scaling,
    max_surge,
    next_sizes,
    scaled_sizes,
    wanted,
)
from knlab.embedded.builtin.hashes import template_hash
from knlab.embedded.builtin.kinds import DEPLOYMENTS, PODS, REPLICA_SETS
from knlab.embedded.kube.controller import (
    NOTHING,
    Controller,
    Note,
    Outcome,
    View,
    Write,
    create,
    delete,
    update,
    update_part,
)
from knlab.embedded.kube.objects import Key, Object, controller_of, copy_json, owner_reference

HASH: Final = "pod-template-hash"
REVISION: Final = "deployment.kubernetes.io/revision"
HISTORY: Final = "deployment.kubernetes.io/revision-history"

_OWN_ANNOTATIONS: Final = frozenset(
    {
        "kubectl.kubernetes.io/last-applied-configuration",
        "deprecated.deployment.rollback.to",
        REVISION,
        HISTORY,
        DESIRED,
        MAXIMUM,
    }
)
"""Annotations of a Deployment that its ReplicaSets do not inherit."""


@dataclass
class _Rollout:
    """One look at a Deployment and what follows from it."""

    view: View
    deployment: Object
    new: Object | None
    olds: list[Object]
    status: DeploymentStatus
    creates: list[Write] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    before: dict[str, Object] = field(default_factory=dict)

    def sets(self) -> list[Object]:
        return [*self.olds, *([self.new] if self.new else [])]


def sync_deployment(view: View, key: Key, now: float) -> Outcome:
    """The ReplicaSets that a Deployment needs next, and its status."""
    deployment = view.find(DEPLOYMENTS, *key)
    if deployment is None:
        return NOTHING
    sets = _owned_sets(view, deployment)
    new = next((item for item in sets if _same_template(deployment, item)), None)
    olds = [item for item in sets if item is not new]
    status = DeploymentStatus(deployment, now)
    rollout = _Rollout(view, deployment, new, olds, status)
    rollout.before = {item["metadata"]["name"]: copy_json(item) for item in sets}
    if deployment["metadata"].get("deletionTimestamp"):
        return Outcome(
            status_write(DEPLOYMENTS, deployment, status.finish(new, olds, following=False))
        )
    status.mark_paused()
    following = _advance(rollout)
    return _outcome(rollout, following=following)


def _advance(rollout: _Rollout) -> bool:
    """Plan the next step; whether this is a rollout to follow rather than a change of size."""
    deployment, olds = rollout.deployment, rollout.olds
    paused = bool(deployment["spec"].get("paused"))
    if paused or is_scaling(deployment, rollout.sets()):
        if rollout.new and not paused:
            _annotate(rollout, rollout.new)
        sizes = scaled_sizes(deployment, rollout.new, olds)
        active = {item["metadata"]["name"]: wanted(item) for item in rollout.sets() if wanted(item)}
        _resize(rollout, {**active, **sizes})
        return False
    if not is_rolling(deployment) and not _is_cleared(rollout):
        return True
    if rollout.new is None:
        _create_new(rollout)
        return True
    _annotate(rollout, rollout.new)
    if is_rolling(deployment):
        _resize(rollout, next_sizes(deployment, rollout.new, olds))
    else:
        _resize(rollout, {rollout.new["metadata"]["name"]: wanted(deployment)})
    return True


def _outcome(rollout: _Rollout, *, following: bool) -> Outcome:
    deployment, status = rollout.deployment, rollout.status
    finished = status.finish(rollout.new, rollout.olds, following=following)
    writes = [
        *rollout.creates,
        *(
            update(REPLICA_SETS, item)
            for item in rollout.sets()
            if rollout.before.get(item["metadata"]["name"], item) != item
        ),
    ]
    if following and status.is_complete(finished):
        writes += _outdated(deployment, rollout.olds)
    revision = _annotations(rollout.new).get(REVISION) if rollout.new else None
    if revision and _annotations(deployment).get(REVISION) != revision:
        deployment["metadata"].setdefault("annotations", {})[REVISION] = revision
        noted = deployment | {"status": finished}
        writes.append(update_part(DEPLOYMENTS, noted, "progress"))
    else:
        writes += status_write(DEPLOYMENTS, deployment, finished)
    return Outcome(tuple(writes), tuple(rollout.notes), status.again_after())


def _owned_sets(view: View, deployment: Object) -> list[Object]:
    labels: Mapping[str, str] = deployment["spec"]["selector"].get("matchLabels") or {}
    listed = view.list(REPLICA_SETS, deployment["metadata"]["namespace"], labels)
    owned = [item for item in listed if _owner_uid(item) == deployment["metadata"]["uid"]]
    return sorted(
        owned, key=lambda item: (_revision(item), item["metadata"].get("creationTimestamp", ""))
    )


def _owner_uid(obj: Object) -> str:
    return str((controller_of(obj) or {}).get("uid", ""))


def _same_template(deployment: Object, replica_set: Object) -> bool:
    return bool(_unhashed(replica_set) == _unhashed(deployment))


def _unhashed(owner: Object) -> Object:
    template: Object = owner["spec"]["template"]
    metadata = template.get("metadata") or {}
    labels = {k: v for k, v in (metadata.get("labels") or {}).items() if k != HASH}
    return {**template, "metadata": {**metadata, "labels": labels}}


def _create_new(rollout: _Rollout) -> None:
    deployment = rollout.deployment
    collisions = rollout.status.stored.get("collisionCount", 0)
    suffix = template_hash(deployment["spec"]["template"], collisions)
    while rollout.view.find(
        REPLICA_SETS, deployment["metadata"]["namespace"], _name(deployment, suffix)
    ):
        collisions += 1
        suffix = template_hash(deployment["spec"]["template"], collisions)
    if collisions:
        rollout.status.stored = rollout.status.stored | {"collisionCount": collisions}
    size = first_size(deployment, rollout.olds)
    new = _replica_set(deployment, suffix, size)
    _annotate(rollout, new)
    _record_size(deployment, new)
    rollout.new = new
    rollout.creates.append(create(REPLICA_SETS, new))
    name = new["metadata"]["name"]
    if size:
        _note(rollout, f"Scaled up replica set {name} from 0 to {size}")
    message = f'Created new replica set "{name}"'
    rollout.status.mark_progress("True", "NewReplicaSetCreated", message)


def _name(deployment: Object, suffix: str) -> str:
    return f"{deployment['metadata']['name']}-{suffix}"


def _replica_set(deployment: Object, suffix: str, size: int) -> Object:
    spec = deployment["spec"]
    template = copy_json(spec["template"])
    labels = {**(template["metadata"].get("labels") or {}), HASH: suffix}
    template["metadata"]["labels"] = labels
    selector = copy_json(spec["selector"])
    selector["matchLabels"] = {**(selector.get("matchLabels") or {}), HASH: suffix}
    made: Object = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": _name(deployment, suffix),
            "namespace": deployment["metadata"]["namespace"],
            "labels": dict(labels),
            "ownerReferences": [owner_reference(deployment)],
        },
        "spec": {"replicas": size, "selector": selector, "template": template},
    }
    if spec.get("minReadySeconds"):
        made["spec"]["minReadySeconds"] = spec["minReadySeconds"]
    return made


def _annotate(rollout: _Rollout, new: Object) -> None:
    """Let `new` carry the Deployment's annotations and the highest revision."""
    deployment = rollout.deployment
    inherited = {k: v for k, v in _annotations(deployment).items() if k not in _OWN_ANNOTATIONS}
    kept = {k: v for k, v in _annotations(new).items() if k in _OWN_ANNOTATIONS}
    revision = max((_revision(item) for item in rollout.olds), default=0) + 1
    present = _revision(new)
    if present < revision:
        if present:
            earlier = kept.get(HISTORY)
            kept[HISTORY] = f"{earlier},{present}" if earlier else str(present)
        kept[REVISION] = str(revision)
    new["metadata"]["annotations"] = {**inherited, **kept}
    seconds = deployment["spec"].get("minReadySeconds", 0)
    if new["spec"].get("minReadySeconds", 0) != seconds:
        new["spec"]["minReadySeconds"] = seconds
    if rollout.new is not None:
        message = f'Found new replica set "{new["metadata"]["name"]}"'
        if not any(item["type"] == "Progressing" for item in rollout.status.conditions):
            rollout.status.mark_progress("True", "FoundNewReplicaSet", message)


def _resize(rollout: _Rollout, sizes: Sizes) -> None:
    for item in rollout.sets():
        name, before = item["metadata"]["name"], wanted(item)
        size = sizes.get(name, before)
        if name in sizes:
            _record_size(rollout.deployment, item)
        if size != before:
            item["spec"]["replicas"] = size
            direction = "up" if size > before else "down"
            _note(rollout, f"Scaled {direction} replica set {name} from {before} to {size}")


def _record_size(deployment: Object, item: Object) -> None:
    annotations = item["metadata"].setdefault("annotations", {})
    annotations[DESIRED] = str(wanted(deployment))
    annotations[MAXIMUM] = str(wanted(deployment) + max_surge(deployment))


def _is_cleared(rollout: _Rollout) -> bool:
    """For Recreate: scale old ReplicaSets to nothing; whether their pods are gone."""
    running = [item for item in rollout.olds if wanted(item) > 0]
    if running:
        _resize(rollout, {item["metadata"]["name"]: 0 for item in running})
        return False
    owners = {item["metadata"]["uid"] for item in rollout.olds}
    labels: Mapping[str, str] = rollout.deployment["spec"]["selector"].get("matchLabels") or {}
    pods = rollout.view.list(PODS, rollout.deployment["metadata"]["namespace"], labels)
    return not any(
        _owner_uid(pod) in owners
        and (pod.get("status") or {}).get("phase") not in {"Succeeded", "Failed"}
        for pod in pods
    )


def _outdated(deployment: Object, olds: Sequence[Object]) -> list[Write]:
    """Deletes of the oldest ReplicaSets without pods beyond revisionHistoryLimit."""
    living = [item for item in olds if not item["metadata"].get("deletionTimestamp")]
    excess = len(living) - deployment["spec"].get("revisionHistoryLimit", 10)
    return [
        delete(REPLICA_SETS, item)
        for item in living[: max(0, excess)]
        if not wanted(item)
        and not (item.get("status") or {}).get("replicas")
        and (item.get("status") or {}).get("observedGeneration", 0)
        >= item["metadata"].get("generation", 0)
    ]


def _annotations(obj: Object | None) -> Mapping[str, str]:
    return ((obj or {}).get("metadata") or {}).get("annotations") or {}


def _revision(replica_set: Object) -> int:
    text = _annotations(replica_set).get(REVISION, "0")
    return int(text) if text.isdigit() else 0


def _of_going_pod(pod: Object) -> Iterator[Key]:
    """The Deployment of a pod that was asked to go: with Recreate, new ones wait for its end."""
    owner = controller_of(pod)
    if owner and owner["kind"] == "ReplicaSet" and "deletionTimestamp" in pod["metadata"]:
        yield pod["metadata"]["namespace"], owner["name"].rpartition("-")[0]


def _note(rollout: _Rollout, message: str) -> None:
    rollout.notes.append(Note(rollout.deployment, "Normal", "ScalingReplicaSet", message))


DEPLOYMENT: Final = Controller(
    name="deployment-controller",
    parent=DEPLOYMENTS,
    sync=sync_deployment,
    owns=(REPLICA_SETS,),
    watches={PODS: _of_going_pod},
)
"""Keeps ReplicaSets for Deployments."""

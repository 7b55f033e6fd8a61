"""The Deployment of a Revision: user containers, queue-proxy, and how pods spread."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from knlab.embedded.kube.objects import Object, annotations_of, copy_json
from knlab.embedded.serving import keys, views
from knlab.embedded.serving.config import (
    AutoscalerConfig,
    DefaultsConfig,
    DeploymentConfig,
    FeaturesConfig,
    LoggingConfig,
    ObservabilityConfig,
)
from knlab.embedded.serving.config_deployment import SPREAD
from knlab.embedded.serving.go_text import parse_seconds
from knlab.embedded.serving.kinds import DEPLOYMENTS, PODS, typed
from knlab.embedded.serving.resources import queue_proxy
from knlab.embedded.serving.resources.metadata import (
    child_metadata,
    revision_child_annotations,
    revision_child_labels,
)
from knlab.embedded.serving.resources.names import content_hash, deployment_name

_DRAIN: Final = {"httpGet": {"port": queue_proxy.ADMIN_PORT, "path": "/wait-for-drain"}}
_ANNOTATIONS: Final = "metadata.annotations"
_REVISION_ONLY: Final = frozenset(
    {
        "containerConcurrency",
        "timeoutSeconds",
        "responseStartTimeoutSeconds",
        "idleTimeoutSeconds",
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class RevisionConfig:
    """All settings that decide what a revision's Deployment looks like."""

    deployment: DeploymentConfig
    autoscaler: AutoscalerConfig
    defaults: DefaultsConfig
    features: FeaturesConfig
    observability: ObservabilityConfig
    logging: LoggingConfig = field(default_factory=LoggingConfig)


def make_deployment(revision: Object, config: RevisionConfig) -> Object:
    """The Deployment of `revision`, with the initial number of replicas."""
    labels = revision_child_labels(revision)
    selector = {keys.REVISION_UID: revision["metadata"]["uid"]}
    spec: Object = {
        "replicas": initial_scale(revision, config.autoscaler),
        "selector": {"matchLabels": selector},
        "progressDeadlineSeconds": int(progress_deadline(revision, config.deployment)),
        "revisionHistoryLimit": 0,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0}},
        "template": {
            "metadata": {"labels": dict(labels), "annotations": _pod_annotations(revision)},
            "spec": _pod_spec(revision, config),
        },
    }
    annotations = revision_child_annotations(revision)
    name = deployment_name(revision["metadata"]["name"])
    hashed = labels | {keys.DEPLOYMENT_HASH: content_hash(spec, annotations, labels)}
    metadata = child_metadata(name, revision, labels=hashed, annotations=annotations)
    return typed(DEPLOYMENTS, {"metadata": metadata, "spec": spec})


def initial_scale(revision: Object, config: AutoscalerConfig) -> int:
    """How many pods `revision` starts with."""
    found = keys.ranked(annotations_of(revision), keys.INITIAL_SCALE)
    return int(found[1]) if found else config.initial_scale


def progress_deadline(revision: Object, config: DeploymentConfig) -> float:
    """Seconds that `revision` has to get its first pods ready."""
    text = annotations_of(revision).get(keys.PROGRESS_DEADLINE)
    return parse_seconds(text) if text else config.progress_deadline


def _pod_annotations(revision: Object) -> dict[str, str]:
    annotations = revision_child_annotations(revision)
    name = views.serving_container(revision["spec"]).get("name")
    return annotations | {keys.DEFAULT_CONTAINER: name} if name else annotations


def trial_pod(template: Object, namespace: str) -> Object:
    """The Pod that shows whether Kubernetes would take the user's containers of `template`."""
    metadata = {"generateName": "dry-run-validation", "namespace": namespace}
    revision = {"metadata": metadata, "spec": template.get("spec") or {}}
    containers = _user_containers(revision, FeaturesConfig())
    return typed(PODS, {"metadata": metadata, "spec": _user_pod_spec(revision, containers)})


def _user_pod_spec(revision: Object, containers: list[Object]) -> Object:
    spec = {
        key: copy_json(value)
        for key, value in revision["spec"].items()
        if key not in _REVISION_ONLY
    }
    spec["containers"] = containers
    if "timeoutSeconds" in revision["spec"]:
        spec["terminationGracePeriodSeconds"] = revision["spec"]["timeoutSeconds"]
    return spec


def _pod_spec(revision: Object, config: RevisionConfig) -> Object:
    sidecar = queue_proxy.make_queue_proxy(
        revision, config.deployment, config.observability, config.logging, config.features
    )
    containers = [*_user_containers(revision, config.features), sidecar]
    spec = _user_pod_spec(revision, containers)
    if "enableServiceLinks" not in spec and config.defaults.enable_service_links is not None:
        spec["enableServiceLinks"] = config.defaults.enable_service_links
    for volume, mount in _queue_volumes(revision, config):
        sidecar.setdefault("volumeMounts", []).append(mount)
        spec["volumes"] = [*(spec.get("volumes") or ()), volume]
    runtime = config.deployment.runtime_class(keys.labels_of(revision))
    if runtime and not spec.get("runtimeClassName"):
        spec["runtimeClassName"] = runtime
    if config.deployment.default_affinity_type == SPREAD and "affinity" not in spec:
        spec["affinity"] = _spread(revision["metadata"]["name"])
    return spec


def _queue_volumes(revision: Object, config: RevisionConfig) -> Iterator[tuple[Object, Object]]:
    """The volumes that queue-proxy gets, each with its mount."""
    wish = annotations_of(revision).get(keys.QUEUE_PROXY_POD_INFO, "").lower()
    state = config.features.state("queueproxy.mount-podinfo")
    if state == "Enabled" or (state == "Allowed" and wish == "enabled"):
        source = {"items": [{"path": "annotations", "fieldRef": {"fieldPath": _ANNOTATIONS}}]}
        mount = {"name": "pod-info", "mountPath": "/etc/podinfo", "readOnly": True}
        yield {"name": "pod-info", "downwardAPI": source}, mount
    tokens = [
        {"serviceAccountToken": {"expirationSeconds": 3600, "path": name, "audience": name}}
        for name in sorted(config.deployment.queue_sidecar_token_audiences)
        if name
    ]
    if tokens:
        name = "knative-token-volume"
        mount = {"name": name, "mountPath": "/var/run/secrets/tokens"}
        yield {"name": name, "projected": {"sources": tokens}}, mount


def _spread(revision: str) -> Object:
    term = {
        "topologyKey": "kubernetes.io/hostname",
        "labelSelector": {"matchLabels": {keys.REVISION: revision}},
    }
    preferred = [{"weight": 100, "podAffinityTerm": term}]
    return {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}


def _user_containers(revision: Object, features: FeaturesConfig) -> list[Object]:
    containers = revision["spec"].get("containers") or []
    resolved = (revision.get("status") or {}).get("containerStatuses") or []
    digests = [item.get("imageDigest", "") for item in resolved]
    made = []
    for index, original in enumerate(containers):
        serving = len(containers) == 1 or bool(original.get("ports"))
        container = _user_container(revision, original, features, serving=serving)
        if index < len(digests) and digests[index]:
            container["image"] = digests[index]
        made.append(container)
    return made


def _user_container(
    revision: Object, original: Object, features: FeaturesConfig, *, serving: bool
) -> Object:
    container: Object = copy_json(original)
    environment = container.pop("env", None) or []
    port = views.user_port(revision["spec"])
    if serving:
        container["ports"] = [{"name": "user-port", "containerPort": port}]
        environment.append({"name": "PORT", "value": str(port)})
        allow_other = features.enabled("multi-container-probing")
        _rewrite_liveness(container.get("livenessProbe"), port, allow_other=allow_other)
    container["env"] = environment + _knative_environment(revision)
    container["lifecycle"] = {"preStop": copy_json(_DRAIN)}
    container.setdefault("terminationMessagePolicy", "FallbackToLogsOnError")
    probe = container.get("readinessProbe")
    if probe is not None and "exec" not in probe:
        del container["readinessProbe"]
    return container


def _knative_environment(revision: Object) -> list[Object]:
    values = {
        "K_REVISION": revision["metadata"].get("name", ""),
        "K_CONFIGURATION": views.configuration_of(revision),
        "K_SERVICE": keys.labels_of(revision).get(keys.SERVICE, ""),
    }
    return [{"name": name, "value": value} for name, value in values.items()]


def _rewrite_liveness(probe: Object | None, port: int, *, allow_other: bool) -> None:
    for kind in ("httpGet", "tcpSocket"):
        action = (probe or {}).get(kind)
        if action is not None and (not allow_other or not action.get("port")):
            action["port"] = port

"""The manifest of a Knative Service from what a lesson says about it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias, TypedDict

from knlab._exceptions import UsageError

Object: TypeAlias = dict[str, Any]

LATEST: Final = "@latest"
"""In a traffic split: whatever revision is the latest ready one (as `kn` writes it)."""
MANAGED_BY: Final = {"app.kubernetes.io/managed-by": "knlab"}
_PREFIX: Final = "autoscaling.knative.dev/"


class Scaling(TypedDict, total=False):
    """Autoscaling annotations by name; None removes one (knative.dev/docs/serving/autoscaling)."""

    min_scale: int | None
    max_scale: int | None
    initial_scale: int | None
    activation_scale: int | None
    target: float | None
    target_utilization_percentage: float | None
    target_burst_capacity: float | None
    metric: str | None
    window: str | None
    panic_window_percentage: float | None
    panic_threshold_percentage: float | None
    scale_down_delay: str | None
    scale_to_zero_pod_retention_period: str | None


def scaling_annotations(scaling: Scaling) -> dict[str, str | None]:
    """Template annotations: `max_scale=5` → `autoscaling.knative.dev/max-scale: "5"`.

    Raises:
        UsageError: for a name that is no autoscaling annotation.
    """
    annotations: dict[str, str | None] = {}
    for name, value in scaling.items():
        if name not in Scaling.__annotations__:
            known = ", ".join(Scaling.__annotations__)
            raise UsageError(f"{name} is no autoscaling setting", hint=f"known are {known}")
        annotations[_PREFIX + name.replace("_", "-")] = None if value is None else str(value)
    return annotations


def environment(env: Mapping[str, str]) -> list[Object]:
    """The `env` list of a container."""
    return [{"name": name, "value": str(value)} for name, value in env.items()]


def traffic_targets(
    split: Mapping[str, int], tags: Mapping[str, str] | None = None
) -> list[Object]:
    """`spec.traffic` from revision → percent (and tag → revision); `@latest` is the latest one."""
    of_revision = {revision: tag for tag, revision in (tags or {}).items()}
    targets = []
    for revision in dict.fromkeys([*split, *of_revision]):
        target: Object = {"percent": split.get(revision, 0)}
        target |= {"latestRevision": True} if revision == LATEST else {"revisionName": revision}
        if revision in of_revision:
            target["tag"] = of_revision[revision]
        targets.append(target)
    return targets


def service_manifest(
    name: str,
    *,
    namespace: str,
    image: str,
    env: Mapping[str, str] | None = None,
    port: int | None = None,
    revision: str = "",
    concurrency: int | None = None,
    traffic: Mapping[str, int] | None = None,
    scaling: Scaling | None = None,
) -> Object:
    """A Service as one would write it for `kubectl apply`: only what was asked for is in it."""
    container: Object = {"image": image}
    if port is not None:
        container["ports"] = [{"containerPort": port}]
    if env:
        container["env"] = environment(env)
    spec: Object = {"containers": [container]}
    if concurrency is not None:
        spec["containerConcurrency"] = concurrency
    template: Object = {"spec": spec}
    wanted = scaling_annotations(scaling or {})
    annotations = {key: value for key, value in wanted.items() if value is not None}
    if revision:
        template.setdefault("metadata", {})["name"] = revision
    if annotations:
        template.setdefault("metadata", {})["annotations"] = annotations
    manifest: Object = {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(MANAGED_BY)},
        "spec": {"template": template},
    }
    if traffic:
        manifest["spec"]["traffic"] = traffic_targets(traffic)
    return manifest

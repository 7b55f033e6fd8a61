"""What queue-proxy asks for and may use: config-deployment, feature flag, share, annotations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Final, Literal, TypeAlias

from knlab.embedded.kube.objects import Object, annotations_of
from knlab.embedded.kube.quantities import QuantityError, canonical_quantity, parse_quantity
from knlab.embedded.serving import keys, views
from knlab.embedded.serving.config import DeploymentConfig, FeaturesConfig
from knlab.embedded.serving.go_text import GoParseError, parse_float

Part: TypeAlias = Literal["requests", "limits"]

_QUEUE: Final = "queue.sidecar.serving.knative.dev"
SHARE: Final = (f"{_QUEUE}/resource-percentage", f"{_QUEUE}/resourcePercentage")
"""How many percent of the user container's resources queue-proxy gets; deprecated."""
_PARTS: Final[tuple[Part, ...]] = ("requests", "limits")
_NAMES: Final = ("cpu", "memory", "ephemeral-storage")
_DEFAULTS: Final[tuple[tuple[Part, str, str], ...]] = (
    ("requests", "memory", "400Mi"), ("limits", "cpu", "1"), ("limits", "memory", "800Mi"),
)  # fmt: skip
_BOUNDS: Final[Mapping[tuple[Part, str], tuple[str, str]]] = {
    ("requests", "cpu"): ("25m", "100m"),
    ("limits", "cpu"): ("40m", "500m"),
    ("requests", "memory"): ("50Mi", "200Mi"),
    ("limits", "memory"): ("200Mi", "500Mi"),
}


def resource_annotations() -> Iterator[tuple[Part, str, str]]:
    """Part, resource and key of each annotation that sets one of queue-proxy's resources."""
    for name in _NAMES:
        for part in _PARTS:
            yield part, name, f"{_QUEUE}/{name}-resource-{part[:-1]}"


def queue_resources(
    revision: Object, deployment: DeploymentConfig, features: FeaturesConfig
) -> Object:
    """The `resources` of the queue-proxy of `revision`."""
    found: dict[Part, dict[str, str]] = {
        "requests": dict(deployment.queue_requests),
        "limits": dict(deployment.queue_limits),
    }
    if features.enabled("queueproxy.resource-defaults"):
        for part, name, value in _DEFAULTS:
            found[part].setdefault(name, value)
    annotations = annotations_of(revision)
    own = views.serving_container(revision["spec"]).get("resources") or {}
    for (part, name), value in _shares(annotations, own).items():
        found[part][name] = value
    for part, name, key in resource_annotations():
        try:
            found[part][name] = canonical_quantity(annotations.get(key, ""))
        except QuantityError:
            continue
    return {part: values for part, values in found.items() if values}


def _shares(annotations: Mapping[str, str], own: Object) -> dict[tuple[Part, str], str]:
    try:
        fraction = parse_float(keys.ranked_value(annotations, SHARE)) / 100
    except GoParseError:
        return {}
    return {
        (part, name): _share((own.get(part) or {}).get(name, "0"), fraction, *bounds)
        for (part, name), bounds in _BOUNDS.items()
        if parse_quantity((own.get(part) or {}).get(name, "0"))
    }


def _share(whole: str, fraction: float, least: str, most: str) -> str:
    thousandths = (parse_quantity(whole) * 1000).to_integral_value(ROUND_CEILING)
    share = Decimal(int(float(thousandths) * fraction)) / 1000
    if share < parse_quantity(least):
        return least
    return most if share > parse_quantity(most) else canonical_quantity(f"{share / 1024:f}Ki")

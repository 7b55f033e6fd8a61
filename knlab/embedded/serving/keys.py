"""Label and annotation keys of Knative, and how the spellings of one key rank."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from knlab.embedded.kube.objects import Object

LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
DEFAULT_CONTAINER: Final = "kubectl.kubernetes.io/default-container"
APP: Final = "app"

SERVICE: Final = "serving.knative.dev/service"
SERVICE_UID: Final = "serving.knative.dev/serviceUID"
CONFIGURATION: Final = "serving.knative.dev/configuration"
CONFIGURATION_UID: Final = "serving.knative.dev/configurationUID"
CONFIGURATION_GENERATION: Final = "serving.knative.dev/configurationGeneration"
REVISION: Final = "serving.knative.dev/revision"
REVISION_UID: Final = "serving.knative.dev/revisionUID"
ROUTE: Final = "serving.knative.dev/route"
ROUTE_NAMESPACE: Final = "serving.knative.dev/routeNamespace"
ROUTES: Final = "serving.knative.dev/routes"
ROUTING_STATE: Final = "serving.knative.dev/routingState"
ROUTING_STATE_MODIFIED: Final = "serving.knative.dev/routingStateModified"
DOMAIN_MAPPING_UID: Final = "serving.knative.dev/domainMappingUID"
DOMAIN_MAPPING_NAMESPACE: Final = "serving.knative.dev/domainMappingNamespace"
DEPLOYMENT_HASH: Final = "serving.knative.dev/deployment-hash"
CREATOR: Final = "serving.knative.dev/creator"
LAST_MODIFIER: Final = "serving.knative.dev/lastModifier"
LAST_PINNED: Final = "serving.knative.dev/lastPinned"
NO_GC: Final = "serving.knative.dev/no-gc"
VISIBILITY: Final = "networking.knative.dev/visibility"
CLUSTER_LOCAL: Final = "cluster-local"

SKS: Final = "networking.internal.knative.dev/serverlessservice"
SERVICE_TYPE: Final = "networking.internal.knative.dev/serviceType"
ROLLOUT: Final = "networking.internal.knative.dev/rollout"
TAG_TO_HOST: Final = "networking.internal.knative.dev/tag-to-host"
EXAMPLE_CHECKSUM: Final = "knative.dev/example-checksum"

PROGRESS_DEADLINE: Final = "serving.knative.dev/progress-deadline"
HTTP_FULL_DUPLEX: Final = "features.knative.dev/http-full-duplex"
QUEUE_PROXY_POD_INFO: Final = "features.knative.dev/queueproxy-podinfo"
ROLLOUT_DURATION: Final = (
    "serving.knative.dev/rollout-duration", "serving.knative.dev/rolloutDuration",
)  # fmt: skip
INGRESS_CLASS: Final = (
    "networking.knative.dev/ingress.class", "networking.knative.dev/ingress-class",
)  # fmt: skip
CERTIFICATE_CLASS: Final = (
    "networking.knative.dev/certificate.class", "networking.knative.dev/certificate-class",
)  # fmt: skip
HTTP_PROTOCOL: Final = (
    "networking.knative.dev/httpOption", "networking.knative.dev/http-protocol",
)  # fmt: skip

AUTOSCALING: Final = "autoscaling.knative.dev"
CLASS: Final = f"{AUTOSCALING}/class"
METRIC: Final = f"{AUTOSCALING}/metric"
TARGET: Final = f"{AUTOSCALING}/target"
WINDOW: Final = f"{AUTOSCALING}/window"
ACTIVATION_SCALE: Final = f"{AUTOSCALING}/activation-scale"
MIN_SCALE: Final = (f"{AUTOSCALING}/min-scale", f"{AUTOSCALING}/minScale")
MAX_SCALE: Final = (f"{AUTOSCALING}/max-scale", f"{AUTOSCALING}/maxScale")
INITIAL_SCALE: Final = (f"{AUTOSCALING}/initial-scale", f"{AUTOSCALING}/initialScale")
SCALE_DOWN_DELAY: Final = (f"{AUTOSCALING}/scale-down-delay", f"{AUTOSCALING}/scaleDownDelay")
POD_RETENTION: Final = (
    f"{AUTOSCALING}/scale-to-zero-pod-retention-period",
    f"{AUTOSCALING}/scaleToZeroPodRetentionPeriod",
)
TARGET_UTILIZATION: Final = (
    f"{AUTOSCALING}/target-utilization-percentage",
    f"{AUTOSCALING}/targetUtilizationPercentage",
)
TARGET_BURST_CAPACITY: Final = (
    f"{AUTOSCALING}/target-burst-capacity",
    f"{AUTOSCALING}/targetBurstCapacity",
)
PANIC_WINDOW: Final = (
    f"{AUTOSCALING}/panic-window-percentage",
    f"{AUTOSCALING}/panicWindowPercentage",
)
PANIC_THRESHOLD: Final = (
    f"{AUTOSCALING}/panic-threshold-percentage",
    f"{AUTOSCALING}/panicThresholdPercentage",
)
AGGREGATION: Final = (
    f"{AUTOSCALING}/metric-aggregation-algorithm",
    f"{AUTOSCALING}/metricAggregationAlgorithm",
)
KPA_CLASS: Final = "kpa.autoscaling.knative.dev"
HPA_CLASS: Final = "hpa.autoscaling.knative.dev"
KOURIER_CLASS: Final = "kourier.ingress.networking.knative.dev"


def labels_of(obj: Object) -> dict[str, str]:
    """The labels of `obj`; empty without any."""
    return dict(obj["metadata"].get("labels") or {})


def ranked(values: Mapping[str, str], spellings: tuple[str, ...]) -> tuple[str, str] | None:
    """The first of `spellings` that `values` has, with its value; None without any."""
    return next(((key, values[key]) for key in spellings if key in values), None)


def ranked_value(values: Mapping[str, str], spellings: tuple[str, ...]) -> str:
    """The value under the first of `spellings` that `values` has; empty without any."""
    found = ranked(values, spellings)
    return found[1] if found else ""

"""The kinds that Knative's rules read and write, by the names that storage and objects use."""

from __future__ import annotations

from typing import Final

from knlab.embedded.kube.objects import GroupResource, Object

SERVING_GROUP: Final = "serving.knative.dev"
AUTOSCALING_GROUP: Final = "autoscaling.internal.knative.dev"
NETWORKING_GROUP: Final = "networking.internal.knative.dev"
CACHING_GROUP: Final = "caching.internal.knative.dev"

SERVICES: Final = GroupResource(SERVING_GROUP, "services")
CONFIGURATIONS: Final = GroupResource(SERVING_GROUP, "configurations")
REVISIONS: Final = GroupResource(SERVING_GROUP, "revisions")
ROUTES: Final = GroupResource(SERVING_GROUP, "routes")
DOMAIN_MAPPINGS: Final = GroupResource(SERVING_GROUP, "domainmappings")
POD_AUTOSCALERS: Final = GroupResource(AUTOSCALING_GROUP, "podautoscalers")
METRICS: Final = GroupResource(AUTOSCALING_GROUP, "metrics")
SERVERLESS_SERVICES: Final = GroupResource(NETWORKING_GROUP, "serverlessservices")
INGRESSES: Final = GroupResource(NETWORKING_GROUP, "ingresses")
CERTIFICATES: Final = GroupResource(NETWORKING_GROUP, "certificates")
CLUSTER_DOMAIN_CLAIMS: Final = GroupResource(NETWORKING_GROUP, "clusterdomainclaims")
IMAGES: Final = GroupResource(CACHING_GROUP, "images")

CORE_SERVICES: Final = GroupResource("", "services")
ENDPOINTS: Final = GroupResource("", "endpoints")
PODS: Final = GroupResource("", "pods")
CONFIG_MAPS: Final = GroupResource("", "configmaps")
NAMESPACES: Final = GroupResource("", "namespaces")
DEPLOYMENTS: Final = GroupResource("apps", "deployments")

TYPES: Final = {
    SERVICES: (f"{SERVING_GROUP}/v1", "Service"),
    CONFIGURATIONS: (f"{SERVING_GROUP}/v1", "Configuration"),
    REVISIONS: (f"{SERVING_GROUP}/v1", "Revision"),
    ROUTES: (f"{SERVING_GROUP}/v1", "Route"),
    DOMAIN_MAPPINGS: (f"{SERVING_GROUP}/v1beta1", "DomainMapping"),
    POD_AUTOSCALERS: (f"{AUTOSCALING_GROUP}/v1alpha1", "PodAutoscaler"),
    METRICS: (f"{AUTOSCALING_GROUP}/v1alpha1", "Metric"),
    SERVERLESS_SERVICES: (f"{NETWORKING_GROUP}/v1alpha1", "ServerlessService"),
    INGRESSES: (f"{NETWORKING_GROUP}/v1alpha1", "Ingress"),
    CERTIFICATES: (f"{NETWORKING_GROUP}/v1alpha1", "Certificate"),
    CLUSTER_DOMAIN_CLAIMS: (f"{NETWORKING_GROUP}/v1alpha1", "ClusterDomainClaim"),
    IMAGES: (f"{CACHING_GROUP}/v1alpha1", "Image"),
    CORE_SERVICES: ("v1", "Service"),
    ENDPOINTS: ("v1", "Endpoints"),
    PODS: ("v1", "Pod"),
    CONFIG_MAPS: ("v1", "ConfigMap"),
    NAMESPACES: ("v1", "Namespace"),
    DEPLOYMENTS: ("apps/v1", "Deployment"),
}
"""apiVersion and kind of each resource, as its objects spell them."""

SYSTEM_NAMESPACE: Final = "knative-serving"
ACTIVATOR_SERVICE: Final = "activator-service"


def typed(resource: GroupResource, obj: Object) -> Object:
    """`obj` with the apiVersion and kind of `resource` in front."""
    api_version, kind = TYPES[resource]
    return {"apiVersion": api_version, "kind": kind} | obj

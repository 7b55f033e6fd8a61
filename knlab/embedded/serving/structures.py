"""The Go structures that Knative's webhook decodes objects into before it looks at them.

Sources: `pkg/apis/serving/v1` and `v1beta1` and `pkg/apis/autoscaling/v1alpha1` of knative/serving,
`pkg/apis/networking/v1alpha1` of knative/networking, `apis/duck/v1` of knative/pkg.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

from knlab.embedded.kube.go_types import (
    BOOL,
    INT32,
    INT64,
    STRING,
    TIME,
    IntOrString,
    List,
    Map,
    Member,
    Scalar,
    Struct,
    Type,
)
from knlab.embedded.kube.messages import OBJECT_META, struct_of
from knlab.embedded.kube.objects import GroupResource
from knlab.embedded.serving import kinds

_TEXTS: Final = List(STRING)
_LABELS: Final = Map(STRING)


def _struct(go: str, *embedded: Struct, **members: Type) -> Struct:
    """A structure; the fields of `embedded` ones are its own, and messages name the way."""

    @cache
    def all_members() -> Mapping[str, Member]:
        found = {name: Member(type_) for name, type_ in members.items()}
        for inner in embedded:
            for name, member in inner.members().items():
                found[name] = Member(member.type, (inner.name, *member.via))
        return found

    return Struct(go, all_members)


def _named(go: str) -> Scalar:
    return Scalar("string", go)


def _kind(version: str, name: str, spec: Struct, status: Struct) -> Struct:
    return _struct(f"{version}.{name}", metadata=OBJECT_META, spec=spec, status=status)


_CONDITION: Final = _struct(
    "apis.Condition",
    type=_named("apis.ConditionType"), status=_named("v1.ConditionStatus"), reason=STRING,
    severity=_named("apis.ConditionSeverity"), message=STRING, lastTransitionTime=TIME,
)  # fmt: skip
_STATUS: Final = _struct(
    "v1.Status",
    observedGeneration=INT64, conditions=List(_CONDITION, "v1.Conditions"), annotations=_LABELS,
)  # fmt: skip
_ADDRESSABLE: Final = _struct("v1.Addressable", name=STRING, url=STRING)
_OBJECT_REFERENCE: Final = struct_of("k8s.io.api.core.v1.ObjectReference")

_TRAFFIC_TARGET: Final = _struct(
    "v1.TrafficTarget",
    tag=STRING, revisionName=STRING, configurationName=STRING, latestRevision=BOOL, percent=INT64,
    url=STRING, appendHeaders=_LABELS,
)  # fmt: skip
_REVISION_SPEC: Final = _struct(
    "v1.RevisionSpec",
    struct_of("k8s.io.api.core.v1.PodSpec"),
    containerConcurrency=INT64, timeoutSeconds=INT64, responseStartTimeoutSeconds=INT64,
    idleTimeoutSeconds=INT64,
)  # fmt: skip
_TEMPLATE: Final = _struct("v1.RevisionTemplateSpec", metadata=OBJECT_META, spec=_REVISION_SPEC)
_CONFIGURATION_SPEC: Final = _struct("v1.ConfigurationSpec", template=_TEMPLATE)
_CONFIGURATION_FIELDS: Final = _struct(
    "v1.ConfigurationStatusFields", latestReadyRevisionName=STRING, latestCreatedRevisionName=STRING
)
_ROUTE_SPEC: Final = _struct("v1.RouteSpec", traffic=List(_TRAFFIC_TARGET))
_ROUTE_FIELDS: Final = _struct(
    "v1.RouteStatusFields", url=STRING, address=_ADDRESSABLE, traffic=List(_TRAFFIC_TARGET)
)
_CONTAINER_STATUS: Final = _struct("v1.ContainerStatus", name=STRING, imageDigest=STRING)
_REVISION_STATUS: Final = _struct(
    "v1.RevisionStatus", _STATUS,
    logUrl=STRING, containerStatuses=List(_CONTAINER_STATUS), actualReplicas=INT32,
    initContainerStatuses=List(_CONTAINER_STATUS), desiredReplicas=INT32,
)  # fmt: skip

_POD_AUTOSCALER_SPEC: Final = _struct(
    "v1alpha1.PodAutoscalerSpec",
    containerConcurrency=INT64, scaleTargetRef=_OBJECT_REFERENCE,
    reachability=_named("v1alpha1.ReachabilityType"),
    protocolType=_named("networking.ProtocolType"),
)  # fmt: skip
_POD_AUTOSCALER_STATUS: Final = _struct(
    "v1alpha1.PodAutoscalerStatus", _STATUS,
    serviceName=STRING, metricsServiceName=STRING, desiredScale=INT32, actualScale=INT32,
)  # fmt: skip

_BACKEND: Final = _struct(
    "v1alpha1.IngressBackend",
    serviceNamespace=STRING, serviceName=STRING, servicePort=IntOrString(),
)  # fmt: skip
_SPLIT: Final = _struct(
    "v1alpha1.IngressBackendSplit", _BACKEND,
    percent=Scalar("int64", "int"), appendHeaders=_LABELS,
)  # fmt: skip
_PATH: Final = _struct(
    "v1alpha1.HTTPIngressPath",
    path=STRING, rewriteHost=STRING, splits=List(_SPLIT), appendHeaders=_LABELS,
    headers=Map(_struct("v1alpha1.HeaderMatch", exact=STRING)),
)  # fmt: skip
_RULE: Final = _struct(
    "v1alpha1.IngressRule",
    hosts=_TEXTS, visibility=_named("v1alpha1.IngressVisibility"),
    http=_struct("v1alpha1.HTTPIngressRuleValue", paths=List(_PATH)),
)  # fmt: skip
_TLS: Final = _struct(
    "v1alpha1.IngressTLS", hosts=_TEXTS, secretName=STRING, secretNamespace=STRING
)
_INGRESS_SPEC: Final = _struct(
    "v1alpha1.IngressSpec",
    tls=List(_TLS), rules=List(_RULE), httpOption=_named("v1alpha1.HTTPOption"),
)  # fmt: skip
_BALANCER: Final = _struct(
    "v1alpha1.LoadBalancerStatus",
    ingress=List(
        _struct(
            "v1alpha1.LoadBalancerIngressStatus",
            ip=STRING, domain=STRING, domainInternal=STRING, meshOnly=BOOL,
        )
    ),
)  # fmt: skip
_INGRESS_STATUS: Final = _struct(
    "v1alpha1.IngressStatus", _STATUS,
    publicLoadBalancer=_BALANCER, privateLoadBalancer=_BALANCER,
)  # fmt: skip
_SKS_SPEC: Final = _struct(
    "v1alpha1.ServerlessServiceSpec",
    mode=_named("v1alpha1.ServerlessServiceOperationMode"), objectRef=_OBJECT_REFERENCE,
    protocolType=_named("networking.ProtocolType"), numActivators=INT32,
)  # fmt: skip
_SKS_STATUS: Final = _struct(
    "v1alpha1.ServerlessServiceStatus", _STATUS, serviceName=STRING, privateServiceName=STRING
)
_DOMAIN_MAPPING_SPEC: Final = _struct(
    "v1beta1.DomainMappingSpec",
    ref=_struct(
        "v1.KReference",
        kind=STRING, namespace=STRING, name=STRING, apiVersion=STRING, group=STRING,
        address=STRING,
    ),
    tls=_struct("v1beta1.SecretTLS", secretName=STRING),
)  # fmt: skip
_DOMAIN_MAPPING_STATUS: Final = _struct(
    "v1beta1.DomainMappingStatus", _STATUS, url=STRING, address=_ADDRESSABLE
)

STRUCTURES: Final[Mapping[GroupResource, Struct]] = {
    kinds.SERVICES: _kind(
        "v1", "Service",
        _struct("v1.ServiceSpec", _CONFIGURATION_SPEC, _ROUTE_SPEC),
        _struct("v1.ServiceStatus", _STATUS, _CONFIGURATION_FIELDS, _ROUTE_FIELDS),
    ),
    kinds.CONFIGURATIONS: _kind(
        "v1", "Configuration", _CONFIGURATION_SPEC,
        _struct("v1.ConfigurationStatus", _STATUS, _CONFIGURATION_FIELDS),
    ),
    kinds.REVISIONS: _kind("v1", "Revision", _REVISION_SPEC, _REVISION_STATUS),
    kinds.ROUTES: _kind(
        "v1", "Route", _ROUTE_SPEC, _struct("v1.RouteStatus", _STATUS, _ROUTE_FIELDS)
    ),
    kinds.DOMAIN_MAPPINGS: _kind(
        "v1beta1", "DomainMapping", _DOMAIN_MAPPING_SPEC, _DOMAIN_MAPPING_STATUS
    ),
    kinds.POD_AUTOSCALERS: _kind(
        "v1alpha1", "PodAutoscaler", _POD_AUTOSCALER_SPEC, _POD_AUTOSCALER_STATUS
    ),
    kinds.INGRESSES: _kind("v1alpha1", "Ingress", _INGRESS_SPEC, _INGRESS_STATUS),
    kinds.SERVERLESS_SERVICES: _kind("v1alpha1", "ServerlessService", _SKS_SPEC, _SKS_STATUS),
}  # fmt: skip
"""What each kind is decoded into; kinds that are missing here are not looked at."""

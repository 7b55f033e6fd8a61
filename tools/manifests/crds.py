"""The twelve CustomResourceDefinitions that Knative Serving installs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tools.manifests.labels import VERSION
from tools.manifests.schemas import (
    ADDRESS,
    ANYTHING,
    BOOLEAN,
    INT32,
    INT64,
    INT_OR_STRING,
    REVISION_SPEC,
    STATUS,
    STRING,
    STRINGS,
    TEMPLATE,
    TRAFFIC,
    Schema,
    array,
    obj,
)  # fmt: skip

READY = (
    ("Ready", "string", ".status.conditions[?(@.type=='Ready')].status"),
    ("Reason", "string", ".status.conditions[?(@.type=='Ready')].reason"),
)
URL = ("URL", "string", ".status.url")
LATEST = (
    ("LatestCreated", "string", ".status.latestCreatedRevisionName"),
    ("LatestReady", "string", ".status.latestReadyRevisionName"),
)
_LABEL = r".metadata.labels['serving\.knative\.dev/{}']"
_SECRET_REF = obj(secretName=STRING, secretNamespace=STRING)
_LOAD_BALANCER = obj(
    ingress=array(obj(domain=STRING, domainInternal=STRING, ip=STRING, meshOnly=BOOLEAN))
)


@dataclass(frozen=True, kw_only=True)
class Crd:
    """What distinguishes one definition from the others."""

    group: str
    kind: str
    plural: str
    categories: tuple[str, ...]
    spec: Schema
    version: str = "v1alpha1"
    status: dict[str, Schema] = field(default_factory=dict)
    columns: tuple[tuple[str, str, str], ...] = ()
    short: tuple[str, ...] = ()
    namespaced: bool = True


_INTERNAL_NETWORKING = ("knative-internal", "networking")
_SERVING = ("all", "knative", "serving")
_CONFIGURATION_STATUS = {
    "latestCreatedRevisionName": STRING,
    "latestReadyRevisionName": STRING,
}
_ROUTE_STATUS = {"address": ADDRESS, "traffic": TRAFFIC, "url": STRING}
_CONTAINER_STATUSES = array(obj(name=STRING, imageDigest=STRING))

CRDS = (
    Crd(
        group="caching.internal.knative.dev", kind="Image", plural="images",
        categories=("knative-internal", "caching"),
        columns=(("Image", "string", ".spec.image"),),
        spec=obj(
            ("image",),
            image=STRING, imagePullSecrets=array(obj(name=STRING)), serviceAccountName=STRING,
        ),
    ),
    Crd(
        group="networking.internal.knative.dev", kind="Certificate", plural="certificates",
        categories=_INTERNAL_NETWORKING, short=("kcert",), columns=READY,
        spec=obj(
            ("dnsNames", "secretName"), dnsNames=array(STRING), domain=STRING, secretName=STRING
        ),
        status={"http01Challenges": array(ANYTHING), "notAfter": STRING},
    ),
    Crd(
        group="serving.knative.dev", version="v1", kind="Configuration", plural="configurations",
        categories=_SERVING, short=("config", "cfg"), columns=(*LATEST, *READY),
        spec=obj(template=TEMPLATE), status=_CONFIGURATION_STATUS,
    ),
    Crd(
        group="networking.internal.knative.dev", kind="ClusterDomainClaim",
        plural="clusterdomainclaims", categories=_INTERNAL_NETWORKING, short=("cdc",),
        spec=obj(("namespace",), namespace=STRING), namespaced=False,
    ),
    Crd(
        group="serving.knative.dev", version="v1beta1", kind="DomainMapping",
        plural="domainmappings", categories=_SERVING, short=("dm",), columns=(URL, *READY),
        spec=obj(
            ("ref",),
            ref=obj(
                ("kind", "name"),
                address=STRING, apiVersion=STRING, group=STRING, kind=STRING, name=STRING,
                namespace=STRING,
            ),
            tls=obj(("secretName",), secretName=STRING),
        ),
        status={"address": ADDRESS, "url": STRING},
    ),
    Crd(
        group="networking.internal.knative.dev", kind="Ingress", plural="ingresses",
        categories=_INTERNAL_NETWORKING, short=("kingress", "king"), columns=READY,
        spec=obj(
            httpOption=STRING,
            rules=array(
                obj(
                    hosts=array(STRING),
                    http=obj(
                        ("paths",),
                        paths=array(
                            obj(
                                ("splits",),
                                appendHeaders=STRINGS,
                                headers={
                                    "type": "object",
                                    "additionalProperties": obj(("exact",), exact=STRING),
                                },
                                path=STRING,
                                rewriteHost=STRING,
                                splits=array(
                                    obj(
                                        ("serviceName", "serviceNamespace", "servicePort"),
                                        appendHeaders=STRINGS, percent=INT64, serviceName=STRING,
                                        serviceNamespace=STRING, servicePort=INT_OR_STRING,
                                    )
                                ),
                            )
                        ),
                    ),
                    visibility=STRING,
                )
            ),
            tls=array(obj(hosts=array(STRING), secretName=STRING, secretNamespace=STRING)),
        ),
        status={"privateLoadBalancer": _LOAD_BALANCER, "publicLoadBalancer": _LOAD_BALANCER},
    ),
    Crd(
        group="autoscaling.internal.knative.dev", kind="Metric", plural="metrics",
        categories=("knative-internal", "autoscaling"), columns=READY,
        spec=obj(
            ("panicWindow", "scrapeTarget", "stableWindow"),
            panicWindow=INT64, scrapeTarget=STRING, stableWindow=INT64,
        ),
    ),
    Crd(
        group="autoscaling.internal.knative.dev", kind="PodAutoscaler", plural="podautoscalers",
        categories=("knative-internal", "autoscaling"), short=("kpa", "pa"),
        columns=(
            ("DesiredScale", "integer", ".status.desiredScale"),
            ("ActualScale", "integer", ".status.actualScale"),
            *READY,
        ),
        spec=obj(
            ("protocolType", "scaleTargetRef"),
            containerConcurrency=INT64, protocolType=STRING, reachability=STRING,
            scaleTargetRef=obj(apiVersion=STRING, kind=STRING, name=STRING),
        ),
        status={
            "actualScale": INT32, "desiredScale": INT32,
            "metricsServiceName": STRING, "serviceName": STRING,
        },
    ),
    Crd(
        group="serving.knative.dev", version="v1", kind="Revision", plural="revisions",
        categories=_SERVING, short=("rev",),
        columns=(
            ("Config Name", "string", _LABEL.format("configuration")),
            ("Generation", "string", _LABEL.format("configurationGeneration")),
            *READY,
            ("Actual Replicas", "integer", ".status.actualReplicas"),
            ("Desired Replicas", "integer", ".status.desiredReplicas"),
        ),
        spec=REVISION_SPEC,
        status={
            "actualReplicas": INT32, "desiredReplicas": INT32, "logUrl": STRING,
            "containerStatuses": _CONTAINER_STATUSES, "initContainerStatuses": _CONTAINER_STATUSES,
        },
    ),
    Crd(
        group="serving.knative.dev", version="v1", kind="Route", plural="routes",
        categories=_SERVING, short=("rt",), columns=(URL, *READY),
        spec=obj(traffic=TRAFFIC), status=_ROUTE_STATUS,
    ),
    Crd(
        group="networking.internal.knative.dev", kind="ServerlessService",
        plural="serverlessservices", categories=_INTERNAL_NETWORKING, short=("sks",),
        columns=(
            ("Mode", "string", ".spec.mode"),
            ("Activators", "integer", ".spec.numActivators"),
            ("ServiceName", "string", ".status.serviceName"),
            ("PrivateServiceName", "string", ".status.privateServiceName"),
            *READY,
        ),
        spec=obj(
            ("objectRef", "protocolType"),
            mode=STRING, numActivators=INT32, protocolType=STRING,
            objectRef=obj(apiVersion=STRING, kind=STRING, name=STRING, namespace=STRING),
        ),
        status={"privateServiceName": STRING, "serviceName": STRING},
    ),
    Crd(
        group="serving.knative.dev", version="v1", kind="Service", plural="services",
        categories=_SERVING, short=("kservice", "ksvc"), columns=(URL, *LATEST, *READY),
        spec=obj(template=TEMPLATE, traffic=TRAFFIC),
        status=_CONFIGURATION_STATUS | _ROUTE_STATUS,
    ),
)  # fmt: skip


def definitions() -> Iterator[dict[str, Any]]:
    """The CustomResourceDefinition objects."""
    for crd in CRDS:
        yield {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{crd.plural}.{crd.group}", "labels": _labels(crd)},
            "spec": {
                "group": crd.group,
                "names": _names(crd),
                "scope": "Namespaced" if crd.namespaced else "Cluster",
                "versions": [_version(crd)],
            },
        }


def _labels(crd: Crd) -> dict[str, str]:
    labels = {
        "app.kubernetes.io/name": "knative-serving",
        "app.kubernetes.io/version": VERSION,
        "knative.dev/crd-install": "true",
    }
    if crd.group == "serving.knative.dev" and crd.kind in {"Service", "Route"}:
        labels["duck.knative.dev/addressable"] = "true"
    if crd.group == "serving.knative.dev" and crd.kind in {"Service", "Configuration"}:
        labels["duck.knative.dev/podspecable"] = "true"
    return labels


def _names(crd: Crd) -> dict[str, Any]:
    names: dict[str, Any] = {
        "kind": crd.kind,
        "plural": crd.plural,
        "singular": crd.kind.lower(),
        "categories": list(crd.categories),
    }
    return names | ({"shortNames": list(crd.short)} if crd.short else {})


def _version(crd: Crd) -> dict[str, Any]:
    schema = obj(
        apiVersion=STRING,
        kind=STRING,
        metadata={"type": "object"},
        spec=crd.spec,
        status=obj(**STATUS, **crd.status),
    )
    version: dict[str, Any] = {
        "name": crd.version,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": schema},
    }
    if crd.columns:
        version["additionalPrinterColumns"] = [
            {"name": name, "type": kind, "jsonPath": path} for name, kind, path in crd.columns
        ]
    return version

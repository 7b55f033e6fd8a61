"""The Ingress of a Route: hosts, paths and splits; and its placeholder Services."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from knlab.embedded.kube.objects import Object, annotations_of
from knlab.embedded.serving import keys
from knlab.embedded.serving.config import ConfigError, NetworkConfig
from knlab.embedded.serving.domains import (
    CLUSTER_LOCAL,
    DEFAULT_TARGET,
    EXTERNAL_IP,
    Naming,
)
from knlab.embedded.serving.kinds import CORE_SERVICES, INGRESSES, typed
from knlab.embedded.serving.resources.metadata import child_metadata
from knlab.embedded.serving.resources.serverlessservice import H2C_APP_PROTOCOL, service_port
from knlab.embedded.serving.rollout import Rollout, Share, format_rollout
from knlab.embedded.serving.traffic import RevisionTarget, TrafficPlan

_NOT_COPIED: Final = frozenset(
    {keys.LAST_APPLIED, keys.CERTIFICATE_CLASS[1], keys.INGRESS_CLASS[1]}
)
_TAG_HEADER: Final = "Knative-Serving-Tag"
_DEFAULT_ROUTE_HEADER: Final = "Knative-Serving-Default-Route"


@dataclass(frozen=True, kw_only=True, slots=True)
class IngressPlan:
    """Everything that an Ingress is made from."""

    traffic: TrafficPlan
    visibility: dict[str, str]
    naming: Naming
    rollout: Rollout
    tag_headers: bool = False
    """Whether the feature tag-header-based-routing is enabled."""


def make_ingress(route: Object, plan: IngressPlan) -> Object:
    """The Ingress of `route`.

    Raises:
        DomainNameError: if a host cannot be named.
        ConfigError: if the route's own http-protocol annotation is wrong.
    """
    metadata = route["metadata"]
    annotations = ingress_annotations(route, plan.naming.network)
    annotations[keys.ROLLOUT] = format_rollout(plan.rollout)
    if tag_hosts := _tag_hosts(route, plan):
        annotations[keys.TAG_TO_HOST] = json.dumps(tag_hosts, sort_keys=True, separators=(",", ":"))
    labels = keys.labels_of(route) | {
        keys.ROUTE: metadata["name"],
        keys.ROUTE_NAMESPACE: metadata["namespace"],
    }
    spec: Object = {"rules": _rules(route, plan)}
    if option := http_option(annotations_of(route), plan.naming.network.http_protocol):
        spec["httpOption"] = option
    return typed(
        INGRESSES,
        {
            "metadata": child_metadata(
                metadata["name"], route, labels=labels, annotations=annotations
            ),
            "spec": spec,
        },
    )


def ingress_annotations(parent: Object, network: NetworkConfig) -> dict[str, str]:
    """The annotations that the Ingress of `parent` has from it, and its class."""
    given = annotations_of(parent)
    klass = keys.ranked_value(given, keys.INGRESS_CLASS) or network.ingress_class
    annotations = {key: value for key, value in given.items() if key not in _NOT_COPIED}
    annotations.setdefault(keys.INGRESS_CLASS[0], klass)
    return annotations


def http_option(annotations: dict[str, str], configured: str) -> str:
    """The httpOption of an Ingress: as `annotations` say, else as `configured`.

    Raises:
        ConfigError: if the annotation is wrong.
    """
    own = keys.ranked_value(annotations, keys.HTTP_PROTOCOL).lower()
    if own and own not in {"enabled", "redirected"}:
        raise ConfigError(f"incorrect http-protocol annotation: {own}")
    return {"enabled": "Enabled", "redirected": "Redirected"}.get(own or configured, "")


def _visibilities(plan: IngressPlan, tag: str) -> tuple[str, ...]:
    if plan.visibility.get(tag, EXTERNAL_IP) == EXTERNAL_IP:
        return (CLUSTER_LOCAL, EXTERNAL_IP)
    return (CLUSTER_LOCAL,)


def _tag_hosts(route: Object, plan: IngressPlan) -> dict[str, list[str]]:
    hosts: dict[str, list[str]] = {}
    for tag in sorted(plan.traffic.groups):
        if tag == DEFAULT_TARGET:
            continue
        hostname = plan.naming.hostname(route["metadata"]["name"], tag)
        hosts[tag] = [
            plan.naming.domain(route, hostname, local=visibility == CLUSTER_LOCAL)
            for visibility in _visibilities(plan, tag)
        ]
    return hosts


def _rules(route: Object, plan: IngressPlan) -> list[Object]:
    rules = []
    for tag in sorted(plan.traffic.groups):
        for visibility in _visibilities(plan, tag):
            hosts = plan.naming.hosts(route, tag, visibility)
            for some in [hosts] if visibility == CLUSTER_LOCAL else [[host] for host in hosts]:
                paths = _paths(route, plan, tag)
                rules.append({"hosts": some, "visibility": visibility, "http": {"paths": paths}})
    return rules


def _paths(route: Object, plan: IngressPlan, tag: str) -> list[Object]:
    path = _path(route, plan, tag)
    if not plan.tag_headers:
        return [path]
    if tag != DEFAULT_TARGET:
        return [path | {"appendHeaders": {_TAG_HEADER: tag}}]
    tagged = [
        _path(route, plan, other) | {"headers": {_TAG_HEADER: {"exact": other}}}
        for other in sorted(plan.traffic.groups)
        if other != DEFAULT_TARGET
    ]
    return [*tagged, path | {"appendHeaders": {_DEFAULT_ROUTE_HEADER: "true"}}]


def _path(route: Object, plan: IngressPlan, tag: str) -> Object:
    namespace = route["metadata"]["namespace"]
    return {
        "splits": [
            _split(namespace, share, target.protocol)
            for target in plan.traffic.groups[tag]
            if target.percent
            for share in _shares(plan.rollout, tag, target)
        ]
    }


def _shares(rollout: Rollout, tag: str, target: RevisionTarget) -> tuple[Share, ...]:
    moving = rollout.under(tag, target.configuration) if target.latest else None
    if moving is None or moving.done:
        return (Share(target.revision, target.percent),)
    return moving.revisions


def _split(namespace: str, share: Share, protocol: str) -> Object:
    return {
        "serviceName": share.revision,
        "serviceNamespace": namespace,
        "servicePort": service_port(protocol),
        "percent": share.percent,
        "appendHeaders": {
            "Knative-Serving-Revision": share.revision,
            "Knative-Serving-Namespace": namespace,
        },
    }


def make_placeholder(route: Object, hostname: str, external_name: str) -> Object:
    """The Service that makes `hostname` resolve inside the cluster to `external_name`."""
    labels = keys.labels_of(route) | {keys.ROUTE: route["metadata"]["name"]}
    labels.pop(keys.VISIBILITY, None)
    port = {
        "name": "http2",
        "appProtocol": H2C_APP_PROTOCOL,
        "port": 80,
        "protocol": "TCP",
        "targetPort": 80,
    }
    spec = {
        "type": "ExternalName",
        "externalName": external_name,
        "sessionAffinity": "None",
        "ports": [port],
    }
    metadata = child_metadata(hostname, route, labels=labels, annotations=annotations_of(route))
    return typed(CORE_SERVICES, {"metadata": metadata, "spec": spec})

"""What a DomainMapping owns: its Ingress, and the claim that is made for it."""

from __future__ import annotations

from typing import Final

from knlab.embedded.kube.objects import Object, annotations_of
from knlab.embedded.serving import keys
from knlab.embedded.serving.config import NetworkConfig
from knlab.embedded.serving.domain_references import Target
from knlab.embedded.serving.domains import EXTERNAL_IP
from knlab.embedded.serving.kinds import CLUSTER_DOMAIN_CLAIMS, INGRESSES, typed
from knlab.embedded.serving.resources.ingress import http_option, ingress_annotations
from knlab.embedded.serving.resources.metadata import child_metadata
from knlab.embedded.serving.resources.names import child_name

_ORIGINAL_HOST: Final = "K-Original-Host"


def make_domain_ingress(mapping: Object, target: Target, network: NetworkConfig) -> Object:
    """The Ingress that gives the domain of `mapping` to `target`, under the host of `target`.

    Raises:
        ConfigError: if the mapping's own http-protocol annotation is wrong.
    """
    metadata = mapping["metadata"]
    domain, namespace = metadata["name"], metadata["namespace"]
    split = {
        "serviceName": target.service,
        "serviceNamespace": namespace,
        "servicePort": 80,
        "percent": 100,
        "appendHeaders": {_ORIGINAL_HOST: domain},
    }
    path = {"rewriteHost": target.host, "splits": [split]}
    rule = {"hosts": [domain], "visibility": EXTERNAL_IP, "http": {"paths": [path]}}
    spec: Object = {"rules": [rule]}
    if option := http_option(annotations_of(mapping), network.http_protocol):
        spec["httpOption"] = option
    labels = keys.labels_of(mapping) | {
        keys.DOMAIN_MAPPING_UID: metadata["uid"],
        keys.DOMAIN_MAPPING_NAMESPACE: namespace,
    }
    annotations = ingress_annotations(mapping, network)
    return typed(
        INGRESSES,
        {
            "metadata": child_metadata(
                child_name(domain, ""), mapping, labels=labels, annotations=annotations
            ),
            "spec": spec,
        },
    )


def make_domain_claim(mapping: Object) -> Object:
    """The claim that gives the domain of `mapping` to its namespace."""
    metadata = mapping["metadata"]
    return typed(
        CLUSTER_DOMAIN_CLAIMS,
        {"metadata": {"name": metadata["name"]}, "spec": {"namespace": metadata["namespace"]}},
    )

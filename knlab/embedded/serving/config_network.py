"""ConfigMaps config-network and config-domain: how hosts are named and who routes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from knlab.embedded.kube.go_types import STRING, STRINGS, Member, Struct
from knlab.embedded.kube.messages import struct_of
from knlab.embedded.serving.config_fields import ConfigError, Fields
from knlab.embedded.serving.go_template import GoTemplate, TemplateError
from knlab.embedded.serving.go_text import quoted
from knlab.embedded.serving.keys import CLUSTER_LOCAL, VISIBILITY
from knlab.embedded.serving.yaml_values import read_yaml

CLUSTER_DOMAIN: Final = "cluster.local"
LOCAL_DOMAIN: Final = f"svc.{CLUSTER_DOMAIN}"
ISTIO_CLASS: Final = "istio.ingress.networking.knative.dev"
DOMAIN_TEMPLATE: Final = "{{.Name}}.{{.Namespace}}.{{.Domain}}"
TAG_TEMPLATE: Final = "{{.Tag}}-{{.Name}}"
EXAMPLE_KEY: Final = "_example"
_LABEL_SELECTOR: Final = struct_of("k8s.io.apimachinery.pkg.apis.meta.v1.LabelSelector")
_NOT_IN_HOSTS: Final = re.compile(r"[ ^`{|}\\]")
_DOMAIN: Final = Struct(
    "config.domainInternalConfig", lambda: {"selector": Member(STRINGS), "type": Member(STRING)}
)


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkConfig:
    """How routes get their hosts, their ingress class and their rollout."""

    ingress_class: str = ISTIO_CLASS
    domain_template: str = DOMAIN_TEMPLATE
    tag_template: str = TAG_TEMPLATE
    rollout_duration: int = 0
    autocreate_cluster_domain_claims: bool = False
    http_protocol: str = "enabled"
    default_external_scheme: str = "http"
    enable_mesh_pod_addressability: bool = False
    mesh_compatibility_mode: str = "auto"


def parse_network(data: Mapping[str, str]) -> NetworkConfig:
    """The settings in `data`, the ConfigMap's own data.

    Raises:
        ConfigError: with Knative's text, if a value cannot be, or if it asks for TLS.
    """
    read = Fields(data)
    config = NetworkConfig(
        ingress_class=read.string(ISTIO_CLASS, "ingress.class", "ingress-class"),
        domain_template=read.string(DOMAIN_TEMPLATE, "domainTemplate", "domain-template"),
        tag_template=read.string(TAG_TEMPLATE, "tagTemplate", "tag-template"),
        rollout_duration=read.integer(0, "rolloutDuration", "rollout-duration"),
        autocreate_cluster_domain_claims=read.boolean(
            "autocreateClusterDomainClaims", "autocreate-cluster-domain-claims", default=False
        ),
        http_protocol=_http_protocol(data),
        default_external_scheme=read.string(
            "http", "defaultExternalScheme", "default-external-scheme"
        ),
        enable_mesh_pod_addressability=read.boolean(
            "enable-mesh-pod-addressability", default=False
        ),
        mesh_compatibility_mode=read.choice(
            "auto", ("enabled", "disabled", "auto"), "mesh-compatibility-mode"
        ),
    )
    if config.rollout_duration < 0:
        raise ConfigError(
            f"rollout-duration must be a positive integer, but was {config.rollout_duration}"
        )
    _check_templates(config)
    _refuse_tls(data, read)
    return config


def _http_protocol(data: Mapping[str, str]) -> str:
    value = data.get("http-protocol", data.get("httpProtocol", "")).lower() or "enabled"
    if value not in {"enabled", "disabled", "redirected"}:
        shown = data.get("http-protocol", "")
        raise ConfigError(f"httpProtocol {shown} in config-network ConfigMap is not supported")
    return value


def _check_templates(config: NetworkConfig) -> None:
    sample: dict[str, Any] = {
        "Name": "foo", "Namespace": "bar", "Domain": "baz.com", "Annotations": {}, "Labels": {},
    }  # fmt: skip
    try:
        host = GoTemplate("domain-template", config.domain_template).render(sample)
        GoTemplate("tag-template", config.tag_template).render({"Name": "foo", "Tag": "v2"})
    except TemplateError as error:
        raise ConfigError(str(error)) from error
    if text := _host_refusal(host):
        raise ConfigError(text)


def _host_refusal(text: str) -> str:
    """Why the rendered domain template `text` is no host."""
    parts = urlsplit(f"https://{text}")
    if wrong := _NOT_IN_HOSTS.search(parts.netloc):
        shown = quoted(wrong[0])
        return f"parse {quoted(f'https://{text}')}: invalid character {shown} in host name"
    host, colon, port = parts.netloc.partition(":")
    if port and not port.isdigit():
        return f"parse {quoted(f'https://{text}')}: invalid port {quoted(colon + port)} after host"
    if not host:
        return "empty hostname"
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    rooted = path if path.startswith("/") or not path else f"/{path}"
    return f"domain template has url path: {rooted}" if rooted not in {"", "/"} else ""


def _refuse_tls(data: Mapping[str, str], read: Fields) -> None:
    for key in ("system-internal-tls", "cluster-local-domain-tls"):
        if data.get(key, "").lower() not in {"", "disabled", "enabled"}:
            shown = quoted(data[key])
            raise ConfigError(
                f"{key} with value: {shown} in config-network ConfigMap is not supported"
            )
    wanted = [
        key
        for key in (
            "autoTLS", "auto-tls", "external-domain-tls",
            "system-internal-tls", "cluster-local-domain-tls",
        )
        if data.get(key, "").lower() == "enabled"
    ]  # fmt: skip
    if read.boolean("internal-encryption", default=False):
        wanted.append("internal-encryption")
    read_yaml(data.get("namespace-wildcard-cert-selector", ""), _LABEL_SELECTOR)
    if wanted:
        raise ConfigError(f"{wanted[-1]}: the embedded cluster has no TLS and no certificates")


@dataclass(frozen=True, kw_only=True, slots=True)
class DomainConfig:
    """The domains of config-domain, each with the labels that a Route needs to get it."""

    selectors: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: {LOCAL_DOMAIN: {}})

    def lookup(self, labels: Mapping[str, str]) -> str:
        """The domain for a Route with `labels`: most selector pairs first, then by alphabet."""
        if labels.get(VISIBILITY) == CLUSTER_LOCAL:
            return LOCAL_DOMAIN
        matching = [
            (-len(selector), domain)
            for domain, selector in self.selectors.items()
            if selector.items() <= labels.items()
        ]
        return min(matching)[1] if matching else ""


def parse_domains(data: Mapping[str, str]) -> DomainConfig:
    """The domains in `data`; the cluster's own is the default if no other has an empty selector.

    Raises:
        ConfigError: with Knative's text, if a selector cannot be read.
    """
    selectors: dict[str, Mapping[str, str]] = {}
    for domain, text in data.items():
        if domain == EXAMPLE_KEY:
            continue
        parsed = read_yaml(text, _DOMAIN) or {}
        selectors[domain] = parsed.get("selector") or {}
    if all(selectors.values()):
        selectors[LOCAL_DOMAIN] = {}
    return DomainConfig(selectors=selectors)

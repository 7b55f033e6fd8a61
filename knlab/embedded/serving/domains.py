"""The hosts and URLs of a Route and its tags, and what may be a domain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from knlab.embedded.kube.controller import View
from knlab.embedded.kube.names import label_errors, subdomain_errors
from knlab.embedded.kube.objects import Object, annotations_of
from knlab.embedded.serving import keys
from knlab.embedded.serving.config import DomainConfig, NetworkConfig
from knlab.embedded.serving.config_network import CLUSTER_DOMAIN, DOMAIN_TEMPLATE, LOCAL_DOMAIN
from knlab.embedded.serving.go_template import GoTemplate, TemplateError
from knlab.embedded.serving.go_text import quoted
from knlab.embedded.serving.kinds import CORE_SERVICES

CLUSTER_LOCAL: Final = "ClusterLocal"
EXTERNAL_IP: Final = "ExternalIP"
DEFAULT_TARGET: Final = ""
"""The name of the traffic target without a tag."""


class DomainNameError(ValueError):
    """A template that makes no host name out of this Route."""

    def __init__(self, text: str) -> None:
        super().__init__(f"domain name error: {text}")


@dataclass(frozen=True, slots=True)
class Naming:
    """The settings that turn a Route into host names."""

    network: NetworkConfig
    domains: DomainConfig

    def hostname(self, name: str, tag: str) -> str:
        """The first label of the host of one tag: `hello`, or `v2-hello`.

        Raises:
            DomainNameError: if the tag template fails.
        """
        if tag == DEFAULT_TARGET:
            return name
        template = GoTemplate("tag-template", self.network.tag_template)
        try:
            return template.render({"Name": name, "Tag": tag})
        except TemplateError as error:
            raise DomainNameError(f"error executing the TagTemplate: {error}") from error

    def domain(self, route: Object, hostname: str, *, local: bool | None = None) -> str:
        """The whole host for `hostname`; `local` overrides what the Route's label says.

        Raises:
            DomainNameError: if the template fails or its result is no host name.
        """
        labels = keys.labels_of(route)
        if local is not None:
            labels.pop(keys.VISIBILITY, None)
            if local:
                labels[keys.VISIBILITY] = keys.CLUSTER_LOCAL
        inside = labels.get(keys.VISIBILITY) == keys.CLUSTER_LOCAL
        template = DOMAIN_TEMPLATE if inside else self.network.domain_template
        values = {
            "Name": hostname,
            "Namespace": route["metadata"]["namespace"],
            "Domain": self.domains.lookup(labels),
            "Annotations": annotations_of(route),
            "Labels": labels,
        }
        try:
            host = GoTemplate("domain-template", template).render(values)
        except TemplateError as error:
            raise DomainNameError(f"error executing the DomainTemplate: {error}") from error
        if problems := domain_problems("url", host):
            raise DomainNameError(f"invalid domain name {quoted(host)}: {problems}")
        return host

    def url(self, route: Object, tag: str, *, local: bool) -> str:
        """The URL of one tag of `route`."""
        host = self.domain(route, self.hostname(route["metadata"]["name"], tag), local=local)
        return f"{'http' if local else self.network.default_external_scheme}://{host}"

    def hosts(self, route: Object, tag: str, visibility: str) -> list[str]:
        """The hosts of one tag for `visibility`, sorted; inside the cluster also the short ones."""
        local = visibility == CLUSTER_LOCAL
        host = self.domain(route, self.hostname(route["metadata"]["name"], tag), local=local)
        return expanded_hosts(host) if local else [host]


def domain_problems(field: str, name: str) -> str:
    """What keeps `name` from being a domain of at least two labels, told of `field`; empty if not.

    A dot at its end does not count.
    """
    domain = name.removesuffix(".")
    if not domain:
        return f"{field}: Required value"
    if texts := subdomain_errors(domain):
        return _invalid(field, domain, ",".join(texts))
    labels = domain.split(".")
    if len(labels) < 2:
        text = "should be a domain with at least two segments separated by dots"
        return _invalid(field, domain, text)
    found = [
        _invalid(field, label, text)
        for label in dict.fromkeys(labels)
        for text in label_errors(label)
    ]
    return found[0] if len(found) == 1 else f"[{', '.join(found)}]" if found else ""


def _invalid(field: str, value: str, text: str) -> str:
    return f"{field}: Invalid value: {quoted(value)}: {text}"


def expanded_hosts(host: str) -> list[str]:
    """`host` and its shorter forms inside the cluster, sorted."""
    found = {host}
    for suffix in (f".{CLUSTER_DOMAIN}", f".{LOCAL_DOMAIN}"):
        if host.endswith(suffix):
            found.add(host.removesuffix(suffix))
    return sorted(name for name in found if _is_valid_top(name.rpartition(".")[2]))


def _is_valid_top(label: str) -> bool:
    return 0 < len(label) < 64 and not label.isdigit()


def visibilities(view: View, route: Object, naming: Naming) -> dict[str, str]:
    """For each tag of `route` whether it is `ClusterLocal` or `ExternalIP`.

    Raises:
        DomainNameError: if the tag template fails.
    """
    metadata = route["metadata"]
    inside = naming.domains.lookup(keys.labels_of(route)) == LOCAL_DOMAIN
    placeholders = {
        service["metadata"]["name"]: keys.labels_of(service)
        for service in view.list(
            CORE_SERVICES, metadata["namespace"], {keys.ROUTE: metadata["name"]}
        )
    }
    tags = {DEFAULT_TARGET} | {
        target.get("tag", "") for target in route["spec"].get("traffic") or ()
    }
    found = {}
    for tag in tags:
        labels = placeholders.get(naming.hostname(metadata["name"], tag), {})
        local = inside or labels.get(keys.VISIBILITY) == keys.CLUSTER_LOCAL
        found[tag] = CLUSTER_LOCAL if local else EXTERNAL_IP
    return found

"""Where a DomainMapping's reference leads: from a named object to a Service inside the cluster.

Rules and texts of knative.dev/pkg `resolver` and `tracker`, and of Serving's own reconciler, as its
controller meets them with the rights that an installation gives it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from knlab.embedded.kube.controller import View
from knlab.embedded.kube.names import label_errors, qualified_name_errors, subdomain_errors
from knlab.embedded.kube.objects import GroupResource, Object
from knlab.embedded.serving.config_network import LOCAL_DOMAIN
from knlab.embedded.serving.go_text import quoted
from knlab.embedded.serving.kinds import (
    AUTOSCALING_GROUP,
    CORE_SERVICES,
    NETWORKING_GROUP,
    SERVING_GROUP,
    TYPES,
)

_CONTROLLER: Final = "system:serviceaccount:knative-serving:controller"
_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_IDENTIFIER_TEXT: Final = (
    "a valid C identifier must start with alphabetic character or '_', followed by a string of"
    " alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for"
    " validation is '[A-Za-z_][A-Za-z0-9_]*')"
)
_OWN_GROUPS: Final = frozenset({SERVING_GROUP, AUTOSCALING_GROUP, NETWORKING_GROUP})
_LISTABLE: Final[Mapping[str, tuple[str, ...]]] = {
    "/v1": (
        "configmaps", "endpoints", "events", "namespaces", "pods", "secrets", "serviceaccounts",
        "services",
    ),
    "admissionregistration.k8s.io/v1": (
        "mutatingwebhookconfigurations", "validatingwebhookconfigurations",
    ),
    "apiextensions.k8s.io/v1": ("customresourcedefinitions",),
    "apps/v1": ("deployments",),
    "autoscaling/v1": ("horizontalpodautoscalers",),
    "autoscaling/v2": ("horizontalpodautoscalers",),
    "caching.internal.knative.dev/v1alpha1": ("images",),
    "coordination.k8s.io/v1": ("leases",),
    "discovery.k8s.io/v1": ("endpointslices",),
}  # fmt: skip
"""What Knative's controller may list besides Knative's own groups, by group and version."""


class UnresolvedError(ValueError):
    """A reference that leads nowhere; `event` is what the controller reports of it."""

    def __init__(self, text: str, event: str = "") -> None:
        super().__init__(text)
        self.event = event or text


@dataclass(frozen=True, slots=True)
class Target:
    """A host inside the cluster, and the Service of the mapping's namespace that has it."""

    host: str
    service: str


def resolve_reference(view: View, mapping: Object) -> Target:
    """Where `mapping` sends its requests.

    Raises:
        UnresolvedError: if that is no Service of its namespace.
    """
    try:
        url = _url(view, mapping["spec"].get("ref") or {})
    except UnresolvedError as error:
        raise UnresolvedError(str(error), f"resolving reference: {error}") from error
    parts = urlsplit(url)
    shown, namespace = f"resolved URI {quoted(url)}", mapping["metadata"]["namespace"]
    if parts.path.removesuffix("/"):
        raise UnresolvedError(f"{shown} contains a path")
    suffix = f".{LOCAL_DOMAIN}"
    names = parts.netloc.removesuffix(suffix).split(".")
    if not parts.netloc.endswith(suffix) or len(names) != 2:
        raise UnresolvedError(f"{shown} must be of the form {{name}}.{{namespace}}{suffix}")
    if names[1] != namespace:
        raise UnresolvedError(f"{shown} must be in same namespace as DomainMapping")
    return Target(parts.netloc, names[0])


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of a version, and its plural as Kubernetes guesses it from the kind's name."""

    group: str
    version: str
    plural: str

    def __str__(self) -> str:
        return f"{self.group}/{self.version}, Resource={self.plural}"

    @property
    def resource(self) -> GroupResource:
        return GroupResource(self.group, self.plural)

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}"


def _kind(api_version: str, kind: str) -> _Kind:
    group, _, version = api_version.rpartition("/")
    if "/" in group:
        group = version = ""
    return _Kind(group, version, _plural(kind.lower()))


def _plural(word: str) -> str:
    if word.endswith("endpoints"):
        return word
    if word.endswith("s"):
        return f"{word}es"
    return f"{word.removesuffix('y')}ies" if word.endswith("y") else f"{word}s"


def _url(view: View, reference: Object) -> str:
    namespace, name = reference.get("namespace", ""), reference.get("name", "")
    kind = _kind(reference.get("apiVersion", ""), reference.get("kind", ""))
    if problems := _problems(reference):
        text = "\n".join(("invalid Reference:", *problems))
        raise UnresolvedError(f"failed to track reference {kind} {namespace}/{name}: {text}")
    if refusal := _list_refusal(kind):
        raise UnresolvedError(f"failed to get lister for {kind}: {refusal}")
    found = view.find(kind.resource, namespace, name)
    if found is None:
        missing = f"{kind.resource} {quoted(name)} not found"
        raise UnresolvedError(f"failed to get object {namespace}/{name}: {missing}")
    if TYPES[CORE_SERVICES] == (reference.get("apiVersion"), reference.get("kind")):
        return f"http://{name}.{namespace}.{LOCAL_DOMAIN}"
    return _address(found, reference)


def _problems(reference: Object) -> list[str]:
    kind, namespace = reference.get("kind", ""), reference.get("namespace", "")
    version = [
        text.replace("a qualified name", "a valid label key")
        for text in qualified_name_errors(reference.get("apiVersion", ""))
    ]
    checked = {
        "APIVersion": version,
        "Kind": [] if _IDENTIFIER.fullmatch(kind) else [_IDENTIFIER_TEXT],
        "Namespace": label_errors(namespace) if namespace else [],
        "Name": subdomain_errors(reference.get("name", "")),
    }
    return sorted(f"{field}: {text}" for field, texts in checked.items() for text in texts)


def _list_refusal(kind: _Kind) -> str:
    """The API server's refusal to let Knative's controller list `kind`; empty if it lets it."""
    group = kind.group
    allowed = group in _OWN_GROUPS or any(
        kind.plural in plurals and version.rpartition("/")[0] == group
        for version, plurals in _LISTABLE.items()
    )
    if not allowed:
        return (
            f'{kind.resource} is forbidden: User "{_CONTROLLER}" cannot list resource'
            f" {quoted(kind.plural)} in API group {quoted(group)} at the cluster scope"
        )
    served = kind.plural in _LISTABLE.get(kind.api_version, ()) or any(
        (resource, version) == (kind.resource, kind.api_version)
        for resource, (version, _) in TYPES.items()
    )
    return "" if served else "the server could not find the requested resource"


def _address(found: Object, reference: Object) -> str:
    """The URL at which `found` says that it can be reached."""
    shown = ", ".join(
        f"{label} = {reference.get(field) or ''}"
        for label, field in (
            ("Kind", "kind"), ("Namespace", "namespace"), ("Name", "name"),
            ("APIVersion", "apiVersion"), ("Group", "group"), ("Address", "address"),
        )
    )  # fmt: skip
    status = found.get("status") or {}
    address = status.get("address")
    if not address:
        raise UnresolvedError(f"address not set for {shown}")
    if wanted := reference.get("address"):
        raise UnresolvedError(f"address with name {quoted(wanted)} not found for {shown}")
    url: str = address.get("url") or ""
    if not url:
        raise UnresolvedError(f"URL missing in address of {shown}")
    if not urlsplit(url).netloc:
        raise UnresolvedError(f"hostname missing in address of {shown}")
    return url

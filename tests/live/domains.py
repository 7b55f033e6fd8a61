"""Domains of one's own, as the scenarios make and see them, and references that lead nowhere."""

from __future__ import annotations

from typing import Any

import knlab
from knlab.cluster.kubernetes import EVENT, Kind
from knlab.cluster.waiting import wait_until
from tests.live.world import Condition, Object, World, conditions

MAPPING = Kind("serving.knative.dev/v1beta1", "DomainMapping")
CLAIM = Kind("networking.internal.knative.dev/v1alpha1", "ClusterDomainClaim")
INGRESS = Kind("networking.internal.knative.dev/v1alpha1", "Ingress")
NAMESPACE = "default"
TRUE = ("True", "", "")
UNKNOWN = ("Unknown", "", "")
DENIED = (
    'admission webhook "validation.webhook.serving.knative.dev" denied the request: validation'
    " failed: "
)
CLAIMED_BY_ANOTHER = (
    "False", "DomainAlreadyClaimed", "The domain name is already in use by another DomainMapping",
)  # fmt: skip
NO_TLS = ("True", "TLSNotEnabled", "external-domain-tls is not enabled")
UNCONFIGURED = ("Unknown", "IngressNotConfigured", "Ingress has not yet been reconciled.")
SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or"
    " '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used"
    r" for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)


def reference(name: str, *, api_version: str = "serving.knative.dev/v1", kind: str = "Service",
              **more: str) -> Object:  # fmt: skip
    return {"apiVersion": api_version, "kind": kind, "name": name} | more


def mapping(domain: str, to: Object, **metadata: Any) -> Object:
    return {
        "apiVersion": MAPPING.api_version,
        "kind": MAPPING.kind,
        "metadata": {"name": domain, "namespace": NAMESPACE} | metadata,
        "spec": {"ref": to},
    }


def claim(domain: str, namespace: str = NAMESPACE) -> Object:
    return {
        "apiVersion": CLAIM.api_version,
        "kind": CLAIM.kind,
        "metadata": {"name": domain},
        "spec": {"namespace": namespace},
    }


class Domains:
    """The domains of one test."""

    def __init__(self, world: World) -> None:
        self._api = world.cluster.api
        self._gateway = world.cluster.gateway
        self._made: list[tuple[Kind, str, str | None]] = []

    def claim(self, domain: str, namespace: str = NAMESPACE) -> None:
        """Claim `domain` for `namespace`."""
        self._made.append((CLAIM, domain, None))
        self._api.apply(claim(domain, namespace))

    def map(self, domain: str, to: Object, *, claimed: bool = True, **metadata: Any) -> Object:
        """The mapping of `domain` to what `to` refers to."""
        if claimed:
            self.claim(domain)
        self._made.append((MAPPING, domain, NAMESPACE))
        return self._api.apply(mapping(domain, to, **metadata))[0]

    def keep(self, kind: Kind, obj: Object) -> None:
        """`obj` for as long as the test runs."""
        self._made.append((kind, obj["metadata"]["name"], NAMESPACE))
        self._api.apply(obj)

    def one(self, domain: str) -> Object:
        """The mapping of `domain`."""
        return self._api.get(MAPPING, domain, NAMESPACE)

    def settled(self, domain: str, kind: str, wanted: Condition | None = None) -> Condition:
        """Condition `kind` of the mapping when it is `wanted`, or anything but Unknown."""

        def look() -> Condition | None:
            obj = self.one(domain)
            seen = obj.get("status", {}).get("observedGeneration") == obj["metadata"]["generation"]
            found = conditions(obj).get(kind, UNKNOWN)
            good = found == wanted if wanted else found[0] != "Unknown"
            return found if seen and good else None

        return wait_until(f"{kind} of {domain}", look, timeout=60)

    def events(self, domain: str) -> set[tuple[str, str, str]]:
        """What was told of the mapping: type, reason, message."""
        return {
            (each["type"], each["reason"], each["message"])
            for each in self._api.items(EVENT, NAMESPACE)
            if each["involvedObject"]["kind"] == MAPPING.kind
            and each["involvedObject"]["name"] == domain
        }

    def ask(self, domain: str, path: str = "/") -> tuple[int, str]:
        """Status and text of a request that names `domain` as its host."""
        answer = knlab.request(self._gateway + path, host=domain)
        return answer.status, answer.text

    def delete(self) -> None:
        """Take back all that was made, mappings before claims."""
        for kind, name, namespace in reversed(self._made):
            self._api.delete(kind, name, namespace)
        wait_until(
            "the mappings to be gone",
            lambda: (
                not any(
                    kind == MAPPING and self._api.find(kind, name, namespace)
                    for kind, name, namespace in self._made
                )
                or None
            ),
            timeout=30,
        )


CONTROLLER = "system:serviceaccount:knative-serving:controller"
SERVING = "serving.knative.dev/v1"
NO_ADDRESS = (
    "address not set for Kind = {}, Namespace = default, Name = {}, APIVersion = {}, Group = ,"
    " Address = "
)
NO_RIGHT = (
    'failed to get lister for {}/{}, Resource={}: {}.{} is forbidden: User "' + CONTROLLER + '"'
    ' cannot list resource "{}" in API group "{}" at the cluster scope'
)
UNRESOLVED: dict[str, tuple[Object, str]] = {
    "a Service that is not there": (
        reference("missing"),
        'failed to get object default/missing: services.serving.knative.dev "missing" not found',
    ),
    "a core Service that is not there": (
        reference("missing", api_version="v1"),
        'failed to get object default/missing: services "missing" not found',
    ),
    "a kind without an address": (
        reference("domain-hello", kind="Configuration"),
        NO_ADDRESS.format("Configuration", "domain-hello", SERVING),
    ),
    "a Deployment": (
        reference("domain-hello-00001-deployment", api_version="apps/v1", kind="Deployment"),
        NO_ADDRESS.format("Deployment", "domain-hello-00001-deployment", "apps/v1"),
    ),
    "an address by name": (
        reference("domain-hello", address="x"),
        (
            'address with name "x" not found for Kind = Service, Namespace = default,'
            " Name = domain-hello, APIVersion = serving.knative.dev/v1, Group = , Address = x"
        ),
    ),
    "a version that nobody serves": (
        reference("domain-hello", api_version="serving.knative.dev/v1beta1"),
        (
            "failed to get lister for serving.knative.dev/v1beta1, Resource=services: the server"
            " could not find the requested resource"
        ),
    ),
    "a kind that nobody serves": (
        reference("x", kind="Thing"),
        (
            "failed to get lister for serving.knative.dev/v1, Resource=things: the server could not"
            " find the requested resource"
        ),
    ),
    "a kind that the controller may not see": (
        reference("x", api_version="batch/v1", kind="Job"),
        NO_RIGHT.format("batch", "v1", "jobs", "jobs", "batch", "jobs", "batch"),
    ),
    "a group that nobody knows": (
        reference("x", api_version="example.com/v1", kind="Policy"),
        NO_RIGHT.format(
            "example.com", "v1", "policies", "policies", "example.com", "policies", "example.com"
        ),
    ),
    "a name that is none": (
        reference("Bad_Name"),
        (
            "failed to track reference serving.knative.dev/v1, Resource=services default/Bad_Name:"
            f" invalid Reference:\nName: {SUBDOMAIN}"
        ),
    ),
    "a kind that is no word": (
        reference("x", kind="No-Kind"),
        (
            "failed to track reference serving.knative.dev/v1, Resource=no-kinds default/x: invalid"
            " Reference:\nKind: a valid C identifier must start with alphabetic character or '_',"
            " followed by a string of alphanumeric characters or '_' (e.g. 'my_name',  or"
            " 'MY_NAME',  or 'MyName', regex used for validation is '[A-Za-z_][A-Za-z0-9_]*')"
        ),
    ),
    "a version that is none": (
        reference("x", api_version="a/b/c"),
        (
            "failed to track reference /, Resource=services default/x: invalid Reference:\n"
            "APIVersion: a valid label key must consist of alphanumeric characters, '-', '_' or"
            " '.', and must start and end with an alphanumeric character (e.g. 'MyName', "
            " or 'my.name',  or '123-abc', regex used for validation is"
            " '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and"
            " '/' (e.g. 'example.com/MyName')"
        ),
    ),
}

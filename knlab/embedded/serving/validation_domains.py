"""What the validating webhook refuses in a DomainMapping."""

from __future__ import annotations

from knlab.embedded.kube.objects import Object
from knlab.embedded.serving.config_network import CLUSTER_DOMAIN
from knlab.embedded.serving.domains import domain_problems
from knlab.embedded.serving.field_errors import Errors, disallowed, generic, missing, via
from knlab.embedded.serving.go_text import quoted


def mapping_errors(mapping: Object) -> Errors:
    """What is wrong with a DomainMapping, whatever it was before."""
    spec = mapping.get("spec") or {}
    namespace = mapping["metadata"].get("namespace", "")
    errors = via(_reference_errors(spec.get("ref") or {}, namespace), "ref")
    if spec.get("tls") is not None:
        errors += generic("TLS is not supported by the embedded cluster", "tls")
    return via(_name_errors(mapping), "metadata") + via(errors, "spec")


def _name_errors(mapping: Object) -> Errors:
    metadata = mapping["metadata"]
    name = metadata.get("name", "")
    errors = disallowed("generateName") if metadata.get("generateName") else []
    if problems := domain_problems("name", name):
        errors += generic(f"invalid name {quoted(name)}: {problems}", "name")
    if name.endswith(f".{CLUSTER_DOMAIN}"):
        text = f"must not be a subdomain of cluster local domain {quoted(CLUSTER_DOMAIN)}"
        errors += generic(f"invalid name {quoted(name)}: {text}", "name")
    return errors


def _reference_errors(reference: Object, parent_namespace: str) -> Errors:
    errors: Errors = []
    for field in ("name", "apiVersion", "kind"):
        errors += [] if reference.get(field) else missing(field)
    if reference.get("group"):
        errors += disallowed("group")
    namespace = reference.get("namespace")
    if namespace and namespace != parent_namespace:
        details = (
            f"parent namespace: {quoted(parent_namespace)} does not match ref: {quoted(namespace)}"
        )
        errors += generic("mismatched namespaces", "namespace", details=details)
    return errors

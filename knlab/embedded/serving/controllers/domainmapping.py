"""DomainMapping → Ingress: a domain of its own for what its reference leads to."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Final

from knlab.embedded.kube.controller import NOTHING, Controller, Outcome, View, create, delete
from knlab.embedded.kube.objects import GroupResource, Key, Object, key_of
from knlab.embedded.serving import views
from knlab.embedded.serving.conditions import StatusDraft
from knlab.embedded.serving.config import (
    ConfigError,
    NetworkConfig,
    parse_network,
    read_config,
    reading_config,
)
from knlab.embedded.serving.domain_references import UnresolvedError, resolve_reference
from knlab.embedded.serving.go_text import quoted
from knlab.embedded.serving.kinds import (
    CLUSTER_DOMAIN_CLAIMS,
    CONFIG_MAPS,
    CORE_SERVICES,
    DOMAIN_MAPPINGS,
    INGRESSES,
    ROUTES,
    SERVICES,
    TYPES,
)
from knlab.embedded.serving.own_ingress import (
    INGRESS_READY,
    keep_ingress,
    show_ingress,
    show_unconfigured,
)
from knlab.embedded.serving.resources.domainmapping import make_domain_claim, make_domain_ingress
from knlab.embedded.serving.work import (
    Failed,
    Work,
    has_finalizer,
    with_finalizer,
    without_finalizer,
)

FINALIZER: Final = "domainmappings.serving.knative.dev"
CLAIMED: Final = "DomainClaimed"
RESOLVED: Final = "ReferenceResolved"
CERTIFICATE: Final = "CertificateProvisioned"
_REFERABLE: Final = (SERVICES, ROUTES, CORE_SERVICES, DOMAIN_MAPPINGS)
"""What has an address, so that a reference to it may become good or bad."""


@reading_config
def sync_domain_mapping(view: View, key: Key, now: float) -> Outcome:
    """One look at the DomainMapping `key`."""
    mapping = view.find(DOMAIN_MAPPINGS, *key)
    if mapping is None:
        return NOTHING
    network = read_config(view, parse_network)
    present = has_finalizer(mapping, FINALIZER)
    if mapping["metadata"].get("deletionTimestamp"):
        return _finalize(view, mapping, network) if present else NOTHING
    if not present:
        work = Work(mapping)
        work.set_finalizers(DOMAIN_MAPPINGS, with_finalizer(mapping, FINALIZER))
        return work.outcome()
    draft = StatusDraft(mapping, CLAIMED, RESOLVED, INGRESS_READY, CERTIFICATE, now=now)
    work = Work(mapping, draft, DOMAIN_MAPPINGS)
    try:
        _reconcile(view, draft, work, network)
    except (ConfigError, Failed) as failure:
        return work.outcome(failed=str(failure))
    return work.outcome()


def _finalize(view: View, mapping: Object, network: NetworkConfig) -> Outcome:
    """Let the mapping go, and with it the claim that was made for it."""
    work = Work(mapping)
    claim = view.find(CLUSTER_DOMAIN_CLAIMS, "", mapping["metadata"]["name"])
    if network.autocreate_cluster_domain_claims and claim is not None and _owns(mapping, claim):
        work.write(delete(CLUSTER_DOMAIN_CLAIMS, claim))
    work.set_finalizers(DOMAIN_MAPPINGS, without_finalizer(mapping, FINALIZER))
    return work.outcome()


def _owns(mapping: Object, claim: Object) -> bool:
    namespace = (claim.get("spec") or {}).get("namespace", "")
    return bool(namespace == mapping["metadata"]["namespace"])


def _reconcile(view: View, draft: StatusDraft, work: Work, network: NetworkConfig) -> None:
    mapping = draft.object
    if not views.is_observed(mapping):
        show_unconfigured(draft)
    url = f"{network.default_external_scheme}://{mapping['metadata']['name']}"
    draft.status |= {"url": url, "address": {"url": url}}
    _claim(view, draft, work, network)
    draft.true(CERTIFICATE, "TLSNotEnabled", "external-domain-tls is not enabled")
    try:
        target = resolve_reference(view, mapping)
    except UnresolvedError as error:
        draft.false(RESOLVED, "ResolveFailed", str(error))
        raise Failed(error.event) from error
    draft.true(RESOLVED)
    wanted = make_domain_ingress(mapping, target, network)
    ingress = keep_ingress(work, view.find(INGRESSES, *key_of(wanted)), wanted)
    if views.is_observed(ingress):
        show_ingress(draft, ingress)
    else:
        show_unconfigured(draft)


def _claim(view: View, draft: StatusDraft, work: Work, network: NetworkConfig) -> None:
    """Make sure that the domain belongs to the mapping's namespace.

    Raises:
        Failed: if it does not.
    """
    namespace, domain = key_of(draft.object)
    claim = view.find(CLUSTER_DOMAIN_CLAIMS, "", domain)
    if claim is None and network.autocreate_cluster_domain_claims:
        made = create(CLUSTER_DOMAIN_CLAIMS, make_domain_claim(draft.object))
        work.write(made, "failed to create ClusterDomainClaim")
    elif claim is None or not _owns(draft.object, claim):
        text = "The domain name is already in use by another DomainMapping"
        draft.false(CLAIMED, "DomainAlreadyClaimed", text)
        if claim is None:
            raise Failed(
                f"no ClusterDomainClaim found for domain {quoted(domain)}"
                " (and autocreate-cluster-domain-claims property is not true)"
            )
        raise Failed(
            f"namespace {quoted(namespace)} does not own ClusterDomainClaim for {quoted(domain)}"
        )
    draft.true(CLAIMED)


def _referring(view: View, resource: GroupResource, obj: Object) -> Iterable[Key]:
    """Keys of the DomainMappings that refer to `obj`, an object of `resource`."""
    namespace, name = key_of(obj)
    wanted = (*TYPES[resource], namespace, name)
    for mapping in view.list(DOMAIN_MAPPINGS, namespace):
        reference = mapping["spec"].get("ref") or {}
        fields = ("apiVersion", "kind", "namespace", "name")
        if tuple(reference.get(field) for field in fields) == wanted:
            yield key_of(mapping)


def domain_mapping_controller(view: View) -> Controller:
    """The control loop for DomainMappings; it looks in `view` for who refers to what changed.

    As in Knative, nobody tells it of a claim: a mapping without one tries again, and later again.
    """
    return Controller(
        name="domainmapping-controller",
        parent=DOMAIN_MAPPINGS,
        sync=sync_domain_mapping,
        owns=(INGRESSES,),
        watches={resource: partial(_referring, view, resource) for resource in _REFERABLE},
        resync_on=(CONFIG_MAPS,),
    )

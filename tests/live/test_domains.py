"""Domains of one's own: who may have them, where they lead, and what the cluster says of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import knlab
from knlab._exceptions import Invalid
from knlab.cluster.kubernetes import CORE_SERVICE
from knlab.cluster.service import Service
from knlab.cluster.waiting import wait_until
from tests.live.domains import (
    CLAIM,
    CLAIMED_BY_ANOTHER,
    DENIED,
    INGRESS,
    MAPPING,
    NAMESPACE,
    NO_TLS,
    TRUE,
    UNCONFIGURED,
    UNKNOWN,
    UNRESOLVED,
    Domains,
    reference,
)
from tests.live.world import Object, World, conditions, manifest

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]


@pytest.fixture
def domains(world: World) -> Iterator[Domains]:
    made = Domains(world)
    yield made
    made.delete()


@pytest.fixture(scope="module")
def hello(world: World) -> Iterator[Service]:
    """A Service that takes part in several tests."""
    service = world.cluster.deploy(
        "domain-hello", image=knlab.images.HELLO, env={"TARGET": "domain"}
    )
    service.wait_ready()
    yield service
    service.delete()


@pytest.fixture
def autocreate(world: World) -> Iterator[None]:
    """Mappings claim their domains themselves."""
    setting = "autocreate-cluster-domain-claims"
    world.cluster.configure("config-network", {setting: "true"})
    yield
    world.cluster.configure("config-network", {setting: None})


def test_who_made_it_is_noted_and_stays(domains: Domains, world: World) -> None:
    made = domains.map("who.mine.test", reference("nothing"))
    annotations = made["metadata"]["annotations"]
    keys = ["serving.knative.dev/creator", "serving.knative.dev/lastModifier"]
    [user] = {annotations[key] for key in keys}
    assert user
    assert made["spec"]["ref"] == reference("nothing", namespace=NAMESPACE)
    for key, message in zip(
        keys,
        (
            "annotation value is immutable: metadata.annotations.serving.knative.dev/creator",
            "invalid value: x: metadata.annotations.serving.knative.dev/lastModifier",
        ),
        strict=True,
    ):
        change = {"metadata": {"annotations": {key: "x"}}}
        with pytest.raises(Invalid) as refused:
            world.cluster.api.patch(MAPPING, "who.mine.test", change, NAMESPACE)
        assert refused.value.message == DENIED + message


def test_a_domain_leads_to_its_service(domains: Domains, hello: Service, world: World) -> None:
    domain = "ready.mine.test"
    domains.map(domain, reference(hello.name), labels={"team": "x"})
    assert domains.settled(domain, "Ready", TRUE) == TRUE
    found = domains.one(domain)
    assert conditions(found) == {
        "CertificateProvisioned": NO_TLS,
        "DomainClaimed": TRUE,
        "IngressReady": TRUE,
        "Ready": TRUE,
        "ReferenceResolved": TRUE,
    }
    url = f"http://{domain}"
    conditionless = {k: v for k, v in found["status"].items() if k != "conditions"}
    assert conditionless == {"url": url, "address": {"url": url}, "observedGeneration": 1}
    assert found["metadata"]["finalizers"] == ["domainmappings.serving.knative.dev"]
    assert domains.events(domain) == {
        ("Normal", "FinalizerUpdate", f'Updated "{domain}" finalizers'),
        ("Normal", "Created", f'Created Ingress "{domain}"'),
    }
    assert domains.ask(domain) == (200, "Hello domain!\n")
    assert domains.ask(f"{domain.upper()}:8080") == (200, "Hello domain!\n")


def test_its_ingress(domains: Domains, hello: Service, world: World) -> None:
    domain = "ingress.mine.test"
    given = {"note": "y", "networking.knative.dev/certificate-class": "z"}
    domains.map(domain, reference(hello.name), labels={"team": "x"}, annotations=given)
    domains.settled(domain, "Ready", TRUE)
    found = world.one(INGRESS, domain)
    owner = domains.one(domain)["metadata"]
    metadata = found["metadata"]
    assert metadata["labels"] == {
        "team": "x",
        "serving.knative.dev/domainMappingNamespace": NAMESPACE,
        "serving.knative.dev/domainMappingUID": owner["uid"],
    }
    assert metadata["annotations"] == {
        "note": "y",
        "networking.knative.dev/ingress.class": "kourier.ingress.networking.knative.dev",
        "serving.knative.dev/creator": owner["annotations"]["serving.knative.dev/creator"],
        "serving.knative.dev/lastModifier": owner["annotations"]["serving.knative.dev/creator"],
    }
    assert metadata["ownerReferences"] == [
        {
            "apiVersion": MAPPING.api_version, "kind": MAPPING.kind, "name": domain,
            "uid": owner["uid"], "controller": True, "blockOwnerDeletion": True,
        }
    ]  # fmt: skip
    path = {
        "rewriteHost": f"{hello.name}.{NAMESPACE}.svc.cluster.local",
        "splits": [
            {
                "appendHeaders": {"K-Original-Host": domain}, "percent": 100,
                "serviceName": hello.name, "serviceNamespace": NAMESPACE, "servicePort": 80,
            }
        ],
    }  # fmt: skip
    rule = {"hosts": [domain], "http": {"paths": [path]}, "visibility": "ExternalIP"}
    assert found["spec"] == {"httpOption": "Enabled", "rules": [rule]}


def test_a_long_domain_has_an_ingress_with_a_short_name(
    domains: Domains, hello: Service, world: World
) -> None:
    domain = "a" * 60 + ".mine.test"
    domains.map(domain, reference(hello.name))
    domains.settled(domain, "Ready", TRUE)
    assert world.one(INGRESS, "a" * 31 + "175c89db05eb56fa7b320c82c0db64e6")
    assert domains.ask(domain)[0] == 200


def test_a_domain_wakes_a_service_at_zero(
    deploy: Callable[..., Service],
    domains: Domains,
    world: World,
    measure: Callable[[str, float | None], None],
) -> None:
    annotations = {"autoscaling.knative.dev/window": "6s"}
    service = deploy(manifest("domain-zero", image=knlab.images.HELLO, annotations=annotations))
    service.wait_ready()
    domains.map("zero.mine.test", reference("domain-zero"))
    domains.settled("zero.mine.test", "Ready", TRUE)
    world.wait_for("no pods", lambda: not service.pods(), timeout=120)
    answer = knlab.request(world.cluster.gateway, host="zero.mine.test")
    assert answer.status == 200
    measure("first answer of a domain at zero, s", answer.total)
    domains.map("fresh.mine.test", reference("domain-zero"))
    assert domains.settled("fresh.mine.test", "Ready", TRUE) == TRUE


def test_a_route_has_an_address_too(domains: Domains, hello: Service) -> None:
    domains.map("route.mine.test", reference(hello.name, kind="Route"))
    domains.settled("route.mine.test", "Ready", TRUE)
    assert domains.ask("route.mine.test") == (200, "Hello domain!\n")


@pytest.mark.parametrize("case", UNRESOLVED)
def test_a_reference_that_leads_nowhere(domains: Domains, hello: Service, case: str) -> None:
    to, message = UNRESOLVED[case]
    domain = "nowhere.mine.test"
    domains.map(domain, to)
    failed = ("False", "ResolveFailed", message)
    assert domains.settled(domain, "ReferenceResolved") == failed
    assert conditions(domains.one(domain)) == {
        "CertificateProvisioned": NO_TLS,
        "DomainClaimed": TRUE,
        "IngressReady": UNCONFIGURED,
        "Ready": failed,
        "ReferenceResolved": failed,
    }
    wait_until(
        "an event",
        lambda: (
            ("Warning", "InternalError", f"resolving reference: {message}")
            in domains.events(domain)
            or None
        ),
        timeout=10,
    )
    assert domains.ask(domain) == (404, "")


def test_a_mapping_whose_address_is_not_the_clusters(domains: Domains, hello: Service) -> None:
    domains.map("first.mine.test", reference(hello.name))
    domains.settled("first.mine.test", "Ready", TRUE)
    to = reference("first.mine.test", api_version=MAPPING.api_version, kind=MAPPING.kind)
    domains.map("second.mine.test", to)
    message = (
        'resolved URI "http://first.mine.test" must be of the form'
        " {name}.{namespace}.svc.cluster.local"
    )
    failed = ("False", "ResolveFailed", message)
    assert domains.settled("second.mine.test", "ReferenceResolved") == failed
    assert ("Warning", "InternalError", message) in domains.events("second.mine.test")


def test_a_domain_that_waits_for_its_service(
    deploy: Callable[..., Service], domains: Domains
) -> None:
    domains.map("early.mine.test", reference("domain-early"))
    domains.settled("early.mine.test", "Ready")
    deploy("domain-early", image=knlab.images.HELLO).wait_ready()
    assert domains.settled("early.mine.test", "Ready", TRUE) == TRUE
    told = {reason: message for _, reason, message in domains.events("early.mine.test")}
    assert told["Created"] == 'Created Ingress "early.mine.test"'


def test_unclaimed(domains: Domains, hello: Service) -> None:
    domains.map("unclaimed.mine.test", reference(hello.name), claimed=False)
    domains.claim("others.mine.test", "kube-public")
    domains.map("others.mine.test", reference(hello.name), claimed=False)
    texts = {
        "unclaimed.mine.test": (
            'no ClusterDomainClaim found for domain "unclaimed.mine.test" (and'
            " autocreate-cluster-domain-claims property is not true)"
        ),
        "others.mine.test": (
            'namespace "default" does not own ClusterDomainClaim for "others.mine.test"'
        ),
    }
    for domain, text in texts.items():
        domains.settled(domain, "Ready", CLAIMED_BY_ANOTHER)
        assert conditions(domains.one(domain)) == {
            "CertificateProvisioned": UNKNOWN,
            "DomainClaimed": CLAIMED_BY_ANOTHER,
            "IngressReady": UNCONFIGURED,
            "Ready": CLAIMED_BY_ANOTHER,
            "ReferenceResolved": UNKNOWN,
        }
        assert ("Warning", "InternalError", text) in domains.events(domain)
        assert domains.ask(domain) == (404, "")


def test_a_claim_that_is_lost_is_noticed_with_the_next_change(
    domains: Domains, hello: Service, world: World
) -> None:
    domain = "lost.mine.test"
    domains.map(domain, reference(hello.name))
    domains.settled(domain, "Ready", TRUE)
    domains.claim(domain, "kube-public")
    assert conditions(domains.one(domain))["Ready"] == TRUE
    world.cluster.api.patch(MAPPING, domain, {"metadata": {"annotations": {"x": "y"}}}, NAMESPACE)
    domains.settled(domain, "Ready", CLAIMED_BY_ANOTHER)
    found = conditions(domains.one(domain))
    assert (found["IngressReady"], found["ReferenceResolved"]) == (TRUE, TRUE)
    assert domains.ask(domain)[0] == 200


@pytest.mark.usefixtures("autocreate")
def test_a_mapping_claims_its_domain_itself_if_it_may(
    domains: Domains, hello: Service, world: World
) -> None:
    api = world.cluster.api
    domains.map("auto.mine.test", reference(hello.name), claimed=False)
    assert domains.settled("auto.mine.test", "Ready", TRUE) == TRUE
    assert api.get(CLAIM, "auto.mine.test")["spec"] == {"namespace": NAMESPACE}
    domains.claim("others.mine.test", "kube-public")
    domains.map("others.mine.test", reference(hello.name), claimed=False)
    domains.settled("others.mine.test", "Ready", CLAIMED_BY_ANOTHER)
    for domain in ("auto.mine.test", "others.mine.test"):
        api.delete(MAPPING, domain, NAMESPACE)
    world.wait_for("no mappings", lambda: not api.items(MAPPING, NAMESPACE))
    assert api.find(CLAIM, "auto.mine.test") is None
    assert api.find(CLAIM, "others.mine.test") is not None


def test_a_mapping_that_goes_leaves_the_claim_that_was_given(
    domains: Domains, hello: Service, world: World
) -> None:
    domain = "gone.mine.test"
    domains.map(domain, reference(hello.name))
    domains.settled(domain, "Ready", TRUE)
    api = world.cluster.api
    api.delete(MAPPING, domain, NAMESPACE)
    world.wait_for("no Ingress", lambda: not api.find(INGRESS, domain, NAMESPACE))
    assert api.find(CLAIM, domain) is not None
    world.wait_for("no route", lambda: domains.ask(domain) == (404, ""))


def test_a_reference_that_goes_wrong_leaves_the_routing_as_it_was(
    domains: Domains, hello: Service
) -> None:
    domain = "moved.mine.test"
    domains.map(domain, reference(hello.name))
    domains.settled(domain, "Ready", TRUE)
    domains.map(domain, reference("missing"))
    message = (
        'failed to get object default/missing: services.serving.knative.dev "missing" not found'
    )
    failed = ("False", "ResolveFailed", message)
    assert domains.settled(domain, "Ready") == failed
    assert conditions(domains.one(domain))["IngressReady"] == UNCONFIGURED
    assert domains.ask(domain) == (200, "Hello domain!\n")
    domains.map(domain, reference(hello.name))
    assert domains.settled(domain, "Ready", TRUE) == TRUE


def test_a_host_that_a_route_has_already(domains: Domains, hello: Service) -> None:
    domain = hello.url.removeprefix("http://")
    domains.map(domain, reference(hello.name))
    conflict = (
        "False",
        "DomainConflict",
        "Ingress rejected: ingress has a conflicting domain with another ingress",
    )
    assert domains.settled(domain, "Ready", conflict) == conflict
    assert conditions(domains.one(domain))["IngressReady"] == conflict
    assert domains.ask(domain)[0] == 200


def core_service(name: str, selector: dict[str, str], port: dict[str, Any]) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"selector": selector, "ports": [{"targetPort": 8080} | port]},
    }


@pytest.mark.parametrize(
    "port",
    [{"port": 80}, {"name": "web", "port": 80}, {"port": 9000}],
    ids=["port 80", "port 80 with a name", "another port, without a name"],
)
def test_a_core_service(
    deploy: Callable[..., Service], domains: Domains, port: dict[str, Any]
) -> None:
    annotations = {"autoscaling.knative.dev/min-scale": "1"}
    service = deploy(manifest("domain-core", image=knlab.images.HELLO, annotations=annotations))
    service.wait_ready()
    selector = {"serving.knative.dev/service": "domain-core"}
    domains.keep(CORE_SERVICE, core_service("domain-plain", selector, port))
    domains.map("core.mine.test", reference("domain-plain", api_version="v1"))
    assert domains.settled("core.mine.test", "Ready", TRUE) == TRUE
    assert domains.ask("core.mine.test") == (200, "Hello World!\n")


def test_a_core_service_without_pods(domains: Domains) -> None:
    domains.keep(CORE_SERVICE, core_service("domain-nobody", {"app": "nobody"}, {"port": 80}))
    domains.map("nobody.mine.test", reference("domain-nobody", api_version="v1"))
    waiting = ("Unknown", "Uninitialized", "Waiting for load balancer to be ready")
    assert domains.settled("nobody.mine.test", "Ready", waiting) == waiting
    assert conditions(domains.one("nobody.mine.test"))["ReferenceResolved"] == TRUE
    assert domains.ask("nobody.mine.test") == (404, "")


def test_http_protocol(domains: Domains, hello: Service) -> None:
    key = "networking.knative.dev/http-protocol"
    domain = "protocol.mine.test"
    domains.map(domain, reference(hello.name), annotations={key: "foo"})
    domains.settled(domain, "Ready", UNCONFIGURED)
    wait_until(
        "an event",
        lambda: (
            ("Warning", "InternalError", "incorrect http-protocol annotation: foo")
            in domains.events(domain)
            or None
        ),
        timeout=10,
    )
    domains.map(domain, reference(hello.name), annotations={key: "redirected"})
    assert domains.settled(domain, "Ready", TRUE) == TRUE
    assert domains.ask(domain, "/x")[0] == 301


def test_tables(domains: Domains, hello: Service, world: World) -> None:
    domains.map("table.mine.test", reference(hello.name))
    domains.settled("table.mine.test", "Ready", TRUE)
    api = world.cluster.api
    found = api.table(MAPPING, NAMESPACE, name="table.mine.test")
    columns = [each["name"] for each in found["columnDefinitions"]]
    assert columns == ["Name", "URL", "Ready", "Reason"]
    assert [row["cells"] for row in found["rows"]] == [
        ["table.mine.test", "http://table.mine.test", "True", None]
    ]
    claims = api.table(CLAIM, name="table.mine.test")
    assert [each["name"] for each in claims["columnDefinitions"]] == ["Name", "Age"]

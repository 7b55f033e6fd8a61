"""DomainMappings: the states that a real cluster showed, and those on the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from knlab.embedded.kube.controller import Outcome
from knlab.embedded.kube.objects import Object, condition, key_of
from knlab.embedded.serving.controllers.domainmapping import FINALIZER, domain_mapping_controller
from knlab.embedded.serving.kinds import (
    CLUSTER_DOMAIN_CLAIMS,
    CORE_SERVICES,
    DOMAIN_MAPPINGS,
    INGRESSES,
    SERVICES,
)
from tests.factories import NOW, DictView, apply_outcome, make, settle

RECORDED = Path(__file__).parents[3] / "data/real/domains/mappings.jsonl"
SEEN = [json.loads(line) for line in RECORDED.read_text().splitlines()]
NAMESPACE = "domains"
DOMAIN = "hello.mine.test"
KEY = (NAMESPACE, DOMAIN)
CLASS = {"ingress-class": "kourier.ingress.networking.knative.dev"}
SERVING = "serving.knative.dev/v1"


def claim(domain: str = DOMAIN, namespace: str | None = NAMESPACE) -> Object:
    spec = {"namespace": namespace} if namespace is not None else {}
    return make("networking.internal.knative.dev/v1alpha1", "ClusterDomainClaim", domain, spec=spec)


def mapping(domain: str = DOMAIN, ref: Object | None = None, **metadata: Any) -> Object:
    to = {"apiVersion": SERVING, "kind": "Service", "name": "hello", "namespace": NAMESPACE}
    return make(
        "serving.knative.dev/v1beta1", "DomainMapping", domain, NAMESPACE,
        metadata={"finalizers": [FINALIZER]} | metadata, spec={"ref": to | (ref or {})},
    )  # fmt: skip


def addressed(kind: str, name: str, url: str, api_version: str = SERVING) -> Object:
    status = {"address": {"url": url}}
    return make(api_version, kind, name, NAMESPACE, spec={}, status=status)


def cluster(*objects: Object, **network: str) -> DictView:
    """What was in the namespace when the real cluster was looked at, and `objects`."""
    settings = CLASS | {name.replace("_", "-"): value for name, value in network.items()}
    hello = "http://hello.domains.svc.cluster.local"
    return DictView(
        [
            make("v1", "ConfigMap", "config-network", "knative-serving", data=settings),
            addressed("Service", "hello", hello),
            addressed("Route", "hello", hello),
            addressed("DomainMapping", "hello.mine.test", "http://hello.mine.test",
                      "serving.knative.dev/v1beta1"),
            make(SERVING, "Configuration", "hello", NAMESPACE, spec={}),
            make(SERVING, "Service", "never", NAMESPACE, spec={}),
            make("v1", "ConfigMap", "cm", NAMESPACE),
            make("apps/v1", "Deployment", "plain", NAMESPACE, spec={}),
            *objects,
        ]
    )  # fmt: skip


def add_core_services(view: DictView) -> None:
    for name in ("plain", "plain-named", "plain-8080", "nobody", "outside"):
        core = make("v1", "Service", name, NAMESPACE, spec={})
        view.objects[CORE_SERVICES, (NAMESPACE, name)] = core


def conditions(view: DictView, key: tuple[str, str] = KEY) -> dict[str, tuple[str, str, str]]:
    found = view.find(DOMAIN_MAPPINGS, *key)
    assert found is not None
    return {
        item["type"]: (item["status"], item.get("reason", ""), item.get("message", ""))
        for item in found["status"]["conditions"]
    }


def run(view: DictView, key: tuple[str, str] = KEY) -> Outcome:
    return settle(view, domain_mapping_controller(view).sync, key)


@pytest.mark.parametrize("seen", SEEN, ids=lambda seen: str(seen["mapping"]["metadata"]["name"]))
def test_it_ends_as_on_a_real_cluster(seen: Object) -> None:
    wanted = seen["mapping"]
    view = cluster()
    add_core_services(view)
    given = {key: value for key, value in wanted.items() if key != "status"}
    view.add(given)
    if seen["claim"] is not None:
        view.add(claim(wanted["metadata"]["name"], seen["claim"]))
    outcome = run(view, key_of(wanted))
    if seen["ingress"] is not None:
        made = view.objects[INGRESSES, key_of(seen["ingress"])]
        for part in ("name", "labels", "annotations", "ownerReferences"):
            assert made["metadata"][part] == seen["ingress"]["metadata"][part], part
        assert made["spec"] == seen["ingress"]["spec"]
        made["status"] = seen["ingress"]["status"]
        outcome = run(view, key_of(wanted))
    found = view.find(DOMAIN_MAPPINGS, *key_of(wanted))
    assert found is not None
    for item in found["status"]["conditions"]:
        del item["lastTransitionTime"]
    assert found["status"] == wanted["status"]
    told = [["Warning", "InternalError", outcome.failed]] if outcome.failed else []
    assert [[note.type, note.reason, note.message] for note in outcome.notes] == told
    assert (told == seen["events"][-1:]) == (seen["ingress"] is None)


def test_its_events_are_those_of_a_real_cluster() -> None:
    view = cluster(claim())
    view.objects[DOMAIN_MAPPINGS, KEY] = mapping(finalizers=[])
    sync = domain_mapping_controller(view).sync
    told = []
    for _ in range(3):
        outcome = sync(view, KEY, NOW)
        told += [[note.type, note.reason, note.message] for note in outcome.notes]
        apply_outcome(view, outcome)
    [seen] = [each for each in SEEN if each["mapping"]["metadata"]["name"] == "core.mine.test"]
    assert [[item.replace(DOMAIN, "core.mine.test") for item in note] for note in told] == (
        seen["events"]
    )


def test_a_changed_mapping_is_unconfigured_until_its_ingress_is_looked_at() -> None:
    view = cluster(claim(), mapping())
    run(view)
    assert conditions(view)["IngressReady"][:2] == ("Unknown", "IngressNotConfigured")
    made = view.objects[INGRESSES, KEY]
    made["status"] = {"observedGeneration": 1}
    run(view)
    assert conditions(view)["IngressReady"][:2] == ("Unknown", "IngressNotConfigured")
    made["status"]["conditions"] = [{"type": "Ready", "status": "True"}]
    run(view)
    assert conditions(view)["Ready"] == ("True", "", "")
    changed = view.objects[DOMAIN_MAPPINGS, KEY]
    changed["spec"]["ref"]["name"] = "missing"
    changed["metadata"]["generation"] = 2
    outcome = run(view)
    assert conditions(view)["IngressReady"][:2] == ("Unknown", "IngressNotConfigured")
    assert conditions(view)["Ready"][:2] == ("False", "ResolveFailed")
    assert "missing" in outcome.failed
    assert made["spec"]["rules"][0]["http"]["paths"][0]["rewriteHost"].startswith("hello.")


def test_an_ingress_follows_its_mapping() -> None:
    view = cluster(claim(), mapping())
    view.add(addressed("Service", "other", "http://other.domains.svc.cluster.local/"))
    run(view)
    view.objects[DOMAIN_MAPPINGS, KEY]["metadata"]["labels"] = {"a": "b"}
    run(view)
    made = view.objects[INGRESSES, KEY]
    assert (made["metadata"]["labels"]["a"], made["metadata"]["generation"]) == ("b", 1)
    view.objects[DOMAIN_MAPPINGS, KEY]["spec"]["ref"]["name"] = "other"
    run(view)
    made = view.objects[INGRESSES, KEY]
    assert made["metadata"]["generation"] == 2
    [path] = made["spec"]["rules"][0]["http"]["paths"]
    assert path["rewriteHost"] == "other.domains.svc.cluster.local"


@pytest.mark.parametrize(
    ("claims", "setting", "left"),
    [
        pytest.param([claim()], "true", 0, id="its own claim goes with it"),
        pytest.param([claim()], "false", 1, id="a claim that was given stays"),
        pytest.param([claim(namespace="other")], "true", 1, id="another's claim stays"),
        pytest.param([], "true", 0, id="no claim is no trouble"),
    ],
)
def test_the_end(claims: list[Object], setting: str, left: int) -> None:
    view = cluster(*claims, autocreate_cluster_domain_claims=setting)
    view.add(mapping(deletionTimestamp="2025-01-01T00:00:00Z"))
    run(view)
    assert view.find(DOMAIN_MAPPINGS, *KEY) is None
    assert len(view.list(CLUSTER_DOMAIN_CLAIMS)) == left
    assert domain_mapping_controller(view).sync(view, KEY, NOW) == Outcome()


def test_a_mapping_that_others_hold_is_left_alone() -> None:
    held = mapping(deletionTimestamp="2025-01-01T00:00:00Z", finalizers=["other"])
    view = cluster(held)
    assert domain_mapping_controller(view).sync(view, KEY, NOW) == Outcome()


def test_a_claim_is_made_if_it_may_be() -> None:
    view = cluster(mapping(), autocreate_cluster_domain_claims="true")
    run(view)
    made = view.objects[CLUSTER_DOMAIN_CLAIMS, ("", DOMAIN)]
    assert made["spec"] == {"namespace": NAMESPACE}
    assert conditions(view)["DomainClaimed"] == ("True", "", "")


def test_settings_are_those_of_routes() -> None:
    key = "networking.knative.dev/http-protocol"
    view = cluster(
        claim(), mapping(annotations={key: "Redirected"}), default_external_scheme="https"
    )
    run(view)
    assert view.objects[INGRESSES, KEY]["spec"]["httpOption"] == "Redirected"
    found = view.objects[DOMAIN_MAPPINGS, KEY]
    assert found["status"]["url"] == f"https://{DOMAIN}"
    found["metadata"]["annotations"][key] = "foo"
    assert run(view).failed == "incorrect http-protocol annotation: foo"
    view.add(make("v1", "ConfigMap", "config-network", "knative-serving",
                  data={"http-protocol": "disabled", "ingress-class": "x"}))  # fmt: skip
    del found["metadata"]["annotations"][key]
    run(view)
    made = view.objects[INGRESSES, KEY]
    assert "httpOption" not in made["spec"]
    assert made["metadata"]["annotations"] == {"networking.knative.dev/ingress.class": "x"}


def test_who_is_looked_at_when_something_changes() -> None:
    view = cluster(mapping())
    controller = domain_mapping_controller(view)
    hello = view.objects[SERVICES, (NAMESPACE, "hello")]
    never = view.objects[SERVICES, (NAMESPACE, "never")]
    assert list(controller.watches[SERVICES](hello)) == [KEY]
    assert list(controller.watches[SERVICES](never)) == []
    assert list(controller.watches[CORE_SERVICES](hello)) == []
    assert CLUSTER_DOMAIN_CLAIMS not in controller.watches


def test_the_ingress_must_be_observed_to_count() -> None:
    view = cluster(claim(), mapping())
    run(view)
    made = view.objects[INGRESSES, KEY]
    made["status"] = {
        "observedGeneration": 1,
        "conditions": [{"type": "Ready", "status": "True"}],
    }
    made["metadata"]["generation"] = 2
    run(view)
    ready = condition(view.objects[DOMAIN_MAPPINGS, KEY], "Ready")
    assert ready is not None
    assert ready["reason"] == "IngressNotConfigured"

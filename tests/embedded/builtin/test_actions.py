"""Subresources of built-in kinds over HTTP's handlers, on a real API."""

from __future__ import annotations

import json
from typing import Any

import pytest

from knlab.embedded.builtin.actions import actions, questions
from knlab.embedded.builtin.controllers.disruption import sync_disruption_budget
from knlab.embedded.builtin.kinds import DISRUPTION_BUDGETS, NAMESPACES, PODS, SERVICE_ACCOUNTS
from knlab.embedded.builtin.tokens import ServiceAccountTokens
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.backing import WriteOptions
from knlab.embedded.kube.errors import (
    BadRequest,
    Conflict,
    InternalError,
    Invalid,
    NotFound,
    TooManyRequests,
)
from knlab.embedded.kube.objects import GroupResource, Object, condition
from knlab.embedded.kube.paths import Parameters
from knlab.embedded.kube.subresources import Requester, SubresourceRequest
from knlab.embedded.net.http import Request
from tests.factories import NOW

pytestmark = pytest.mark.anyio
LABELS = {"app": "web"}


async def ask(
    api: Api, resource: GroupResource, name: str, part: str, body: Object, *, dry_run: bool = False
) -> tuple[int, Object]:
    """The answer to a POST or PUT of `body` to `part` of an object."""
    row = api.registry.storage_row(resource)
    assert row is not None
    namespace = "default" if row.namespaced else ""
    placed = {"name": name, "namespace": namespace} | body.get("metadata", {})
    handler = actions(api, ServiceAccountTokens(api, "secret"))[row.group, row.plural, part].handler
    response = await handler(
        SubresourceRequest(
            request=Request("POST", "/", []), parameters=Parameters(""), row=row,
            namespace=namespace, name=name, rest="", options=WriteOptions(dry_run=dry_run),
            body=body | {"metadata": placed},
        )
    )  # fmt: skip
    assert isinstance(response.body, bytes)
    return response.status, json.loads(response.body)


def make_pod(api: Api, name: str = "web", *, ready: bool = True) -> Object:
    spec = {"containers": [{"name": "c", "image": "i:1"}]}
    metadata = {"name": name, "namespace": "default", "labels": LABELS}
    made = api.create(PODS, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    status = {**made.object["status"], "phase": "Running", "conditions": conditions}
    return api.update(PODS, made.object | {"status": status}, subresource="status").object


def budget(api: Api, name: str = "web", **spec: Any) -> None:
    api.create(
        DISRUPTION_BUDGETS,
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"selector": {"matchLabels": LABELS}, **spec},
        },
    )
    for write in sync_disruption_budget(api, ("default", name), NOW).writes:
        api.update(DISRUPTION_BUDGETS, write.object, subresource="status")


def allowed(api: Api) -> int:
    status: Object = api.get(DISRUPTION_BUDGETS, "default", "web")["status"]
    return int(status["disruptionsAllowed"])


# Evictions


async def test_a_pod_that_no_budget_covers_may_be_evicted(api: Api) -> None:
    make_pod(api)
    code, answer = await ask(api, PODS, "web", "eviction", {"metadata": {"name": "web"}})
    assert code == 201
    assert answer == {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201,
    }  # fmt: skip
    assert api.find(PODS, "default", "web") is None


async def test_a_budget_that_allows_none_refuses(api: Api) -> None:
    make_pod(api)
    budget(api, minAvailable=1)
    with pytest.raises(TooManyRequests) as refused:
        await ask(api, PODS, "web", "eviction", {})
    assert refused.value.message == (
        "Cannot evict pod as it would violate the pod's disruption budget."
    )
    (cause,) = (refused.value.details or {})["causes"]
    assert cause == {
        "reason": "DisruptionBudget",
        "message": "The disruption budget web needs 1 healthy pods and has 1 currently",
    }
    assert api.find(PODS, "default", "web")


async def test_each_eviction_takes_one_disruption_at_once(api: Api) -> None:
    make_pod(api, "a")
    make_pod(api, "b")
    budget(api, minAvailable=1)
    await ask(api, PODS, "a", "eviction", {})
    assert allowed(api) == 0
    with pytest.raises(TooManyRequests):
        await ask(api, PODS, "b", "eviction", {})


@pytest.mark.parametrize(
    ("in_the_url", "in_the_body"), [(True, None), (True, []), (True, ["All"]), (False, ["All"])]
)
async def test_a_dry_run_changes_nothing(
    api: Api, in_the_url: bool, in_the_body: list[str] | None
) -> None:
    make_pod(api)
    budget(api, minAvailable=0)
    before = api.store.version
    eviction = {"deleteOptions": {"dryRun": in_the_body}}
    code, _ = await ask(api, PODS, "web", "eviction", eviction, dry_run=in_the_url)
    assert code == 201
    assert api.store.version == before


async def test_a_dry_run_of_another_kind_is_refused(api: Api) -> None:
    make_pod(api)
    with pytest.raises(Invalid) as refused:
        await ask(api, PODS, "web", "eviction", {"deleteOptions": {"dryRun": ["Some"]}})
    assert refused.value.message == (
        'DeleteOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["Some"]: supported'
        ' values: "All"'
    )


async def test_an_evicted_pod_says_why_it_goes(api: Api) -> None:
    pod = make_pod(api)
    api.update(PODS, pod | {"spec": {**pod["spec"], "nodeName": "knlab"}}, subresource="binding")
    await ask(api, PODS, "web", "eviction", {"deleteOptions": {"gracePeriodSeconds": 7}})
    kept = api.get(PODS, "default", "web")
    assert kept["metadata"]["deletionGracePeriodSeconds"] == 7
    target = condition(kept, "DisruptionTarget") or {}
    assert (target["reason"], target["message"]) == (
        "EvictionByEvictionAPI", "Eviction API: evicting",
    )  # fmt: skip


async def test_a_budget_whose_loop_is_behind_refuses(api: Api) -> None:
    make_pod(api)
    budget(api, minAvailable=0)
    api.patch(
        DISRUPTION_BUDGETS, "default", "web", lambda live: live | {
            "spec": {**live["spec"], "minAvailable": 1}
        },
    )  # fmt: skip
    with pytest.raises(TooManyRequests) as refused:
        await ask(api, PODS, "web", "eviction", {})
    assert "still being processed" in str(refused.value.details)


@pytest.mark.parametrize(("policy", "goes"), [("IfHealthyBudget", False), ("AlwaysAllow", True)])
async def test_pods_that_are_not_ready(api: Api, policy: str, goes: bool) -> None:
    make_pod(api, ready=False)
    budget(api, minAvailable=1, unhealthyPodEvictionPolicy=policy)
    if goes:
        await ask(api, PODS, "web", "eviction", {})
    else:
        with pytest.raises(TooManyRequests):
            await ask(api, PODS, "web", "eviction", {})


async def test_a_pod_that_is_not_ready_may_go_while_enough_others_are(api: Api) -> None:
    make_pod(api, "well")
    make_pod(api, ready=False)
    budget(api, minAvailable=1)
    await ask(api, PODS, "web", "eviction", {})
    assert api.find(PODS, "default", "web") is None


async def test_two_budgets_for_one_pod_are_not_supported(api: Api) -> None:
    make_pod(api)
    budget(api, minAvailable=0)
    budget(api, "other", minAvailable=0)
    with pytest.raises(InternalError, match="more than one PodDisruptionBudget"):
        await ask(api, PODS, "web", "eviction", {})


async def test_an_eviction_of_another_pod_or_of_none(api: Api) -> None:
    make_pod(api)
    with pytest.raises(BadRequest, match="name in URL does not match name in Eviction object"):
        await ask(api, PODS, "web", "eviction", {"metadata": {"name": "other"}})
    with pytest.raises(NotFound):
        await ask(api, PODS, "nosuch", "eviction", {})


# Bindings


def binding(name: str = "web", **target: str) -> Object:
    return {"metadata": {"name": name}, "target": {"kind": "Node", "name": "knlab"} | target}


async def test_a_binding_assigns_a_node_and_counts_no_generation(api: Api) -> None:
    make_pod(api)
    before = api.store.version
    code, _ = await ask(api, PODS, "web", "binding", binding())
    assert code == 201
    bound = api.get(PODS, "default", "web")
    assert bound["spec"]["nodeName"] == "knlab"
    assert bound["metadata"]["generation"] == 1
    assert api.store.version == before + 1, "one write, so one event for watchers"
    scheduled = condition(bound, "PodScheduled") or {}
    assert (scheduled["status"], scheduled["observedGeneration"]) == ("True", 1)
    assert condition(bound, "Ready"), "other conditions stay"


async def test_a_pod_has_one_node_for_life(api: Api) -> None:
    make_pod(api)
    await ask(api, PODS, "web", "binding", binding())
    with pytest.raises(Conflict) as refused:
        await ask(api, PODS, "web", "binding", binding(name="web"))
    assert refused.value.message == (
        'Operation cannot be fulfilled on pods/binding "web": pod web is already assigned to node'
        ' "knlab"'
    )


async def test_a_pod_that_goes_gets_no_node(api: Api) -> None:
    make_pod(api)
    api.patch(
        PODS, "default", "web", lambda live: live | {
            "metadata": live["metadata"] | {"finalizers": ["mine/here"]}
        },
    )  # fmt: skip
    api.delete(PODS, "default", "web")
    with pytest.raises(Conflict, match="is being deleted"):
        await ask(api, PODS, "web", "binding", binding())


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (binding("other"), "name in URL does not match name in Binding object"),
        (binding(kind="Pod"), 'target.kind: Unsupported value: "Pod": supported values: "Node"'),
        (binding(name="web") | {"target": {"kind": "Node"}}, "target.name: Required value"),
    ],
)
async def test_bindings_that_mean_nothing(api: Api, body: Object, message: str) -> None:
    make_pod(api)
    with pytest.raises(BadRequest) as refused:
        await ask(api, PODS, "web", "binding", body)
    assert refused.value.message.startswith(message)


async def test_a_binding_may_mean_one_pod_of_that_name(api: Api) -> None:
    uid = make_pod(api)["metadata"]["uid"]
    with pytest.raises(Conflict, match=f"UID in precondition: other, UID in object meta: {uid}"):
        await ask(api, PODS, "web", "binding", binding() | {"metadata": {"uid": "other"}})
    await ask(api, PODS, "web", "binding", binding() | {"metadata": {"uid": uid}})


@pytest.mark.parametrize("dry_run", [True, False])
def test_bindings_can_also_be_created(api: Api, dry_run: bool) -> None:
    make_pod(api)
    (bindings, _) = questions(api, ServiceAccountTokens(api, "secret"))
    body, options = binding(), WriteOptions(dry_run=dry_run)
    body["metadata"]["namespace"] = "default"
    assert bindings.answer(body, Requester("knlab"), options)["status"] == "Success"
    node = api.get(PODS, "default", "web")["spec"].get("nodeName")
    assert node == (None if dry_run else "knlab")


def test_a_binding_needs_a_name(api: Api) -> None:
    (bindings, _) = questions(api, ServiceAccountTokens(api, "secret"))
    body = {"metadata": {"namespace": "default"}, "target": {"name": "knlab"}}
    with pytest.raises(BadRequest, match="Name parameter required"):
        bindings.answer(body, Requester("knlab"), WriteOptions())


# Namespaces and tokens


async def test_a_namespace_without_finalizers_can_go(api: Api) -> None:
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}}
    api.create(NAMESPACES, space)
    api.delete(NAMESPACES, "", "team")
    kept = api.get(NAMESPACES, "", "team")
    assert kept["spec"]["finalizers"] == ["kubernetes"]
    await ask(api, NAMESPACES, "team", "finalize", kept | {"spec": {}})
    assert api.find(NAMESPACES, "", "team") is None


async def test_a_token_can_be_asked_for(api: Api) -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot"}}
    account["metadata"] = {"name": "robot", "namespace": "default"}
    api.create(SERVICE_ACCOUNTS, account)
    code, answer = await ask(api, SERVICE_ACCOUNTS, "robot", "token", {"spec": {}})
    assert code == 201
    assert answer["status"]["token"]

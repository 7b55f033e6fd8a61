"""The control loops together, on the real API and runner; only the kubelet is pretended."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from knlab.embedded.builtin import custom_resources
from knlab.embedded.builtin.controllers.loops import control_loops
from knlab.embedded.builtin.kinds import (
    CONFIG_MAPS,
    CUSTOM_RESOURCE_DEFINITIONS,
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    ENDPOINTS,
    EVENTS,
    NAMESPACES,
    PODS,
    REPLICA_SETS,
    RESOURCE_QUOTAS,
    SERVICE_ACCOUNTS,
    SERVICES,
)
from knlab.embedded.builtin.lookup import service_addresses
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.controller import (
    NOTHING,
    Controller,
    Outcome,
    View,
    delete,
    update_status,
)
from knlab.embedded.kube.garbage import collect_garbage
from knlab.embedded.kube.objects import GroupResource, Key, Object, condition, is_true
from knlab.embedded.kube.runner import run_controllers
from tests.embedded.builtin.bounded import bound, quota
from tests.embedded.kube.at_work import until
from tests.factories import NOW_TEXT

pytestmark = pytest.mark.anyio


def _kubelet(view: View, key: Key, _now: float) -> Outcome:
    pod = view.find(PODS, *key)
    if pod is None or not pod["spec"].get("nodeName"):
        return NOTHING
    if "deletionTimestamp" in pod["metadata"]:
        return Outcome((delete(PODS, pod, gracePeriodSeconds=0),))
    if pod["status"]["phase"] == "Running":
        return NOTHING
    number = int(pod["metadata"]["resourceVersion"]) % 250
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": NOW_TEXT}
    conditions = [*pod["status"]["conditions"], ready]
    status = {"phase": "Running", "podIP": f"127.0.1.{number}", "conditions": conditions}
    return Outcome((update_status(PODS, {**pod, "status": pod["status"] | status}),))


@asynccontextmanager
async def working(api: Api, *expected: str) -> AsyncIterator[None]:
    """Everything at work; nothing fails for a reason that is not `expected`."""

    def follow(row: Any, _change: Any) -> None:
        if row.name == CUSTOM_RESOURCE_DEFINITIONS:
            crds = api.store.items(CUSTOM_RESOURCE_DEFINITIONS)
            custom_resources.refresh(api.registry, crds)

    api.after_write.append(follow)
    loops = control_loops(api, certificate="-----BEGIN", gateway="127.0.0.1")
    kubelet = Controller(name="kubelet", parent=PODS, sync=_kubelet)
    log: list[str] = []
    async with anyio.create_task_group() as group:
        group.start_soon(_run, (*loops, kubelet), api, log.append)
        group.start_soon(collect_garbage, api, log.append)
        yield
        group.cancel_scope.cancel()
    failures = [line for line in log if "Traceback" in line or "(again in" in line]
    assert [line for line in failures if not any(why in line for why in expected)] == []


async def _run(loops: tuple[Controller, ...], api: Api, log: Callable[[str], None]) -> None:
    await run_controllers(loops, api, log=log)


def _deployment(**spec: Any) -> Object:
    labels = {"app": "web"}
    containers = [
        {"name": "web", "image": "web:1", "ports": [{"containerPort": 80, "name": "http"}]}
    ]
    template = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {"selector": {"matchLabels": labels}, "template": template, **spec},
    }


def _complete(api: Api) -> bool:
    deployment = api.get(DEPLOYMENTS, "default", "web")
    status, wanted = deployment.get("status") or {}, deployment["spec"]["replicas"]
    return bool(
        status.get("observedGeneration") == deployment["metadata"]["generation"]
        and status.get("updatedReplicas", 0) == wanted == status.get("availableReplicas", 0)
        and status.get("replicas", 0) == wanted
    )


def _messages(api: Api, kind: str) -> list[str]:
    return [e["message"] for e in api.list(EVENTS) if e["involvedObject"]["kind"] == kind]


async def test_a_deployment_becomes_available_and_its_service_finds_its_pods(api: Api) -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "http"}]},
    }
    api.create(SERVICES, service)
    async with working(api):
        api.create(DEPLOYMENTS, _deployment(replicas=2))
        await until(api, lambda: _complete(api))
        await until(api, lambda: len(service_addresses(api, "default", "web", 80)) == 2)
        await until(api, lambda: len(api.list(ENDPOINT_SLICES, "default")[-1]["endpoints"]) == 2)
    (replica_set,) = api.list(REPLICA_SETS)
    name = replica_set["metadata"]["name"]
    deployment = api.get(DEPLOYMENTS, "default", "web")
    assert deployment["metadata"]["annotations"] == {"deployment.kubernetes.io/revision": "1"}
    assert [(c["type"], c["reason"]) for c in deployment["status"]["conditions"]] == [
        ("Available", "MinimumReplicasAvailable"),
        ("Progressing", "NewReplicaSetAvailable"),
    ]
    assert _messages(api, "Deployment") == [f"Scaled up replica set {name} from 0 to 2"]
    assert len(_messages(api, "ReplicaSet")) == 2
    pods = api.list(PODS)
    assert all(pod["metadata"]["name"].startswith(f"{name}-") for pod in pods)
    assert sorted(_messages(api, "Pod")) == sorted(
        f"Successfully assigned default/{pod['metadata']['name']} to knlab" for pod in pods
    )
    assert api.get(ENDPOINTS, "default", "web")["subsets"][0]["ports"] == [
        {"port": 80, "protocol": "TCP"}
    ]


async def test_a_new_template_replaces_all_pods_and_keeps_the_old_replica_set(api: Api) -> None:
    async with working(api):
        api.create(DEPLOYMENTS, _deployment(replicas=3))
        await until(api, lambda: _complete(api))

        def change(obj: Object) -> Object:
            obj["spec"]["template"]["spec"]["containers"][0]["image"] = "web:2"
            return obj

        api.patch(DEPLOYMENTS, "default", "web", change)
        await until(api, lambda: _complete(api))
    sets = api.list(REPLICA_SETS)
    assert sorted(item["spec"]["replicas"] for item in sets) == [0, 3]
    assert {pod["spec"]["containers"][0]["image"] for pod in api.list(PODS)} == {"web:2"}
    notes = _messages(api, "Deployment")
    assert any(note.endswith("from 3 to 2") for note in notes)
    assert api.get(DEPLOYMENTS, "default", "web")["metadata"]["annotations"] == {
        "deployment.kubernetes.io/revision": "2"
    }


async def test_scaling_to_zero_leaves_no_pods(api: Api) -> None:
    async with working(api):
        api.create(DEPLOYMENTS, _deployment())
        await until(api, lambda: _complete(api))
        api.scale(DEPLOYMENTS, "default", "web", 0)
        await until(api, lambda: _complete(api) and not api.list(PODS))
    status = api.get(DEPLOYMENTS, "default", "web")["status"]
    assert "availableReplicas" not in status


async def test_what_a_quota_refuses_is_told_and_heals_with_more_room(api: Api) -> None:
    bound(api, quota({"pods": "1"}))

    def shown() -> Any:
        return (api.get(RESOURCE_QUOTAS, "default", "q").get("status") or {}).get("used")

    def failure() -> Object | None:
        return condition(api.get(DEPLOYMENTS, "default", "web"), "ReplicaFailure")

    async with working(api, "exceeded quota"):
        api.create(DEPLOYMENTS, _deployment(replicas=2))
        await until(api, lambda: failure() is not None and shown() == {"pods": "1"})
        (replica_set,) = api.list(REPLICA_SETS)
        words = (failure() or {})["message"]
        assert words.startswith(f'pods "{replica_set["metadata"]["name"]}-')
        assert words.endswith(
            '" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1'
        )
        assert f"Error creating: {words}" in _messages(api, "ReplicaSet")
        api.patch(RESOURCE_QUOTAS, "default", "q", lambda obj: obj | quota({"pods": "2"}))
        await until(api, lambda: _complete(api) and shown() == {"pods": "2"})
        assert failure() is None
        api.delete(DEPLOYMENTS, "default", "web")
        await until(api, lambda: shown() == {"pods": "0"})


async def test_a_deleted_deployment_takes_everything_with_it(api: Api) -> None:
    async with working(api):
        api.create(DEPLOYMENTS, _deployment(replicas=2))
        await until(api, lambda: _complete(api))
        api.delete(DEPLOYMENTS, "default", "web")
        await until(api, lambda: not api.list(REPLICA_SETS) and not api.list(PODS))


async def test_a_namespace_gets_its_furniture_and_goes_with_its_contents(api: Api) -> None:
    async with working(api):
        space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}}
        api.create(NAMESPACES, space)
        await until(api, lambda: api.find(SERVICE_ACCOUNTS, "team", "default"))
        await until(api, lambda: api.find(CONFIG_MAPS, "team", "kube-root-ca.crt"))
        deployment = _deployment()
        deployment["metadata"]["namespace"] = "team"
        api.create(DEPLOYMENTS, deployment)
        await until(api, lambda: any("podIP" in pod["status"] for pod in api.list(PODS, "team")))
        deleted = api.delete(NAMESPACES, "", "team")
        assert deleted.object["status"]["phase"] == "Terminating"
        await until(api, lambda: api.find(NAMESPACES, "", "team") is None)
    assert not any(
        api.list(kind, "team") for kind in (DEPLOYMENTS, REPLICA_SETS, PODS, CONFIG_MAPS)
    )


async def test_a_load_balancer_gets_the_address_of_the_gateway(api: Api) -> None:
    async with working(api):
        service = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "kourier", "namespace": "default"},
            "spec": {"type": "LoadBalancer", "ports": [{"port": 80, "targetPort": 8080}]},
        }
        api.create(SERVICES, service)
        await until(api, lambda: api.get(SERVICES, "default", "kourier")["status"]["loadBalancer"])
    kept = api.get(SERVICES, "default", "kourier")
    assert kept["status"]["loadBalancer"] == {"ingress": [{"ip": "127.0.0.1", "ipMode": "VIP"}]}
    assert 30000 <= kept["spec"]["ports"][0]["nodePort"] <= 32767


async def test_a_definition_is_established_served_and_takes_its_objects_with_it(api: Api) -> None:
    versions = [
        {
            "name": "v1",
            "served": True,
            "storage": True,
            "schema": {"openAPIV3Schema": {"type": "object"}},
        }
    ]
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "toys.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "toys", "kind": "Toy"},
            "versions": versions,
        },
    }
    toys = GroupResource("example.com", "toys")
    async with working(api):
        made = api.create(CUSTOM_RESOURCE_DEFINITIONS, definition).object
        assert made["spec"]["names"]["listKind"] == "ToyList"
        assert made["status"]["conditions"] == []
        await until(
            api,
            lambda: is_true(
                api.get(CUSTOM_RESOURCE_DEFINITIONS, "", "toys.example.com"), "Established"
            ),
        )
        toy = {
            "apiVersion": "example.com/v1",
            "kind": "Toy",
            "metadata": {"name": "car", "namespace": "default", "finalizers": ["example.com/x"]},
        }
        api.create(toys, toy)
        api.delete(CUSTOM_RESOURCE_DEFINITIONS, "", "toys.example.com")
        await until(api, lambda: "deletionTimestamp" in api.get(toys, "default", "car")["metadata"])

        def free(obj: Object) -> Object:
            obj["metadata"].pop("finalizers")
            return obj

        api.patch(toys, "default", "car", free)
        await until(
            api, lambda: api.find(CUSTOM_RESOURCE_DEFINITIONS, "", "toys.example.com") is None
        )
    assert api.registry.by_kind("example.com/v1", "Toy") is None

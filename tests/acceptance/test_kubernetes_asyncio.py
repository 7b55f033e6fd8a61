"""What people do with the `kubernetes_asyncio` package, on a cluster that it knows nothing of."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from kubernetes_asyncio import client, config, utils, watch
from kubernetes_asyncio.dynamic import DynamicClient
from kubernetes_asyncio.stream import WsApiClient

import knlab
from knlab._state import Running
from knlab.cluster.cluster import Cluster
from tests.acceptance.pods import hello_pod

pytestmark = pytest.mark.anyio


@pytest.fixture
async def api(running: Running) -> AsyncIterator[client.ApiClient]:
    async with await config.new_client_from_config(running.kubeconfig) as made:
        yield made


@pytest.fixture
def core(api: client.ApiClient) -> client.CoreV1Api:
    return client.CoreV1Api(api)


def config_map(name: str, **data: str) -> client.V1ConfigMap:
    return client.V1ConfigMap(metadata=client.V1ObjectMeta(name=name), data=data)


async def test_create_read_change_and_delete(core: Any, namespace: str) -> None:
    await core.create_namespaced_config_map(namespace, config_map("whole", a="1"))
    read = await core.read_namespaced_config_map("whole", namespace)
    read.data["b"] = "2"
    replaced = await core.replace_namespaced_config_map("whole", namespace, read)
    assert replaced.data == {"a": "1", "b": "2"}
    with pytest.raises(client.ApiException) as stale:
        await core.replace_namespaced_config_map("whole", namespace, read)
    assert stale.value.status == 409
    patched = await core.patch_namespaced_config_map("whole", namespace, {"data": {"a": None}})
    assert patched.data == {"b": "2"}
    await core.delete_namespaced_config_map("whole", namespace)
    with pytest.raises(client.ApiException) as gone:
        await core.read_namespaced_config_map("whole", namespace)
    assert gone.value.status == 404


async def test_the_version(api: client.ApiClient) -> None:
    assert (await client.VersionApi(api).get_code()).minor == "34"


async def test_a_watch_tells_what_happens_after_a_list(core: Any, namespace: str) -> None:
    before = (await core.list_namespaced_config_map(namespace)).metadata.resource_version
    await core.create_namespaced_config_map(namespace, config_map("watched"))
    await core.delete_namespaced_config_map("watched", namespace)
    events = watch.Watch().stream(
        core.list_namespaced_config_map, namespace, resource_version=before, timeout_seconds=20
    )
    seen = []
    async with events:
        async for event in events:
            seen.append((event["type"], event["object"].metadata.name))
            if len(seen) == 2:
                break
    assert seen == [("ADDED", "watched"), ("DELETED", "watched")]


async def test_a_watch_ends_after_its_timeout(core: Any, namespace: str) -> None:
    events = watch.Watch().stream(
        core.list_namespaced_config_map, namespace,
        field_selector="metadata.name=none", timeout_seconds=1,
    )  # fmt: skip
    assert [event async for event in events] == []


async def test_a_knative_service_as_a_custom_object(
    api: client.ApiClient, cluster: Cluster, namespace: str
) -> None:
    custom = client.CustomObjectsApi(api)
    address = ("serving.knative.dev", "v1", namespace, "services")
    service = {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": "custom"},
        "spec": {"template": {"spec": {"containers": [{"image": knlab.images.HELLO}]}}},
    }
    await custom.create_namespaced_custom_object(*address, service)
    events = watch.Watch().stream(
        custom.list_namespaced_custom_object, *address, timeout_seconds=20
    )
    ready = False
    async with events:
        async for event in events:
            conditions = event["object"].get("status", {}).get("conditions", [])
            ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
            if ready:
                break
    assert ready
    await custom.delete_namespaced_custom_object(*address, "custom")


async def test_the_dynamic_client(api: client.ApiClient, cluster: Cluster, namespace: str) -> None:
    dynamic = await DynamicClient(api)
    routes = await dynamic.resources.get(api_version="serving.knative.dev/v1", kind="Route")
    assert (routes.name, routes.namespaced) == ("routes", True)
    maps = await dynamic.resources.get(api_version="v1", kind="ConfigMap")
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "dynamic"}}
    made = await dynamic.create(maps, body=body, namespace=namespace)
    found = await dynamic.get(maps, name="dynamic", namespace=namespace)
    assert found.metadata.uid == made.metadata.uid
    await dynamic.delete(maps, name="dynamic", namespace=namespace)


async def test_an_object_from_yaml(api: client.ApiClient, core: Any, namespace: str) -> None:
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "made"},
        "stringData": {"a": "b"},
    }
    await utils.create_from_dict(api, body, namespace=namespace)
    assert (await core.read_namespaced_secret("made", namespace)).data == {"a": "Yg=="}


async def test_logs_and_commands_of_a_pod(core: Any, namespace: str) -> None:
    await core.create_namespaced_pod(namespace, hello_pod("logs"))
    events = watch.Watch().stream(
        core.list_namespaced_pod, namespace,
        field_selector="metadata.name=logs", timeout_seconds=20,
    )  # fmt: skip
    async with events:
        async for event in events:
            conditions = event["object"].status.conditions or []
            if any(each.type == "Ready" and each.status == "True" for each in conditions):
                break
    assert "helloworld: listening" in await core.read_namespaced_pod_log("logs", namespace)
    followed = await core.read_namespaced_pod_log(
        "logs", namespace, follow=True, _preload_content=False
    )
    assert b"helloworld: listening" in await followed.content.readline()
    followed.close()
    async with WsApiClient(core.api_client.configuration) as sockets:
        said = await client.CoreV1Api(sockets).connect_get_namespaced_pod_exec(
            "logs", namespace, command=["echo", "hello"], stdout=True, stderr=True
        )
    assert said == "hello\n"
    await core.delete_namespaced_pod("logs", namespace)

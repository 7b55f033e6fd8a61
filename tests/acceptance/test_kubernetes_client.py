"""What people do with the `kubernetes` package, on a cluster that it knows nothing of."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import kubernetes.client
import kubernetes.config
import kubernetes.stream
import kubernetes.utils
import pytest
import yaml
from kubernetes.client import ApiClient, ApiException
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import ConflictError, ResourceNotFoundError
from kubernetes.watch import Watch

import knlab
from knlab.cluster import process
from knlab.cluster.cluster import Cluster

Manifest = dict[str, Any]
SERVING = ("serving.knative.dev", "v1")
MANY = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: first}
data: {a: "1"}
---
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Service
  metadata: {name: second}
  spec: {ports: [{port: 80}]}
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: third}
  spec:
    replicas: 0
    selector: {matchLabels: {app: third}}
    template:
      metadata: {labels: {app: third}}
      spec:
        containers: [{name: main, image: "dev.local/hello:v1", ports: [{containerPort: 8080}]}]
"""


def config_map(name: str, **data: str) -> Any:
    meta = kubernetes.client.V1ObjectMeta(name=name, labels={"app": "shop"})
    return kubernetes.client.V1ConfigMap(metadata=meta, data=data)


def knative_service(name: str) -> Manifest:
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"template": {"spec": {"containers": [{"image": knlab.images.HELLO}]}}},
    }


# ── typed ────────────────────────────────────────────────────────────────────────────────────
def test_create_read_change_and_delete(core: Any, namespace: str) -> None:
    made = core.create_namespaced_config_map(namespace, config_map("whole", a="1"))
    assert made.metadata.uid
    assert made.metadata.creation_timestamp.tzinfo is not None
    read = core.read_namespaced_config_map("whole", namespace)
    read.data["b"] = "2"
    replaced = core.replace_namespaced_config_map("whole", namespace, read)
    assert replaced.data == {"a": "1", "b": "2"}
    with pytest.raises(ApiException) as stale:
        core.replace_namespaced_config_map("whole", namespace, made)
    assert stale.value.status == 409
    patched = core.patch_namespaced_config_map("whole", namespace, {"data": {"a": None}})
    assert patched.data == {"b": "2"}
    core.delete_namespaced_config_map("whole", namespace)
    with pytest.raises(ApiException) as gone:
        core.read_namespaced_config_map("whole", namespace)
    assert (gone.value.status, gone.value.reason) == (404, "Not Found")
    assert 'configmaps \\"whole\\" not found' in gone.value.body


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"data": {"b": "2"}}, {"a": "1", "b": "2"}),
        ([{"op": "replace", "path": "/data", "value": {"c": "3"}}], {"c": "3"}),
    ],
    ids=["a merge patch", "a JSON patch"],
)
def test_patches(core: Any, namespace: str, change: Any, expected: Manifest) -> None:
    core.create_namespaced_config_map(namespace, config_map("patched", a="1"))
    patched = core.patch_namespaced_config_map("patched", namespace, change)
    core.delete_namespaced_config_map("patched", namespace)
    assert patched.data == expected


def test_lists_with_selectors_and_pages(core: Any, namespace: str) -> None:
    for number in range(5):
        core.create_namespaced_config_map(namespace, config_map(f"page-{number}"))
    pages = []
    token = None
    while token != "":
        page = core.list_namespaced_config_map(
            namespace, label_selector="app=shop", limit=2, _continue=token
        )
        pages.append([item.metadata.name for item in page.items])
        token = page.metadata._continue or ""
    assert pages == [["page-0", "page-1"], ["page-2", "page-3"], ["page-4"]]
    core.delete_collection_namespaced_config_map(namespace, label_selector="app=shop")
    assert not core.list_namespaced_config_map(namespace, label_selector="app=shop").items


def test_dry_run_keeps_nothing(core: Any, namespace: str) -> None:
    made = core.create_namespaced_config_map(namespace, config_map("dry"), dry_run="All")
    assert made.metadata.uid
    assert "dry" not in names(core.list_namespaced_config_map(namespace))


def names(listed: Any) -> set[str]:
    return {item.metadata.name for item in listed.items}


def test_a_deployment_is_scaled_and_restarted(stock: ApiClient, namespace: str) -> None:
    apps = kubernetes.client.AppsV1Api(stock)
    kubernetes.utils.create_from_dict(
        stock, list(yaml.safe_load_all(MANY))[1]["items"][1], namespace=namespace
    )
    scale = apps.patch_namespaced_deployment_scale("third", namespace, {"spec": {"replicas": 1}})
    assert scale.spec.replicas == 1
    for event in Watch().stream(apps.list_namespaced_deployment, namespace, timeout_seconds=20):
        if event["object"].status.available_replicas == 1:
            break
    assert apps.read_namespaced_deployment_status("third", namespace).status.available_replicas == 1
    apps.delete_namespaced_deployment("third", namespace, propagation_policy="Foreground")


def test_the_version(stock: ApiClient) -> None:
    version = kubernetes.client.VersionApi(stock).get_code()
    assert (version.major, version.minor) == ("1", "34")


def test_groups_and_resources(stock: ApiClient, cluster: Cluster) -> None:
    groups = {group.name for group in kubernetes.client.ApisApi(stock).get_api_versions().groups}
    assert {"apps", "serving.knative.dev"} <= groups
    resources = kubernetes.client.CoreV1Api(stock).get_api_resources().resources
    assert {"pods", "pods/log", "configmaps"} <= {resource.name for resource in resources}


# ── custom resources ─────────────────────────────────────────────────────────────────────────


def test_a_definition_and_its_objects(stock: ApiClient, namespace: str) -> None:
    extensions = kubernetes.client.ApiextensionsV1Api(stock)
    custom = kubernetes.client.CustomObjectsApi(stock)
    kinds = yaml.safe_load_all(Path(__file__).with_name("kinds.yaml").read_text())
    definition = next(each for each in kinds if each["kind"] == "CustomResourceDefinition")
    extensions.create_custom_resource_definition(definition)
    address = ("tests.example.com", "v1", namespace, "gadgets")
    gadget = {"apiVersion": "tests.example.com/v1", "kind": "Gadget", "metadata": {"name": "g"}}
    made = custom.create_namespaced_custom_object(*address, gadget | {"spec": {"n": 1}})
    assert made["spec"] == {"n": 1, "size": 3}
    made = custom.patch_namespaced_custom_object(*address, "g", {"spec": {"size": 5}})
    assert made["metadata"]["generation"] == 2
    scale = custom.patch_namespaced_custom_object_scale(*address, "g", {"spec": {"replicas": 4}})
    assert scale["spec"] == {"replicas": 4}
    with pytest.raises(ApiException) as refused:
        custom.patch_namespaced_custom_object(*address, "g", {"spec": {"size": 0}})
    assert refused.value.status == 422
    extensions.delete_custom_resource_definition("gadgets.tests.example.com")


def test_a_knative_service_as_a_custom_object(
    stock: ApiClient, cluster: Cluster, namespace: str
) -> None:
    custom = kubernetes.client.CustomObjectsApi(stock)
    address = (*SERVING, namespace, "services")
    custom.create_namespaced_custom_object(*address, knative_service("custom"))
    ready = Watch().stream(
        custom.list_namespaced_custom_object, *address, timeout_seconds=20,
        field_selector="metadata.name=custom",
    )  # fmt: skip
    assert any(is_ready(event["object"]) for event in ready)
    custom.delete_namespaced_custom_object(*address, "custom")


def is_ready(service: Manifest) -> bool:
    conditions = service.get("status", {}).get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


# ── dynamic ──────────────────────────────────────────────────────────────────────────────────


def test_the_dynamic_client(stock: ApiClient, cluster: Cluster, namespace: str) -> None:
    dynamic = DynamicClient(stock)
    services = dynamic.resources.get(api_version="/".join(SERVING), kind="Service")
    assert services.short_names == ["kservice", "ksvc"]
    services.create(body=knative_service("dynamic"), namespace=namespace)
    events = services.watch(namespace=namespace, name="dynamic", timeout=20)
    assert any(is_ready(event["raw_object"]) for event in events)
    labels = {"metadata": {"labels": {"team": "blue"}}}
    services.patch(
        body=labels, name="dynamic", namespace=namespace,
        content_type="application/merge-patch+json",
    )  # fmt: skip
    found = services.get(namespace=namespace, label_selector="team=blue")
    assert [item.metadata.name for item in found.items] == ["dynamic"]
    services.delete(name="dynamic", namespace=namespace)
    with pytest.raises(ResourceNotFoundError):
        dynamic.resources.get(api_version="v9", kind="Nothing")


# ── watching ─────────────────────────────────────────────────────────────────────────────────


def test_a_watch_tells_what_happens_after_a_list(core: Any, namespace: str) -> None:
    before = core.list_namespaced_config_map(namespace).metadata.resource_version
    core.create_namespaced_config_map(namespace, config_map("watched"))
    core.patch_namespaced_config_map("watched", namespace, {"data": {"a": "1"}})
    core.delete_namespaced_config_map("watched", namespace)
    events = Watch().stream(
        core.list_namespaced_config_map, namespace, resource_version=before, timeout_seconds=20
    )
    seen = [(event["type"], event["object"].metadata.name) for event in itertools.islice(events, 3)]
    assert seen == [("ADDED", "watched"), ("MODIFIED", "watched"), ("DELETED", "watched")]


def test_a_watch_ends_after_its_timeout(core: Any, namespace: str) -> None:
    events = Watch().stream(
        core.list_namespaced_config_map, namespace,
        field_selector="metadata.name=none", timeout_seconds=1,
    )  # fmt: skip
    assert list(events) == []


def test_a_watch_from_before_the_servers_memory_is_gone(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    process.start(directory, process.Launch(with_parent=True))
    process.stop(directory)
    again = process.start(directory, process.Launch(with_parent=True))
    try:
        with kubernetes.config.new_client_from_config(again.kubeconfig) as client:
            list_all = kubernetes.client.CoreV1Api(client).list_namespace
            events = Watch().stream(list_all, resource_version="1", timeout_seconds=5)
            with pytest.raises(ApiException) as expired:
                list(events)
            assert expired.value.status == 410
            # Without a timeout of its own the client starts over by itself.
            assert next(Watch().stream(list_all))["object"].metadata.name == "default"
    finally:
        process.stop(directory)


# ── whole files ─────────────────────────────────────────────────────────────────────────────


def test_a_file_of_many_objects(stock: ApiClient, namespace: str, tmp_path: Path) -> None:
    path = tmp_path / "many.yaml"
    path.write_text(MANY)
    made = kubernetes.utils.create_from_yaml(stock, str(path), namespace=namespace)
    assert [each.metadata.name for each in itertools.chain(*made)] == ["first", "second", "third"]
    with pytest.raises(kubernetes.utils.FailToCreateError) as refused:
        kubernetes.utils.create_from_yaml(stock, str(path), namespace=namespace)
    assert [each.status for each in refused.value.api_exceptions] == [409, 409, 409]


# ── server-side apply, reviews ───────────────────────────────────────────────────────────────
def test_server_side_apply_and_its_conflicts(stock: ApiClient, core: Any, namespace: str) -> None:
    maps = DynamicClient(stock).resources.get(api_version="v1", kind="ConfigMap")
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "applied"}}

    def apply(manager: str, data: Manifest, **options: Any) -> Any:
        return maps.server_side_apply(
            body=body | {"data": data}, namespace=namespace, field_manager=manager, **options
        )

    apply("first", {"a": "1", "b": "1"})
    with pytest.raises(ConflictError) as refused:
        apply("second", {"a": "2"})
    assert 'conflict with \\"first\\": .data.a' in refused.value.body
    forced = apply("second", {"a": "2"}, force_conflicts=True)
    assert forced.data.to_dict() == {"a": "2", "b": "1"}
    assert apply("first", {}).data.to_dict() == {"a": "2"}
    managers = core.read_namespaced_config_map("applied", namespace).metadata.managed_fields
    assert {each.manager for each in managers} == {"first", "second"}


def test_who_i_am_and_what_i_may(stock: ApiClient) -> None:
    authentication = kubernetes.client.AuthenticationV1Api(stock)
    review = authentication.create_self_subject_review(kubernetes.client.V1SelfSubjectReview())
    assert "system:masters" in review.status.user_info.groups
    attributes = kubernetes.client.V1ResourceAttributes(verb="delete", resource="pods")
    spec = kubernetes.client.V1SelfSubjectAccessReviewSpec(resource_attributes=attributes)
    question = kubernetes.client.V1SelfSubjectAccessReview(spec=spec)
    authorization = kubernetes.client.AuthorizationV1Api(stock)
    assert authorization.create_self_subject_access_review(question).status.allowed

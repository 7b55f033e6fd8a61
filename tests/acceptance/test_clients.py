"""Stock clients: kubectl and the kubernetes package, which know nothing of knlab."""

from __future__ import annotations

import json
from typing import Any

import kubernetes.client
import pytest
from kubernetes.dynamic import DynamicClient

import knlab
from knlab.cluster.cluster import Cluster
from knlab.cluster.service import Service
from tests.acceptance.conftest import MANIFEST, Command


@pytest.fixture
def by_kubectl(kubectl: Command, cluster: Cluster) -> Any:
    """A Service that kubectl made, gone afterwards."""
    text = MANIFEST.format(name="by-kubectl", image=knlab.images.HELLO)
    said = kubectl("apply", "-f", "-", input=text).stdout
    assert said.strip() == "service.serving.knative.dev/by-kubectl created"
    yield text
    kubectl("delete", "ksvc", "by-kubectl", "--ignore-not-found", "--wait=false")


def test_kubectl_makes_waits_for_changes_and_deletes_a_service(
    by_kubectl: str, kubectl: Command, cluster: Cluster
) -> None:
    assert "condition met" in kubectl("wait", "ksvc/by-kubectl", "--for=condition=Ready").stdout
    kubectl("apply", "-f", "-", input=by_kubectl)
    generation = kubectl("get", "ksvc", "by-kubectl", "-o", "jsonpath={.metadata.generation}")
    assert generation.stdout == "1"
    url = kubectl("get", "ksvc", "by-kubectl", "-o", "jsonpath={.status.url}").stdout
    cluster.route_own(url)
    assert knlab.request(url).text.strip() == "Hello Kubectl!"
    container = {"image": knlab.images.HELLO, "env": [{"name": "TARGET", "value": "Patch"}]}
    patch = {"spec": {"template": {"spec": {"containers": [container]}}}}
    kubectl("patch", "ksvc", "by-kubectl", "--type=merge", "-p", json.dumps(patch))
    kubectl("wait", "revision/by-kubectl-00002", "--for=condition=Ready")
    kubectl("wait", "ksvc/by-kubectl", "--for=condition=Ready")
    assert knlab.request(url).text.strip() == "Hello Patch!"
    logs = kubectl("logs", "-l", "serving.knative.dev/revision=by-kubectl-00002",
                   "-c", "user-container")  # fmt: skip
    assert "helloworld" in logs.stdout
    assert "deleted" in kubectl("delete", "ksvc", "by-kubectl").stdout
    assert kubectl("get", "ksvc", "by-kubectl", check=False).returncode == 1
    kubectl(
        "wait",
        "--for=delete",
        "revisions,deployments",
        "-l",
        "serving.knative.dev/service=by-kubectl",
    )


def test_our_tables_are_kubectls(kubectl: Command, cluster: Cluster, idler: Service) -> None:
    for what in ("ksvc", "revisions", "deployments", "nodes"):
        shown = cluster.show(what)
        header, *rows = kubectl("get", what).stdout.splitlines()
        assert tuple(header.split()) == tuple(" ".join(shown.header).split())
        assert [row.split()[0] for row in rows] == [row[0] for row in shown.rows]


def test_kubectl_explains_and_describes(kubectl: Command, idler: Service) -> None:
    assert "KIND:       Service" in kubectl("explain", "ksvc").stdout
    described = kubectl("describe", "ksvc", idler.name).stdout
    assert "Events:" in described
    assert f'Created Configuration "{idler.name}"' in described


def test_the_stock_python_client_reads_core_objects(
    stock: kubernetes.client.ApiClient, idler: Service
) -> None:
    core = kubernetes.client.CoreV1Api(stock)
    assert core.read_node("knlab").status.node_info.kubelet_version == "v1.34.4+knlab"
    namespaces = {item.metadata.name for item in core.list_namespace().items}
    assert {"default", "kube-system", "knative-serving", "kourier-system"} <= namespaces
    apps = kubernetes.client.AppsV1Api(stock)
    names = {item.metadata.name for item in apps.list_namespaced_deployment("default").items}
    assert f"{idler.name}-00001-deployment" in names


def test_the_stock_dynamic_client_writes_custom_objects(
    stock: kubernetes.client.ApiClient, cluster: Cluster
) -> None:
    services = DynamicClient(stock).resources.get(
        api_version="serving.knative.dev/v1", kind="Service"
    )
    body = {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": "by-python"},
        "spec": {"template": {"spec": {"containers": [{"image": knlab.images.HELLO}]}}},
    }
    made = services.create(body=body, namespace="default")
    assert made.spec.template.spec.containerConcurrency == 0  # the webhook's default
    cluster.service("by-python").wait_ready()
    assert services.get(name="by-python", namespace="default").status.url
    services.delete(name="by-python", namespace="default")

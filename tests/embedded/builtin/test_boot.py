from __future__ import annotations

from knlab.embedded.builtin.kinds import NAMESPACES, NODES, SERVICES
from knlab.embedded.kube.api import Api


def test_a_new_cluster_has_four_namespaces_each_with_the_label_of_its_name(api: Api) -> None:
    spaces = {item["metadata"]["name"]: item for item in api.list(NAMESPACES)}
    assert sorted(spaces) == ["default", "kube-node-lease", "kube-public", "kube-system"]
    assert all(
        item["metadata"]["labels"] == {"kubernetes.io/metadata.name": name}
        and item["status"] == {"phase": "Active"}
        and item["spec"] == {"finalizers": ["kubernetes"]}
        for name, item in spaces.items()
    )


def test_the_node_is_ready_and_says_that_it_is_embedded(api: Api) -> None:
    node = api.get(NODES, "", "knlab")
    assert node["metadata"]["labels"]["knlab.dev/embedded"] == "true"
    assert node["status"]["capacity"]["cpu"] == "2"
    assert node["status"]["allocatable"]["memory"] == "8286208Ki"
    assert node["status"]["conditions"][-1]["type"] == "Ready"
    assert node["status"]["nodeInfo"]["kubeletVersion"] == "v1.34.4+knlab"


def test_the_api_server_has_the_first_address_of_the_cluster_network(api: Api) -> None:
    assert api.get(SERVICES, "default", "kubernetes")["spec"]["clusterIP"] == "10.96.0.1"

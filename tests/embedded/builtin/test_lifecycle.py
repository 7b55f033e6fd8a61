from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.builtin.kinds import NAMESPACES, PODS
from knlab.embedded.builtin.lifecycle import grace
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.errors import Forbidden
from tests.factories import make


def pod(phase: str = "Running", node: str = "knlab", seconds: int = 30) -> dict[str, Any]:
    spec = {"nodeName": node, "terminationGracePeriodSeconds": seconds}
    return make("v1", "Pod", "web", "default", spec=spec, status={"phase": phase})


@pytest.mark.parametrize(
    ("obj", "body", "seconds"),
    [
        pytest.param(pod(), {}, 30, id="a running pod has its own period"),
        pytest.param(pod(), {"gracePeriodSeconds": 5}, 5, id="the request may say another"),
        pytest.param(pod(), {"gracePeriodSeconds": 0}, 0, id="force takes none"),
        pytest.param(pod(node=""), {}, 0, id="a pod without a node goes at once"),
        pytest.param(pod("Succeeded"), {}, 0, id="a pod that is over goes at once"),
        pytest.param(pod(seconds=-1), {}, 1, id="a negative period counts as one second"),
    ],
)
def test_pods_get_time_to_end(api: Api, obj: Any, body: Any, seconds: int) -> None:
    row = api.registry.storage_row(PODS)
    assert row is not None
    assert grace(row, obj, body) == seconds


def test_other_kinds_go_at_once(api: Api) -> None:
    row = api.registry.storage_row(NAMESPACES)
    assert row is not None
    assert grace(row, make("v1", "Namespace", "team"), {"gracePeriodSeconds": 9}) == 0


@pytest.mark.parametrize("name", ["default", "kube-system", "kube-public"])
def test_namespaces_of_the_cluster_itself_stay(api: Api, name: str) -> None:
    message = f'namespaces "{name}" is forbidden: this namespace may not be deleted'
    with pytest.raises(Forbidden, match=message):
        api.delete(NAMESPACES, "", name)


def test_a_namespace_waits_for_its_finalizer(api: Api) -> None:
    api.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}})
    deleted = api.delete(NAMESPACES, "", "team")
    assert not deleted.gone
    assert deleted.object["status"]["phase"] == "Terminating"
    kept = api.get(NAMESPACES, "", "team")
    api.update(NAMESPACES, kept | {"spec": {"finalizers": []}})
    assert api.find(NAMESPACES, "", "team") is None

"""Field types of the built-in kinds, and what the server allots without owning it."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.builtin.kinds import NAMESPACES, PODS, SERVICES, rows
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.field_types import FieldType
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.registry import Resource

ROWS = {(row.api_version, row.kind): row for row in rows(lambda _: ())}


def at(row: Resource, *path: str) -> FieldType:
    """The type of a field; `*` leads into a list."""
    kind = row.field_type
    for step in path:
        if step == "*":
            assert kind.list is not None
            kind = kind.list.items
        else:
            assert kind.map is not None
            kind = kind.map.fields[step]
    return kind


@pytest.mark.parametrize("row", ROWS.values(), ids=lambda row: f"{row.api_version} {row.kind}")
def test_every_kind_has_field_types_of_its_own(row: Resource) -> None:
    assert row.fields is not None
    assert at(row, "metadata", "finalizers").list is not None


@pytest.mark.parametrize(
    ("kind", "path", "keys", "merge_key"),
    [
        (("v1", "Pod"), "spec.containers", ("name",), "name"),
        (("v1", "Pod"), "spec.containers.*.ports", ("containerPort", "protocol"), "containerPort"),
        (("v1", "Pod"), "spec.containers.*.env", ("name",), "name"),
        (("v1", "Pod"), "spec.volumes", ("name",), "name"),
        (("v1", "Pod"), "spec.tolerations", (), None),
        (("v1", "Pod"), "status.hostIPs", (), "ip"),
        (("v1", "Service"), "spec.ports", ("port", "protocol"), "port"),
        (("apps/v1", "Deployment"), "status.conditions", ("type",), "type"),
        (("apps/v1", "Deployment"), "spec.template.spec.containers", ("name",), "name"),
        (("v1", "ServiceAccount"), "secrets", ("name",), "name"),
        (("batch/v1", "Job"), "status.conditions", (), "type"),
    ],
    ids=str,
)
def test_lists(
    kind: tuple[str, str], path: str, keys: tuple[str, ...], merge_key: str | None
) -> None:
    found = at(ROWS[kind], *path.split(".")).list
    assert found is not None
    assert (found.keys, found.merge_key) == (keys, merge_key)


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        (("v1", "Service"), "spec.selector"),
        (("apps/v1", "Deployment"), "spec.selector"),
        (("v1", "Event"), "involvedObject"),
        (("v1", "Pod"), "spec.containers.*.env.*.valueFrom.fieldRef"),
    ],
    ids=str,
)
def test_atomic_maps(kind: tuple[str, str], path: str) -> None:
    found = at(ROWS[kind], *path.split(".")).map
    assert found is not None
    assert found.atomic


def owned(made: Object) -> Any:
    return made["metadata"]["managedFields"][0]["fieldsV1"].get("f:spec", {}).keys()


def test_what_the_server_allots_belongs_to_nobody(api: Api) -> None:
    place = {"name": "a", "namespace": "default"}
    container = {"name": "c", "image": "dev.local/hello:v1"}
    pod: Object = {
        "apiVersion": "v1", "kind": "Pod", "metadata": place, "spec": {"containers": [container]},
    }  # fmt: skip
    made = api.create(PODS, pod).object
    assert {"tolerations", "priority", "serviceAccountName"} <= made["spec"].keys()
    assert owned(made) == {
        "f:containers", "f:dnsPolicy", "f:enableServiceLinks", "f:restartPolicy",
        "f:schedulerName", "f:securityContext", "f:terminationGracePeriodSeconds",
    }  # fmt: skip
    service: Object = {
        "apiVersion": "v1", "kind": "Service", "metadata": place, "spec": {"ports": [{"port": 80}]},
    }  # fmt: skip
    assert owned(api.create(SERVICES, service).object) == {
        "f:internalTrafficPolicy", "f:ports", "f:sessionAffinity", "f:type",
    }  # fmt: skip
    service["metadata"] = place | {"name": "b"}
    service["spec"]["clusterIP"] = "None"
    assert "f:clusterIP" in owned(api.create(SERVICES, service).object)
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}}
    assert not owned(api.create(NAMESPACES, namespace).object)

"""Which volumes a pod can have, and the files in them."""

from __future__ import annotations

import base64

import pytest

from knlab.embedded.kube.objects import Object
from knlab.embedded.pods.environment import ConfigError
from knlab.embedded.pods.volumes import Surroundings, mount_problem, mounted_volumes, volume_files

SETTINGS = {"data": {"a": "1", "b": "2\n"}, "binaryData": {"c": base64.b64encode(b"\xff").decode()}}
PASSWORD = {"data": {"word": base64.b64encode(b"s3cret").decode()}}


def find(kind: str, name: str) -> Object | None:
    return {("ConfigMap", "settings"): SETTINGS, ("Secret", "password"): PASSWORD}.get((kind, name))


def pod(volume: Object, *, mounted: bool = True) -> Object:
    mounts = [{"name": volume["name"], "mountPath": "/x"}] if mounted else []
    container = {
        "name": "main",
        "volumeMounts": mounts,
        "resources": {"limits": {"memory": "64Mi"}},
    }
    metadata = {"name": "p", "namespace": "n", "labels": {"b": 'x "y"', "a": "1"}}
    return {"metadata": metadata, "spec": {"containers": [container], "volumes": [volume]}}


FAILED = 'MountVolume.SetUp failed for volume "v" : '


@pytest.mark.parametrize(
    ("volume", "expected"),
    [
        ({"name": "kube-api-access-x", "projected": {}}, None),
        ({"name": "v", "emptyDir": {}}, None),
        ({"name": "v", "configMap": {"name": "settings"}}, None),
        ({"name": "v", "downwardAPI": {"items": []}}, None),
        ({"name": "v", "configMap": {"name": "none"}}, f'{FAILED}configmap "none" not found'),
        (
            {"name": "v", "projected": {"sources": [{"secret": {"name": "none"}}]}},
            f'{FAILED}secret "none" not found',
        ),
        ({"name": "v", "secret": {"secretName": "none", "optional": True}}, None),
        (
            {"name": "v", "hostPath": {"path": "/etc"}},
            f"{FAILED}the embedded cluster has no hostPath volumes",
        ),
        (
            {"name": "v", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
            f"{FAILED}the embedded cluster has no serviceAccountToken volumes",
        ),
    ],
)
def test_mount_problem(volume: Object, expected: str | None) -> None:
    assert mount_problem(pod(volume), {"main"}, set(), find) == expected


def test_what_nobody_mounts_needs_only_to_exist() -> None:
    volume = {"name": "v", "hostPath": {"path": "/etc"}}
    assert mount_problem(pod(volume, mounted=False), {"main"}, set(), find) is None
    assert mount_problem(pod(volume), set(), set(), find) is None


def test_a_users_own_program_mounts_nothing() -> None:
    volume = {"name": "v", "configMap": {"name": "settings"}}
    problem = mount_problem(pod(volume), set(), {"main"}, find)
    assert problem is not None
    assert "mounts nothing" in problem


def test_volumes_that_a_container_mounts() -> None:
    volume = {"name": "v", "emptyDir": {}}
    assert mounted_volumes(pod(volume), {"main"}) == [volume]
    assert mounted_volumes(pod(volume), {"other"}) == []


def files(volume: Object) -> dict[str, bytes]:
    around = Surroundings(pod=pod(volume), addresses={"status.podIP": "10.0.0.1"}, find=find)
    return dict(volume_files(volume, around))


ALL = {"a": b"1", "b": b"2\n", "c": b"\xff"}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"configMap": {"name": "settings"}}, ALL),
        (
            {"configMap": {"name": "settings", "items": [{"key": "a", "path": "d/x"}]}},
            {"d/x": b"1"},
        ),
        ({"configMap": {"name": "none", "optional": True}}, {}),
        ({"secret": {"secretName": "password"}}, {"word": b"s3cret"}),
        (
            {"downwardAPI": {"items": [{"path": "n", "fieldRef": {"fieldPath": "metadata.name"}}]}},
            {"n": b"p"},
        ),
        (
            {
                "downwardAPI": {
                    "items": [
                        {"path": "l", "fieldRef": {"fieldPath": "metadata.labels"}},
                        {
                            "path": "m",
                            "resourceFieldRef": {
                                "containerName": "main",
                                "resource": "limits.memory",
                                "divisor": "1Mi",
                            },
                        },
                    ]
                }
            },
            {"l": b'a="1"\nb="x \\"y\\""', "m": b"64"},
        ),
        (
            {"projected": {"sources": [{"configMap": {"name": "settings"}},
                                       {"secret": {"name": "password"}}]}},
            {**ALL, "word": b"s3cret"},
        ),
    ],
)  # fmt: skip
def test_files(source: Object, expected: dict[str, bytes]) -> None:
    assert files({"name": "v", **source}) == expected


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([{"key": "no", "path": "x"}], "references non-existent configmap key: no"),
        ([{"key": "a", "path": "../x"}], "invalid path ../x"),
        ([{"key": "a", "path": "/x"}], "invalid path /x"),
    ],
)
def test_items_that_cannot_be(items: list[Object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        files({"name": "v", "configMap": {"name": "settings", "items": items}})

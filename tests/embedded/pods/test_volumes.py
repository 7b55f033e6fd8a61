"""Which volumes a pod can have."""

from __future__ import annotations

import pytest

from knlab.embedded.kube.objects import Object
from knlab.embedded.pods.volumes import mount_problem


def find(kind: str, name: str) -> Object | None:
    return {} if (kind, name) == ("ConfigMap", "settings") else None


def pod(volume: Object, *, mounted: bool) -> Object:
    mounts = [{"name": volume["name"], "mountPath": "/x"}] if mounted else []
    container = {"name": "main", "volumeMounts": mounts}
    return {"spec": {"containers": [container], "volumes": [volume]}}


@pytest.mark.parametrize(
    ("volume", "processes", "expected"),
    [
        pytest.param(
            {"name": "kube-api-access-x", "projected": {}}, ["main"], None, id="credentials"
        ),
        pytest.param(
            {"name": "v", "configMap": {"name": "settings"}}, [], None, id="a task reads the API"
        ),
        pytest.param(
            {"name": "v", "configMap": {"name": "none"}},
            [],
            'MountVolume.SetUp failed for volume "v" : configmap "none" not found',
            id="a missing ConfigMap",
        ),
        pytest.param(
            {"name": "v", "projected": {"sources": [{"secret": {"name": "none"}}]}},
            [],
            'MountVolume.SetUp failed for volume "v" : secret "none" not found',
            id="a missing Secret",
        ),
        pytest.param(
            {"name": "v", "secret": {"secretName": "none", "optional": True}},
            [],
            None,
            id="optional",
        ),
    ],
)
def test_mount_problem(volume: Object, processes: list[str], expected: str | None) -> None:
    assert mount_problem(pod(volume, mounted=True), processes, find) == expected


def test_a_process_mounts_nothing() -> None:
    volume = {"name": "v", "configMap": {"name": "settings"}}
    problem = mount_problem(pod(volume, mounted=True), ["main"], find)
    assert problem is not None
    assert "mounts nothing" in problem
    assert mount_problem(pod(volume, mounted=False), ["main"], find) is None

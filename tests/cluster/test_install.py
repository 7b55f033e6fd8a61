"""Manifests to install, and the waits: the parts that need no cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from knlab._exceptions import UsageError
from knlab.cluster.cluster import Cluster
from knlab.cluster.install import FILES, Installation, Stage, has, read_manifests
from knlab.cluster.kubernetes import Kind


def test_the_manifests_that_ship_are_kubernetes_objects() -> None:
    manifests = read_manifests(None)
    assert list(manifests) == list(FILES)
    assert all(obj["metadata"]["name"] for objects in manifests.values() for obj in objects)


def _write(directory: Path, **texts: str) -> Path:
    for name in FILES:
        (directory / name).write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: n}\n")
    for name, text in texts.items():
        (directory / f"{name}.yaml").write_text(text)
    return directory


def test_empty_documents_are_skipped(tmp_path: Path) -> None:
    found = read_manifests(_write(tmp_path, kourier="---\n---\napiVersion: v1\nkind: X\n---\n"))
    assert found["kourier.yaml"] == [{"apiVersion": "v1", "kind": "X"}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "kourier.yaml is not YAML"),
        ("just text", "kourier.yaml holds something else than Kubernetes objects"),
        ("kind: X", "kourier.yaml holds something else than Kubernetes objects"),
    ],
)
def test_what_is_no_manifest_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as refused:
        read_manifests(_write(tmp_path, kourier=text))
    assert refused.value.hint


def test_a_missing_file_is_named_with_those_that_are_needed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read serving-crds\.yaml") as refused:
        read_manifests(tmp_path)
    assert all(name in refused.value.hint for name in FILES)


@pytest.mark.parametrize(
    ("conditions", "holds"),
    [
        ([{"type": "Available", "status": "True"}], True),
        ([{"type": "Available", "status": "False"}], False),
        ([{"type": "Progressing", "status": "True"}], False),
        (None, False),
    ],
)
def test_conditions(conditions: list[dict[str, Any]] | None, *, holds: bool) -> None:
    assert has({"status": {"conditions": conditions}}, "Available") is holds


def test_an_installation_can_be_read() -> None:
    stages = (Stage("core", 1.25, 3, 2), Stage("wait", 0.25, 0, 0))
    done = Installation(stages, (("Deployment", 1), ("Service", 2)))
    assert repr(done) == "<Installation 3 objects in 1.5 s>"
    assert [stage.text for stage in stages] == ["3 objects applied, 2 of them new", "waited"]
    assert "1.25 s" in done._repr_html_()
    assert done.frame["objects"].sum() == 3


class Installed:
    """A real cluster with or without Knative: just enough of the API to look at it."""

    def __init__(self, *, knative: bool) -> None:
        self._knative = knative
        self._deployments: dict[str, dict[str, Any]] = {}

    def find(self, kind: Kind, name: str, _namespace: str | None = None) -> dict[str, Any] | None:
        if not self._knative:
            return None
        address = {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}}
        return {"kind": kind.kind, "metadata": {"name": name}, "status": address}

    def items(
        self, kind: Kind, namespace: str | None = None, *, labels: str = ""
    ) -> list[dict[str, Any]]:
        if namespace is None:
            return list(self._deployments.values()) if kind.kind == "Deployment" else []
        name = f"in-{namespace}"
        metadata = {"name": name, "namespace": namespace, "generation": 1}
        ready = {"type": "Available", "status": "True"}
        status = {"observedGeneration": 1, "conditions": [ready]}
        self._deployments[name] = {"kind": kind.kind, "metadata": metadata, "status": status}
        return [self._deployments[name]]

    def get(self, _kind: Kind, name: str, _namespace: str) -> dict[str, Any]:
        return self._deployments[name]


def test_on_a_real_cluster_with_knative_nothing_is_applied() -> None:
    api: Any = Installed(knative=True)
    done = Cluster(api, world="kubeconfig").install()
    assert [stage.name for stage in done.stages] == [
        "core components", "Kourier ingress", "external address",
    ]  # fmt: skip
    assert [stage.text for stage in done.stages] == ["waited"] * 3
    assert done.kinds == (("Deployment", 2),)


def test_on_a_real_cluster_without_knative_manifests_are_needed() -> None:
    api: Any = Installed(knative=False)
    with pytest.raises(UsageError, match="needs Knative's release manifests") as refused:
        Cluster(api, world="kubeconfig").install()
    assert "install(manifests=DIRECTORY)" in refused.value.hint

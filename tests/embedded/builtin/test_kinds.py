from __future__ import annotations

import pytest

from knlab.embedded.builtin.kinds import JOBS, rows
from knlab.embedded.builtin.unavailable import unavailable_rows
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.backing import WriteOptions
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.registry import Resource

ROWS = rows(lambda _: ())


def row(plural: str) -> Resource:
    return next(item for item in ROWS if item.plural == plural)


def test_the_core_group_comes_first() -> None:
    groups = [item.group for item in ROWS]
    assert groups == sorted(groups, key=bool)


@pytest.mark.parametrize(
    "plural",
    [
        "configmaps", "secrets", "namespaces", "serviceaccounts", "events", "nodes", "services",
        "endpoints",
    ],
)  # fmt: skip
def test_kinds_that_count_no_generation(plural: str) -> None:
    assert not row(plural).has_generation


def test_get_all_shows_the_workloads() -> None:
    assert {item.plural for item in ROWS if "all" in item.categories} == {
        "pods", "services", "deployments", "replicasets", "horizontalpodautoscalers", "jobs",
        "cronjobs", "daemonsets", "replicationcontrollers", "statefulsets",
    }  # fmt: skip


def test_deployments_and_replica_sets_can_be_scaled() -> None:
    assert {item.plural for item in ROWS if item.scale} >= {"deployments", "replicasets"}


def test_every_kind_has_a_schema() -> None:
    assert all(item.schema for item in ROWS)


def test_every_kind_that_can_be_there_has_columns() -> None:
    never = {item.name for item in unavailable_rows()}
    assert all(item.columns for item in ROWS if item.name not in never)


@pytest.mark.parametrize(
    ("plural", "field"),
    [
        ("pods", "status.phase"),
        ("pods", "spec.nodeName"),
        ("events", "involvedObject.name"),
        ("secrets", "type"),
        ("namespaces", "status.phase"),
        ("services", "spec.type"),
    ],
)
def test_fields_by_which_objects_can_be_selected(plural: str, field: str) -> None:
    assert field in row(plural).field_selectors


@pytest.mark.parametrize(
    ("labels", "owned"),
    [({}, {}), ({"app": "a"}, {"f:labels": {".": {}, "f:app": {}}})],
    ids=["without labels", "with labels"],
)
def test_nobody_owns_what_jobs_are_known_by(api: Api, labels: Object, owned: Object) -> None:
    container = {"name": "c", "image": "i:1"}
    template = {
        "metadata": {"labels": labels},
        "spec": {"restartPolicy": "Never", "containers": [container]},
    }
    job = {
        "apiVersion": "batch/v1", "kind": "Job", "spec": {"template": template},
        "metadata": {"name": "j", "namespace": "default"},
    }  # fmt: skip
    made = api.create(JOBS, job, WriteOptions(field_manager="me")).object
    assert len(made["spec"]["template"]["metadata"]["labels"]) == len(labels) + 4
    assert made["spec"]["selector"]
    (entry,) = made["metadata"]["managedFields"]
    fields = entry["fieldsV1"]
    assert "f:selector" not in fields["f:spec"]
    assert fields["f:spec"]["f:template"].get("f:metadata", {}) == owned
    assert fields.get("f:metadata", {}) == owned


def test_a_job_without_labels_has_those_of_its_pods_again(api: Api) -> None:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i:1"}]}}
    job = {
        "apiVersion": "batch/v1", "kind": "Job", "spec": {"template": template},
        "metadata": {"name": "j", "namespace": "default"},
    }  # fmt: skip
    made = api.create(JOBS, job).object
    bare = {key: value for key, value in made["metadata"].items() if key != "labels"}
    written = api.update(JOBS, made | {"metadata": bare}).object
    assert written["metadata"]["labels"] == made["metadata"]["labels"]

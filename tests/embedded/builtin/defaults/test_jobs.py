from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.builtin.defaults.jobs import default_job
from knlab.embedded.kube.objects import Object, copy_json
from tests.factories import make


def job(**spec: Any) -> Object:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i:1"}]}}
    return make("batch/v1", "Job", "hi", "default", spec={"template": template, **spec})


LABELS = {
    "batch.kubernetes.io/controller-uid": "uid-job-hi", "batch.kubernetes.io/job-name": "hi",
    "controller-uid": "uid-job-hi", "job-name": "hi",
}  # fmt: skip


def test_what_kubernetes_fills_in() -> None:
    made = default_job(job(), None)
    spec = made["spec"]
    template = spec.pop("template")
    assert spec == {
        "backoffLimit": 6,
        "completionMode": "NonIndexed",
        "completions": 1,
        "manualSelector": False,
        "parallelism": 1,
        "podReplacementPolicy": "TerminatingOrFailed",
        "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": "uid-job-hi"}},
        "suspend": False,
    }
    assert template["metadata"]["labels"] == LABELS
    assert made["metadata"]["labels"] == LABELS


@pytest.mark.parametrize(
    ("given", "completions"),
    [({}, 1), ({"parallelism": 2}, None), ({"completions": 3}, 3)],
)
def test_completions_are_only_filled_in_without_a_number_at_once(
    given: dict[str, int], completions: int | None
) -> None:
    assert default_job(job(**given), None)["spec"].get("completions") == completions


def test_labels_of_ones_own_stay() -> None:
    given = job()
    given["metadata"]["labels"] = {"mine": "1"}
    assert default_job(given, None)["metadata"]["labels"] == {"mine": "1"}


def test_an_update_changes_nothing_that_is_there() -> None:
    made = default_job(job(), None)
    assert default_job(copy_json(made), made) == made

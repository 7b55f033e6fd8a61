"""What a real server says to the same Jobs."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.builtin.defaults.jobs import default_job
from knlab.embedded.builtin.validation.jobs import validate_job
from knlab.embedded.kube.objects import Object, copy_json
from tests.factories import make


def job(policy: str = "Never", **spec: Any) -> Object:
    template = {"spec": {"restartPolicy": policy, "containers": [{"name": "c", "image": "i:1"}]}}
    made = make("batch/v1", "Job", "hi", "default", spec={"template": template, **spec})
    return default_job(made, None)


def said(new: Object, old: Object | None = None) -> list[str]:
    return [str(cause) for cause in validate_job(new, old)]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"parallelism": -1}, "spec.parallelism: Invalid value: -1: must be greater than or equal"),
        ({"backoffLimit": -1}, "spec.backoffLimit: Invalid value: -1: must be greater than or"),
        (
            {"completionMode": "Foo"},
            'spec.completionMode: Unsupported value: "Foo": supported values: "NonIndexed", "Ind',
        ),
        (
            {"completionMode": "Indexed", "parallelism": 2},
            "spec.completions: Required value: when completion mode is Indexed",
        ),
        (
            {"policy": "Always"},
            'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
        ),
        (
            {"podFailurePolicy": {"rules": []}},
            "spec.podFailurePolicy: Forbidden: is not available on this cluster",
        ),
        (
            {"manualSelector": True, "selector": {"matchLabels": {"a": "b"}}},
            "spec.manualSelector: Forbidden: is not available on this cluster",
        ),
    ],
)
def test_what_is_refused(given: dict[str, Any], message: str) -> None:
    (text,) = said(job(**given))
    assert text.startswith(message)


def test_a_selector_of_ones_own_is_refused_twice() -> None:
    selector, labels = said(job(selector={"matchLabels": {"a": "b"}}))
    assert selector.endswith(": `selector` not auto-generated")
    assert labels.startswith("spec.template.metadata.labels: Invalid value: ")


def test_a_good_one_is_not_refused() -> None:
    assert said(job()) == []
    assert said(job("OnFailure", completionMode="Indexed", completions=3)) == []


@pytest.mark.parametrize(
    ("field", "value"), [("completions", 5), ("completionMode", "Indexed"), ("selector", {})]
)
def test_what_may_not_change(field: str, value: Any) -> None:
    old = job(completions=3)
    new = copy_json(old)
    new["spec"][field] = value
    assert any(text.startswith(f"spec.{field}: Invalid value: ") for text in said(new, old))


def test_the_template_may_not_change() -> None:
    old = job()
    new = copy_json(old)
    new["spec"]["template"]["spec"]["containers"][0]["image"] = "i:2"
    (text,) = said(new, old)
    assert text.startswith("spec.template: Invalid value: ")
    assert text.endswith("field is immutable")


def test_parallelism_and_suspend_may_change() -> None:
    old = job(completions=3)
    new = copy_json(old)
    new["spec"] |= {"parallelism": 3, "suspend": True}
    assert said(new, old) == []


def test_an_indexed_job_may_change_both_numbers_together() -> None:
    old = job(completionMode="Indexed", completions=2, parallelism=2)
    new = copy_json(old)
    new["spec"] |= {"completions": 4, "parallelism": 4}
    assert said(new, old) == []

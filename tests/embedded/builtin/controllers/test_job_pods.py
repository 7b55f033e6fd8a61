from __future__ import annotations

import pytest

from knlab.embedded.builtin.controllers.job_pods import (
    finished_at,
    format_indexes,
    new_pods,
    parse_indexes,
    remaining_wait,
)
from knlab.embedded.kube.metadata import timestamp
from knlab.embedded.kube.objects import Object
from tests.factories import NOW, make


def pod(phase: str, ended: float) -> Object:
    state = {"terminated": {"finishedAt": timestamp(NOW + ended)}}
    status = {"phase": phase, "containerStatuses": [{"state": state}]}
    return make("v1", "Pod", f"p{ended}", "default", status=status)


FAILURES = [pod("Failed", float(number)) for number in range(20)]


@pytest.mark.parametrize(
    ("pods", "seconds"),
    [
        ([], 0.0),
        ([pod("Running", 0.0)], 0.0),
        ([pod("Failed", 0.0)], 10.0),
        ([pod("Failed", -4.0)], 6.0),
        ([pod("Failed", -11.0)], 0.0),
        (FAILURES[:2], 21.0),
        (FAILURES[:3], 42.0),
        (FAILURES, 619.0),
        ([*FAILURES[:3], pod("Succeeded", 3.0)], 0.0),
        ([pod("Succeeded", 0.0), pod("Failed", 1.0)], 11.0),
    ],
)
def test_seconds_until_the_next_pod(pods: list[Object], seconds: float) -> None:
    assert remaining_wait(pods, NOW) == seconds


def test_a_pod_without_a_trace_of_its_end_ended_when_it_was_asked_to_go() -> None:
    asked = make("v1", "Pod", "p", "default", metadata={"deletionTimestamp": timestamp(NOW + 7)})
    assert finished_at(asked) == NOW + 7


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        (set(), ""),
        ({3}, "3"),
        ({0, 2}, "0,2"),
        ({0, 1}, "0,1"),
        ({0, 1, 2, 4}, "0-2,4"),
        ({7, 9, 8, 1}, "1,7-9"),
    ],
)
def test_completed_numbers_as_text(numbers: set[int], text: str) -> None:
    assert format_indexes(numbers) == text
    assert parse_indexes(text) == numbers


def test_names_that_are_taken_are_not_used_again() -> None:
    template: Object = {"metadata": {}, "spec": {"containers": []}}
    job = make("batch/v1", "Job", "j", "default", spec={"template": template})
    (first,) = new_pods(job, (), [None], NOW)
    (second,) = new_pods(job, {first["metadata"]["name"]}, [None], NOW)
    assert first["metadata"]["name"] != second["metadata"]["name"]


def test_a_variable_that_the_container_sets_itself_stays() -> None:
    own = {"name": "JOB_COMPLETION_INDEX", "value": "mine"}
    template = {"metadata": {}, "spec": {"containers": [{"name": "c", "env": [own]}]}}
    job = make("batch/v1", "Job", "j", "default", spec={"template": template})
    (made,) = new_pods(job, (), [4], NOW)
    assert made["spec"]["containers"][0]["env"] == [own]

from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.builtin.kinds import PODS, PRIORITY_CLASSES
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.errors import Forbidden, StatusError
from knlab.embedded.kube.objects import Object
from tests.embedded.builtin.bounded import created, pod, refusal


def priority_class(name: str, **fields: Any) -> Object:
    head = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass"}
    return {**head, "metadata": {"name": name}, **fields}


def test_every_cluster_has_two(api: Api) -> None:
    found = {item["metadata"]["name"]: item["value"] for item in api.list(PRIORITY_CLASSES)}
    assert found == {
        "system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000,
    }  # fmt: skip
    with pytest.raises(Forbidden, match="this is a system priority class and cannot be deleted"):
        api.delete(PRIORITY_CLASSES, "", "system-node-critical")


@pytest.mark.parametrize(
    ("classes", "spec", "found"),
    [
        pytest.param([], {}, (None, 0, "PreemptLowerPriority"), id="none"),
        pytest.param(
            [priority_class("high", value=1000)],
            {"priorityClassName": "high"},
            ("high", 1000, "PreemptLowerPriority"),
            id="one that is named",
        ),
        pytest.param(
            [priority_class("low", value=10, preemptionPolicy="Never", globalDefault=True)],
            {},
            ("low", 10, "Never"),
            id="the global default",
        ),
        pytest.param(
            [priority_class("high", value=1000)],
            {"priorityClassName": "high", "priority": 1000},
            ("high", 1000, "PreemptLowerPriority"),
            id="a pod may say what is true",
        ),
    ],
)
def test_pods_get_their_priority(
    api: Api, classes: list[Object], spec: Any, found: tuple[Any, ...]
) -> None:
    for each in classes:
        created(api, each, PRIORITY_CLASSES)
    made = created(api, pod({}, **spec))["spec"]
    assert (made.get("priorityClassName"), made["priority"], made["preemptionPolicy"]) == found


def test_a_pod_may_not_choose_another(api: Api) -> None:
    created(api, priority_class("high", value=1000), PRIORITY_CLASSES)
    tail = "computed {} from the given PriorityClass name"
    assert refusal(api, pod({}, priorityClassName="high", priority=5)) == (
        'pods "p" is forbidden: the integer value of priority (5) must not be provided in pod spec;'
        f" priority admission controller {tail.format(1000)}"
    )
    assert refusal(api, pod({}, priorityClassName="high", preemptionPolicy="Never")) == (
        'pods "p" is forbidden: the string value of PreemptionPolicy (Never) must not be provided'
        f" in pod spec; priority admission controller {tail.format('PreemptLowerPriority')}"
    )


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        pytest.param(
            priority_class("system-mine", value=1),
            'PriorityClass.scheduling.k8s.io "system-mine" is invalid: metadata.name: Forbidden:'
            " priority class names with 'system-' prefix are reserved for system use only. error:"
            " system-mine is not a known system priority class",
            id="a name of the system's",
        ),
        pytest.param(
            priority_class("huge", value=1_000_000_001),
            'PriorityClass.scheduling.k8s.io "huge" is invalid: value: Forbidden: maximum allowed'
            " value of a user defined priority is 1000000000",
            id="too high",
        ),
        pytest.param(
            priority_class("odd", value=1, preemptionPolicy="Foo"),
            'PriorityClass.scheduling.k8s.io "odd" is invalid: preemptionPolicy: Unsupported value:'
            ' "Foo": supported values: "PreemptLowerPriority", "Never"',
            id="an unknown policy",
        ),
        pytest.param(
            priority_class("second", value=1, globalDefault=True),
            'priorityclasses.scheduling.k8s.io "second" is forbidden: PriorityClass first is'
            " already marked as default. Only one default can exist",
            id="a second default",
        ),
    ],
)
def test_classes_that_are_refused(api: Api, wanted: Object, words: str) -> None:
    created(api, priority_class("first", value=1, globalDefault=True), PRIORITY_CLASSES)
    assert refusal(api, wanted, PRIORITY_CLASSES) == words


def test_what_of_a_class_may_change(api: Api) -> None:
    made = created(api, priority_class("mine"), PRIORITY_CLASSES)
    assert (made["value"], made["preemptionPolicy"]) == (0, "PreemptLowerPriority")
    made = api.update(PRIORITY_CLASSES, made | {"description": "x", "globalDefault": True}).object
    head = 'PriorityClass.scheduling.k8s.io "mine" is invalid: '
    for change, words in (
        ({"value": 3}, "value: Forbidden: may not be changed in an update."),
        (
            {"preemptionPolicy": "Never"},
            'preemptionPolicy: Invalid value: "Never": field is immutable',
        ),
    ):
        with pytest.raises(StatusError) as refused:
            api.update(PRIORITY_CLASSES, made | change)
        assert refused.value.message == head + words
    api.delete(PRIORITY_CLASSES, "", "mine")
    assert created(api, pod({}))["spec"]["priority"] == 0
    assert api.list(PODS)

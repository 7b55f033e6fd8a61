from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.builtin.controllers.taints import (
    UNSCHEDULABLE,
    is_repelled,
    seconds_left,
    sync_evictions,
    sync_taints,
    tolerates,
)
from knlab.embedded.builtin.kinds import NODES, PODS
from knlab.embedded.kube.controller import NOTHING
from knlab.embedded.kube.objects import Object
from tests.factories import NOW, NOW_TEXT, DictView, apply_outcome, make, settle

KEY = ("", "knlab")
GPU = {"key": "gpu", "value": "yes", "effect": "NoSchedule"}
LEAVE = {"key": "repair", "effect": "NoExecute", "timeAdded": NOW_TEXT}
STAY = {"key": "repair", "operator": "Exists", "effect": "NoExecute"}


def node(**spec: Any) -> Object:
    return make("v1", "Node", "knlab", spec=spec)


def pod(name: str = "web", *tolerations: Object, on: str = "knlab") -> Object:
    spec = {"nodeName": on, "tolerations": list(tolerations)}
    return make("v1", "Pod", name, "default", spec=spec)


@pytest.mark.parametrize(
    ("toleration", "does"),
    [
        ({"operator": "Exists"}, True),
        ({"key": "gpu", "operator": "Exists"}, True),
        ({"key": "gpu", "value": "yes"}, True),
        ({"key": "gpu", "operator": "Equal", "value": "yes", "effect": "NoSchedule"}, True),
        ({"key": "gpu", "value": "no"}, False),
        ({"key": "cpu", "operator": "Exists"}, False),
        ({"key": "gpu", "operator": "Exists", "effect": "NoExecute"}, False),
    ],
)
def test_which_taints_are_tolerated(toleration: Object, does: bool) -> None:
    assert tolerates(toleration, GPU) == does
    assert is_repelled(pod("p", toleration), node(taints=[GPU]), ("NoSchedule",)) != does


def test_other_effects_repel_nobody() -> None:
    assert not is_repelled(
        pod(), node(taints=[GPU | {"effect": "PreferNoSchedule"}]), ("NoExecute",)
    )


@pytest.mark.parametrize(
    ("tolerations", "seconds"),
    [
        ([], 0.0),
        ([STAY], None),
        ([STAY | {"tolerationSeconds": 60}], 40.0),
        ([STAY | {"tolerationSeconds": 60}, STAY | {"tolerationSeconds": 30}], 10.0),
        ([STAY | {"tolerationSeconds": 5}], 0.0),
    ],
)
def test_how_long_a_pod_may_stay(tolerations: list[Object], seconds: float | None) -> None:
    assert seconds_left(pod("p", *tolerations), node(taints=[LEAVE]), NOW + 20) == seconds


def test_a_cordoned_node_carries_a_taint_until_it_is_uncordoned() -> None:
    view = DictView([node(unschedulable=True, taints=[GPU])])
    settle(view, sync_taints, KEY)
    cordon = {"key": UNSCHEDULABLE, "effect": "NoSchedule", "timeAdded": NOW_TEXT}
    assert view.objects[NODES, KEY]["spec"]["taints"] == [GPU, cordon]
    view.objects[NODES, KEY]["spec"].pop("unschedulable")
    settle(view, sync_taints, KEY)
    assert view.objects[NODES, KEY]["spec"]["taints"] == [GPU]


def test_a_node_without_taints_has_no_empty_list_of_them() -> None:
    view = DictView([node(unschedulable=True)])
    settle(view, sync_taints, KEY)
    view.objects[NODES, KEY]["spec"].pop("unschedulable")
    settle(view, sync_taints, KEY)
    assert view.objects[NODES, KEY]["spec"] == {}


def test_a_taint_that_makes_pods_go_is_given_its_time() -> None:
    view = DictView([node(taints=[{"key": "repair", "effect": "NoExecute"}])])
    settle(view, sync_taints, KEY)
    assert view.objects[NODES, KEY]["spec"]["taints"] == [LEAVE]


def test_pods_that_do_not_tolerate_their_node_are_deleted() -> None:
    going, staying, elsewhere = pod("a"), pod("b", STAY), pod("c", on="other")
    view = DictView([node(taints=[LEAVE]), going, staying, elsewhere])
    outcome = sync_evictions(view, KEY, NOW)
    (note,) = outcome.notes
    assert (note.reason, note.message) == (
        "TaintManagerEviction", "Marking for deletion Pod default/a",
    )  # fmt: skip
    assert outcome.again_after
    apply_outcome(view, outcome)
    assert view.objects[PODS, ("default", "a")]["metadata"]["deletionTimestamp"]
    assert sync_evictions(view, KEY, NOW).writes == ()


def test_a_node_without_such_taints_is_left_alone() -> None:
    assert sync_evictions(DictView([node(taints=[GPU]), pod()]), KEY, NOW) == NOTHING
    assert sync_taints(DictView(), KEY, NOW) == NOTHING

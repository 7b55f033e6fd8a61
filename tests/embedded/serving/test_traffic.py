"""Resolution of spec.traffic."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.kube.objects import Object
from knlab.embedded.serving.traffic import TrafficPlan, resolve_traffic
from tests.factories import DictView, make

API = "serving.knative.dev/v1"
LATEST = {"configurationName": "hello", "latestRevision": True}


def status(ready: str, **fields: Any) -> Object:
    return {
        "observedGeneration": 1, "conditions": [{"type": "Ready", "status": ready}],
    } | fields  # fmt: skip


def revision(name: str, ready: str = "True", service: str = "hello") -> Object:
    labels = {"serving.knative.dev/configuration": "hello"}
    if service:
        labels["serving.knative.dev/service"] = service
    return make(API, "Revision", name, "ns", metadata={"labels": labels},
                spec={"containers": [{"image": "x"}]}, status=status(ready))  # fmt: skip


def configuration(latest: str = "r2", ready: str = "True") -> Object:
    fields = {"latestReadyRevisionName": latest} if latest else {}
    return make(API, "Configuration", "hello", "ns", status=status(ready, **fields))


def resolve(view: DictView, *traffic: Object) -> TrafficPlan:
    labels = {"serving.knative.dev/service": "hello"}
    route = make(API, "Route", "hello", "ns", metadata={"labels": labels},
                 spec={"traffic": list(traffic)})  # fmt: skip
    return resolve_traffic(view, route)


def pinned(name: str, percent: int = 0, **more: Any) -> Object:
    return {"revisionName": name, "percent": percent, "latestRevision": False} | more


VIEW = DictView([configuration(), revision("r1"), revision("r2")])


def groups(plan: TrafficPlan) -> dict[str, list[tuple[str, int]]]:
    return {
        tag: [(target.revision, target.percent) for target in targets]
        for tag, targets in plan.groups.items()
    }


def test_tags_get_all_and_the_default_group_is_shared() -> None:
    plan = resolve(VIEW, LATEST | {"percent": 70}, pinned("r1", 30, tag="old"))
    assert groups(plan) == {"": [("r2", 70), ("r1", 30)], "old": [("r1", 100)]}
    assert [(t.revision, t.percent, t.latest, t.tag) for t in plan.targets] == [
        ("r2", 70, True, ""), ("r1", 30, False, "old"),
    ]  # fmt: skip


def test_one_revision_in_a_group_gets_everything() -> None:
    plan = resolve(VIEW, pinned("r1", 60), pinned("r1", 40, tag="x"))
    assert groups(plan) == {"": [("r1", 100)], "x": [("r1", 100)]}
    assert [target.percent for target in plan.targets] == [60, 40]


def test_entries_merge_in_the_status_only_if_all_agrees() -> None:
    plan = resolve(VIEW, pinned("r2", 50), LATEST | {"percent": 30}, pinned("r2", 20))
    assert [(t.revision, t.percent, t.latest) for t in plan.targets] == [
        ("r2", 70, False), ("r2", 30, True),
    ]  # fmt: skip


def test_zero_percent_stays_in_the_group() -> None:
    plan = resolve(VIEW, LATEST | {"percent": 100}, pinned("r1", 0))
    assert groups(plan) == {"": [("r2", 100), ("r1", 0)]}


@pytest.mark.parametrize(
    ("objects", "entry", "wanted"),
    [
        ([], LATEST, ("False", "ConfigurationMissing",
                      'Configuration "hello" referenced in traffic not found.')),
        ([configuration("", "Unknown")], LATEST,
         ("Unknown", "RevisionMissing",
          'Configuration "hello" is waiting for a Revision to become ready.')),
        ([configuration("", "False")], LATEST,
         ("False", "RevisionMissing", 'Configuration "hello" does not have any ready Revision.')),
        ([configuration("gone")], LATEST,
         ("False", "RevisionMissing", 'Revision "gone" referenced in traffic not found.')),
        ([revision("r1", "Unknown")], pinned("r1"),
         ("Unknown", "RevisionMissing", 'Revision "r1" is not yet ready.')),
        ([revision("r1", "False")], pinned("r1"),
         ("False", "RevisionMissing", 'Revision "r1" failed to become ready.')),
        ([revision("r1", service="b")], pinned("r1"),
         ("False", "RevisionNotOwned",
          'Revision "r1" belongs to Service "b", not Service "hello".')),
        ([revision("r1", service="")], pinned("r1"),
         ("False", "RevisionNotOwned", 'Revision "r1" does not belong to Service "hello".')),
        ([revision("r1")], pinned("r1"),
         ("False", "ConfigurationMissing",
          'Configuration "hello" referenced in traffic not found.')),
    ],
)  # fmt: skip
def test_bad_targets(objects: list[Object], entry: Object, wanted: tuple[str, str, str]) -> None:
    plan = resolve(DictView(objects), entry)
    assert plan.bad is not None
    assert (plan.bad.status, plan.bad.reason, plan.bad.message) == wanted
    assert plan.groups == {}


def test_the_last_failure_wins_over_errors() -> None:
    view = DictView([configuration(), revision("r1", "Unknown"), revision("r2")])
    plan = resolve(view, pinned("gone"), pinned("r1"), pinned("away"), pinned("r2"))
    assert plan.bad is not None
    assert '"away"' in plan.bad.message

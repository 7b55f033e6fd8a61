"""The autoscaler's metrics, named and labelled as real Knative's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from knlab.embedded.autoscaling.deciders import Decision
from knlab.embedded.autoscaling.metrics import revision_families
from knlab.embedded.dataplane.metrics import exposition
from knlab.embedded.serving.keys import CONFIGURATION, SERVICE
from knlab.embedded.serving.kinds import POD_AUTOSCALERS, PODS
from knlab.kpa.bounds import Bounded
from knlab.kpa.decide import ScaleResult
from knlab.kpa.spec import DeciderSpec

if TYPE_CHECKING:
    from tests.embedded.autoscaling.conftest import Cluster

KEY = ("default", "hello-00001")
LABELS = (
    '{k8s_namespace_name="default",kn_configuration_name="hello",kn_revision_name="hello-00001",'
    'kn_service_name="hello",otel_scope_name="knative.dev/serving/pkg/autoscaler",'
    'otel_scope_schema_url="",otel_scope_version=""}'
)
RESULT = ScaleResult(
    desired=3,
    excess_burst_capacity=-207,
    ready=1,
    observed_stable=0.090909,
    observed_panic=0.2,
    wanted_stable=1,
    wanted_panic=3,
    panicking=True,
    limited_by=None,
)
NOTHING = {
    "concurrency_panic": "0",
    "concurrency_stable": "0",
    "concurrency_target": "0",
    "capacity_excess": "0",
    "panic_mode": "0",
    "pods_desired": "0",
    "pods_requested": "0",
    "pods_count": "0",
    "pods_not_ready_count": "0",
    "pods_pending_count": "0",
    "pods_terminating_count": "0",
}


@pytest.fixture
def labelled(cluster: Cluster) -> Cluster:
    cluster.autoscaler()
    labels = {SERVICE: "hello", CONFIGURATION: "hello"}

    def add(autoscaler: dict[str, object]) -> dict[str, object]:
        metadata = autoscaler["metadata"]
        assert isinstance(metadata, dict)
        return autoscaler | {"metadata": metadata | {"labels": labels}}

    cluster.api.patch(POD_AUTOSCALERS, *KEY, add)
    return cluster


def values(cluster: Cluster, spec: DeciderSpec, decision: Decision | None) -> dict[str, str]:
    """What a scrape says of the revision, by name less `kn_revision_`."""
    text = exposition(revision_families([(KEY, spec, decision)], cluster.api))
    samples = [line.split(LABELS) for line in text.splitlines() if not line.startswith("#")]
    return {name.removeprefix("kn_revision_"): value.strip() for name, value in samples}


def spec(**more: object) -> DeciderSpec:
    return DeciderSpec(target=3.5, total=5.0, **more)  # type: ignore[arg-type]


def test_before_a_decision_everything_is_zero(labelled: Cluster) -> None:
    assert values(labelled, spec(), None) == NOTHING


@pytest.mark.parametrize("metric", ["concurrency", "rps"])
def test_a_decision_shows(labelled: Cluster, metric: str) -> None:
    found = values(labelled, spec(metric=metric), Decision(0.0, RESULT, Bounded(3)))
    assert {name: value for name, value in found.items() if value != "0"} == {
        f"{metric}_panic": "0.2",
        f"{metric}_stable": "0.090909",
        f"{metric}_target": "3.5",
        "capacity_excess": "-207",
        "panic_mode": "1",
        "pods_desired": "3",
    }


def test_pods_are_counted_by_state(labelled: Cluster) -> None:
    for name, ready in (("one", True), ("two", True), ("three", False), ("four", False)):
        labelled.pod(name, ready=ready)
    labelled.api.patch(
        PODS, "default", "four", lambda pod: pod | {"status": {"phase": "Pending"}},
        subresource="status",
    )  # fmt: skip

    def asked(autoscaler: dict[str, object]) -> dict[str, object]:
        return autoscaler | {"status": {"desiredScale": 5}}

    labelled.api.patch(POD_AUTOSCALERS, *KEY, asked, subresource="status")
    found = values(labelled, spec(), None)
    assert {name: found[name] for name in found if name.startswith("pods_")} == {
        "pods_desired": "0",
        "pods_requested": "5",
        "pods_count": "2",
        "pods_not_ready_count": "2",
        "pods_pending_count": "1",
        "pods_terminating_count": "0",
    }


def test_a_scale_that_is_not_known_is_none_requested(labelled: Cluster) -> None:
    def unknown(autoscaler: dict[str, object]) -> dict[str, object]:
        return autoscaler | {"status": {"desiredScale": -1}}

    labelled.api.patch(POD_AUTOSCALERS, *KEY, unknown, subresource="status")
    assert values(labelled, spec(), None)["pods_requested"] == "0"


def test_a_revision_that_has_just_gone_is_left_out(cluster: Cluster) -> None:
    assert exposition(revision_families([(KEY, spec(), None)], cluster.api)) == ""

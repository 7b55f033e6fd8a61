"""Annotations that bound the number of pods, and what they do over time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import knlab
from knlab.cluster.kubernetes import DEPLOYMENT, POD_AUTOSCALER
from knlab.cluster.service import Service
from tests.live.world import CLOCK, Diary, Measure, World, conditions

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

TRUE = ("True", "", "")
NO_TRAFFIC = ("False", "NoTraffic", "The target is not receiving traffic.")


def staying(service: Service, revision: str) -> list[str]:
    """The pods of `revision` that are not Terminating."""
    return [
        pod["metadata"]["name"]
        for pod in service.pods()
        if pod["metadata"]["labels"]["serving.knative.dev/revision"] == revision
        and not pod["metadata"].get("deletionTimestamp")
    ]


def test_min_scale_begins_with_one_pod(deploy: Callable[..., Service], world: World) -> None:
    service = deploy("bounds-min", image=knlab.images.HELLO, min_scale=2)
    service.wait_ready()
    deployment = world.one(DEPLOYMENT, "bounds-min-00001-deployment")
    # Made for one pod, as every revision is, and then scaled to two
    assert (deployment["metadata"]["generation"], deployment["spec"]["replicas"]) == (2, 2)
    assert world.scale(service)["desired"] == 2
    assert world.scale(service)["ready"] == 2


def test_without_a_route_min_scale_is_ignored(
    deploy: Callable[..., Service], world: World, measure: Measure
) -> None:
    service = deploy("bounds-unrouted", image=knlab.images.HELLO, window="6s")
    service.wait_ready()
    service.split({"bounds-unrouted-00001": 100}).wait_ready()
    began = CLOCK.monotonic()
    service.update(env={"TARGET": "2"}, min_scale=2).wait_ready()
    second = "bounds-unrouted-00002"

    def idle() -> bool:
        found = conditions(world.one(POD_AUTOSCALER, second))
        return found.get("Active") == NO_TRAFFIC and not staying(service, second)

    world.wait_for("no pod of the second revision", idle, timeout=90)
    measure("unrouted with min-scale 2: update to no pod, s", CLOCK.monotonic() - began)
    autoscaler = world.one(POD_AUTOSCALER, second)
    assert autoscaler["spec"]["reachability"] == "Unreachable"
    assert autoscaler["status"]["desiredScale"] == 0


def test_the_last_pod_is_retained(
    deploy: Callable[..., Service], world: World, measure: Measure
) -> None:
    service = deploy(
        "bounds-retained",
        image=knlab.images.HELLO,
        window="6s",
        scale_to_zero_pod_retention_period="35s",
    )
    service.wait_ready()
    with Diary(lambda: world.scale(service)) as diary:
        knlab.request(service.url)
        last = CLOCK.monotonic()
        inactive = diary.wait_for(since=last, active="False")
        leaving = diary.wait_for(since=inactive, pods=0)
    measure("retention 35 s: inactive to pod Terminating, s", leaving - inactive)
    assert 33 < leaving - inactive < 38


def test_activation_scale(deploy: Callable[..., Service], world: World, measure: Measure) -> None:
    service = deploy("bounds-activation", image=knlab.images.HELLO, window="6s", activation_scale=3)
    service.wait_ready()
    service.wait_scaled_to_zero()
    with Diary(lambda: world.scale(service)) as diary:
        began = CLOCK.monotonic()
        knlab.request(service.url)
        up = diary.wait_for(since=began, ready=3)
        down = diary.wait_for(since=up, pods=0, timeout=90)
    served = diary.first(since=began, mode="Serve")
    assert served is not None
    again = diary.first(since=served, mode="Proxy")
    assert again is not None
    measure("activation-scale 3: request to three pods ready, s", up - began)
    measure("activation-scale 3: mode Proxy again to no pod (grace), s", down - again)
    assert 28 < down - again < 33
    modes = [seen["mode"] for _, seen in diary.entries]
    course = [mode for i, mode in enumerate(modes) if i == 0 or modes[i - 1] != mode]
    assert course == ["Proxy", "Serve", "Proxy"]
    assert diary.highest("desired") == 3

"""To zero, from zero, and up to the bounds under load: what happens, and how long it takes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import knlab
from knlab.cluster.kubernetes import POD_AUTOSCALER
from knlab.cluster.service import Service
from tests.live.world import (
    CLOCK,
    SERVERLESS_SERVICE,
    Diary,
    Measure,
    World,
    conditions,
    revision_conditions,
)

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

TRUE = ("True", "", "")
NO_TRAFFIC = ("False", "NoTraffic", "The target is not receiving traffic.")
NOT_READY = ("Unknown", "NoHealthyBackends", "K8s Service is not ready")


def settled(world: World, service: Service, *, mode: str) -> None:
    """Return when `service` has a decision, one pod older than 30 s, and is in `mode`."""
    revision = f"{service.name}-00001"
    began = CLOCK.monotonic()
    world.wait_for(
        "the first decision, and the 30 s that a new pod is kept, to be over",
        lambda: (knlab.request(service.url), CLOCK.monotonic() - began > 32)[1],
        timeout=40,
    )
    world.wait_for(f"mode {mode}", lambda: world.mode(revision) == mode)


def test_to_zero_behind_the_activator(
    deploy: Callable[..., Service], world: World, measure: Measure
) -> None:
    service = deploy("zero-proxy", image=knlab.images.HELLO, window="6s")
    service.wait_ready()
    settled(world, service, mode="Proxy")
    with Diary(lambda: world.scale(service)) as diary:
        knlab.request(service.url)
        last = CLOCK.monotonic()
        service.wait_scaled_to_zero()
        diary.wait_for(since=last, pods=0, terminating=0)
    inactive = diary.first(since=last, desired=0)
    leaving = diary.first(since=last, pods=0)
    gone = diary.first(since=last, pods=0, terminating=0)
    assert inactive is not None
    assert leaving is not None
    assert gone is not None
    measure("window 6s, Proxy: last request to desired 0, s", inactive - last)
    measure("window 6s, Proxy: last request to pod Terminating, s", leaving - last)
    measure("window 6s, Proxy: Terminating to gone, s", gone - leaving)
    # The activator is in the path all along: no grace, one window and some ticks
    assert {seen["mode"] for _, seen in diary.entries} == {"Proxy"}
    assert 5 < leaving - last < 12
    assert leaving - inactive < 2
    assert 28 < gone - leaving < 34

    revision = f"{service.name}-00001"
    assert conditions(world.one(POD_AUTOSCALER, revision)) == {
        "Active": NO_TRAFFIC,
        "Ready": NO_TRAFFIC,
        "SKSReady": ("Unknown", "NotReady", "K8s Service is not ready"),
        "ScaleTargetInitialized": TRUE,
    }
    assert conditions(world.one(SERVERLESS_SERVICE, revision)) == {
        "ActivatorEndpointsPopulated": (
            "True", "ActivatorEndpointsPopulated", "Revision is backed by Activator",
        ),
        "EndpointsPopulated": NOT_READY,
        "Ready": NOT_READY,
    }  # fmt: skip
    found = revision_conditions(world, service)
    assert found["Ready"] == TRUE
    assert found["Active"] == NO_TRAFFIC
    assert conditions(service.object)["Ready"] == TRUE


def test_to_zero_with_grace(deploy: Callable[..., Service], world: World, measure: Measure) -> None:
    service = deploy("zero-serve", image=knlab.images.HELLO, window="6s", target_burst_capacity=0)
    service.wait_ready()
    settled(world, service, mode="Serve")
    with Diary(lambda: world.scale(service)) as diary:
        knlab.request(service.url)
        last = CLOCK.monotonic()
        service.wait_scaled_to_zero()
        diary.wait_for(since=last, pods=0, terminating=0)
    proxied = diary.first(since=last, mode="Proxy")
    inactive = diary.first(since=last, desired=0)
    leaving = diary.first(since=last, pods=0)
    gone = diary.first(since=last, pods=0, terminating=0)
    assert proxied is not None
    assert inactive is not None
    assert leaving is not None
    assert gone is not None
    measure("window 6s, Serve: last request to mode Proxy, s", proxied - last)
    measure("window 6s, Serve: last request to desired 0, s", inactive - last)
    measure("window 6s, Serve: mode Proxy to pod Terminating (grace), s", leaving - proxied)
    measure("window 6s, Serve: Terminating to gone, s", gone - leaving)
    assert 5 < proxied - last < 12
    assert 28 < leaving - proxied < 33
    assert 28 < gone - leaving < 34


def test_from_zero(deploy: Callable[..., Service], world: World, measure: Measure) -> None:
    services = [
        deploy(f"cold-{number}", image=knlab.images.HELLO, env={"TARGET": "cold"}, window="6s")
        for number in range(5)
    ]
    for service in services:
        service.wait_ready()
    for service in services:
        service.wait_scaled_to_zero()
    for service in services:
        cold = knlab.request(service.url)
        assert (cold.status, cold.text) == (200, "Hello cold!\n")
        measure("cold start, s", cold.wait)
        for _ in range(20):
            measure("warm request, s", knlab.request(service.url).wait)
        [autoscaler] = world.of(service, POD_AUTOSCALER)
        assert conditions(autoscaler)["Active"] == TRUE


def test_the_articles_load(deploy: Callable[..., Service], world: World, measure: Measure) -> None:
    service = deploy(
        "load-article", image=knlab.images.AUTOSCALE, min_scale=1, max_scale=5, target=1
    )
    service.wait_ready()
    world.wait_for("a decision", lambda: world.scale(service)["desired"] == 1)
    with Diary(lambda: world.scale(service)) as diary:
        began = CLOCK.monotonic()
        run = knlab.load(service.url + "?sleep=100", duration="15s", concurrency=50)
        ended = CLOCK.monotonic()
        assert run.summary.failed == 0
        diary.wait_for(since=ended, desired=1, pods=1, timeout=120)
    wanted = diary.first(since=began, desired=5)
    ready = diary.first(since=began, ready=5)
    fewer = [t for t, seen in diary.entries if t > ended and 0 < seen["desired"] < 5]
    last = diary.first(since=ended, desired=1, pods=1)
    assert wanted is not None
    assert ready is not None
    assert last is not None
    measure("article's load: begin to desired 5, s", wanted - began)
    measure("article's load: begin to five pods ready, s", ready - began)
    measure("article's load: end to desired below 5, s", fewer[0] - ended)
    measure("article's load: end to desired 1, s", last - ended)
    measure("article's load, 100 ms each: requests per second", run.summary.requests_per_second)
    measure("article's load, 100 ms each: p50, s", run.summary.percentile(50))
    measure("article's load, 100 ms each: p99, s", run.summary.percentile(99))
    # Decisions come every 2 s; the first needs what the activator reports every second
    assert wanted - began < 5
    assert ready - began < 15
    assert diary.highest("desired") == 5
    assert diary.highest("pods") == 5
    # The stable window is 60 s, and the load fills its beginning
    assert 45 < fewer[0] - ended < 70
    assert 55 < last - ended < 80

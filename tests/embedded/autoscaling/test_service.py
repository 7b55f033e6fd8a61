"""The autoscaler's pod, in real time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from knlab._clock import Clock, SystemClock
from knlab.embedded.autoscaling import AutoscalerService
from knlab.embedded.dataplane.metrics import exposition
from knlab.embedded.kube.objects import GroupResource, Key, Object
from knlab.embedded.runtime import Container
from knlab.embedded.serving.conditions import timestamp
from knlab.embedded.serving.kinds import DEPLOYMENTS, METRICS, SERVERLESS_SERVICES
from knlab.kpa.stat import Stat
from tests.embedded.dataplane import turns

if TYPE_CHECKING:
    from tests.embedded.autoscaling.conftest import Cluster, Reports

KEY = ("default", "hello-00001")


async def no_probe(_key: Key) -> bool:
    raise AssertionError("nothing is at zero here")


async def until(
    cluster: Cluster, resource: GroupResource, name: str, holds: Callable[[Object], bool]
) -> Object:
    """The object as soon as `holds` is true of it."""
    found = asyncio.Event()

    def look(_change: object = None) -> None:
        obj = cluster.api.find(resource, "default", name)
        if obj is not None and holds(obj):
            found.set()

    with cluster.api.store.listening(look, resource):
        look()
        async with asyncio.timeout(10):
            await found.wait()
    return cluster.api.get(resource, "default", name)


@asynccontextmanager
async def pod_of(service: AutoscalerService, log: list[str]) -> AsyncIterator[Container]:
    """A container that runs `service` until the block ends or it is stopped."""
    container = Container(pod={}, name="autoscaler", env={}, ip="127.0.0.9", log=log.append)
    async with asyncio.TaskGroup() as group:
        group.create_task(service.run(container))
        try:
            yield container
        finally:
            container.stopping.set()


@pytest.fixture
def live(make_cluster: Callable[[Clock], Cluster]) -> Cluster:
    return make_cluster(SystemClock())


@pytest.mark.anyio
async def test_load_becomes_replicas(live: Cluster, reports: Reports) -> None:
    service = AutoscalerService(live.api, scrape=reports, ask=no_probe)
    log: list[str] = []
    live.create(DEPLOYMENTS, "hello-00001-deployment", spec={"replicas": 1})
    async with pod_of(service, log):
        live.autoscaler({"target": "1", "max-scale": "5"})
        path = await until(live, SERVERLESS_SERVICES, KEY[1], lambda _: True)
        conditions = [
            {"type": "Ready", "status": "True", "lastTransitionTime": timestamp(0)},
        ]
        path["status"] = {
            "observedGeneration": 1, "conditions": conditions,
            "privateServiceName": "hello-00001-private", "serviceName": KEY[1],
        }  # fmt: skip
        live.api.update(SERVERLESS_SERVICES, path, subresource="status")
        await until(live, METRICS, KEY[1], lambda metric: bool(metric.get("status")))
        live.pod("pod-1")
        reports.concurrency = {"pod-1": 50.0}
        await until(
            live, DEPLOYMENTS, "hello-00001-deployment", lambda d: d["spec"]["replicas"] == 5
        )
        assert service.connected()
        status = service.status(KEY)
        assert status is not None
        assert status.desired == 72
        assert service.history(KEY)[-1].result.panicking
    assert service.status(KEY) is None
    assert log[0] == "leading"
    assert any("desired -1 → 72" in line for line in log)


@pytest.mark.anyio
async def test_what_arrives_while_none_runs_is_lost(live: Cluster, reports: Reports) -> None:
    service = AutoscalerService(live.api, scrape=reports, ask=no_probe)
    live.autoscaler()
    assert not service.connected()
    service.report(
        Stat(revision="/".join(KEY), pod="activator", time=0.0, average_concurrent_requests=1.0)
    )
    assert service.status(KEY) is None


@pytest.mark.anyio
async def test_of_two_pods_one_leads_and_the_other_takes_over(
    live: Cluster, reports: Reports
) -> None:
    service = AutoscalerService(live.api, scrape=reports, ask=no_probe)
    live.autoscaler()
    lines: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    def pod(name: str) -> Container:
        def log(line: str) -> None:
            lines.put_nowait((name, line))

        return Container(pod={}, name="autoscaler", env={}, ip="127.0.0.9", log=log)

    first, second = pod("first"), pod("second")
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(service.run(first))
        assert await lines.get() == ("first", "leading")
        group.create_task(service.run(second))
        assert await lines.get() == ("second", "another autoscaler leads; standing by")
        first.stopping.set()
        assert await lines.get() == ("second", "leading")
        second.stopping.set()
    assert service.status(KEY) is None


@pytest.mark.anyio
async def test_metrics_are_there_while_an_autoscaler_leads(live: Cluster, reports: Reports) -> None:
    service = AutoscalerService(live.api, scrape=reports, ask=no_probe)
    live.autoscaler()
    assert exposition(service.families()) == ""
    log: list[str] = []
    async with pod_of(service, log), asyncio.timeout(5):
        await turns.until(lambda: "kn_revision_pods_desired{" in exposition(service.families()))
    assert exposition(service.families()) == ""

"""The loops of the autoscaler's pod: scrape every second, decide every two, reconcile."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from typing import Final

from knlab.embedded.autoscaling.deciders import FOLLOWED, Deciders, Decision, Scrape
from knlab.embedded.autoscaling.metrics import revision_families
from knlab.embedded.autoscaling.probes import ActivatorProbes, Ask
from knlab.embedded.dataplane.metrics import Family
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.controller import Controller
from knlab.embedded.kube.objects import Key
from knlab.embedded.kube.runner import run_controllers
from knlab.embedded.runtime import Container
from knlab.embedded.serving.controllers.metric import make_metric_controller
from knlab.embedded.serving.controllers.podautoscaler import make_podautoscaler_controller
from knlab.kpa.autoscaler import DeciderStatus
from knlab.kpa.spec import TICK_INTERVAL
from knlab.kpa.stat import Stat

SCRAPE_INTERVAL: Final = 1.0
"""Seconds between two rounds of asking pods (`scrapeTickInterval`)."""
SLACK: Final = 0.05
"""Seconds by which a tick may be late, so that ticks close together share one wake-up."""


class AutoscalerService:
    """The autoscaler: runs while its pod runs, and remembers nothing from one run to the next."""

    def __init__(self, api: Api, *, scrape: Scrape, ask: Ask) -> None:
        self._api = api
        self._clock = api.clock
        self._deciders = Deciders(api, scrape, random.shuffle)
        self._probes = ActivatorProbes(ask, api.clock)
        self._turn = asyncio.Lock()

    @property
    def controllers(self) -> tuple[Controller, Controller]:
        """The controllers that the autoscaler's pod runs."""
        return (
            make_podautoscaler_controller(self._deciders, self._probes),
            make_metric_controller(self._deciders),
        )

    def connected(self) -> bool:
        """Whether an autoscaler runs, so that reports arrive."""
        return self._turn.locked()

    def report(self, stat: Stat) -> None:
        """Take a report from an activator; lost while no autoscaler runs."""
        self._deciders.observe(stat)

    def status(self, key: Key) -> DeciderStatus | None:
        """The latest decision about a revision; None if there is no decider for it."""
        return self._deciders.status(key)

    def history(self, key: Key) -> tuple[Decision, ...]:
        """The latest decisions about a revision, oldest first."""
        return self._deciders.history(key)

    def families(self) -> Iterator[Family]:
        """The autoscaler's metrics as they are now; none while no autoscaler leads."""
        return revision_families(self._deciders.revisions(), self._api)

    async def run(self, container: Container) -> None:
        """Be the autoscaler until the container is told to stop. Of several one leads."""
        async with asyncio.TaskGroup() as group:
            leading = group.create_task(self._lead(container), name="autoscaler")
            await container.stopping.wait()
            leading.cancel()

    async def _lead(self, container: Container) -> None:
        if self._turn.locked():
            container.log("another autoscaler leads; standing by")
        async with self._turn:
            container.log("leading")
            with self._api.store.listening(self._deciders.heard, *FOLLOWED):
                self._deciders.begin(container.log)
                try:
                    await self._work(container)
                finally:
                    self._probes.end()
                    self._deciders.end()

    async def _work(self, container: Container) -> None:
        async with asyncio.TaskGroup() as group:
            self._probes.begin(group)
            group.create_task(self._scrape(), name="autoscaler scrape")
            group.create_task(self._tick(), name="autoscaler tick")
            group.create_task(
                run_controllers(
                    self.controllers, self._api, log=container.log, manager="autoscaler"
                ),
                name="autoscaler controllers",
            )

    async def _scrape(self) -> None:
        due = self._clock.monotonic()
        while True:
            due = max(due + SCRAPE_INTERVAL, self._clock.monotonic())
            await asyncio.sleep(due - self._clock.monotonic())
            self._deciders.scrape()

    async def _tick(self) -> None:
        while True:
            rest = self._deciders.tick() - self._clock.monotonic()
            await asyncio.sleep(min(max(rest, SLACK), TICK_INTERVAL))

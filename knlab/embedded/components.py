"""Knative's components as programs: what the pods of knative-serving and kourier-system run.

Each is a task that does its work while its pod lives. Deleting the pod restarts it, scaling its
Deployment to zero stops it, and what it did stops with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from random import Random
from typing import Final

from knlab import versions
from knlab._clock import Clock
from knlab.embedded.autoscaling import AutoscalerService
from knlab.embedded.dataplane.activator import run_activator
from knlab.embedded.dataplane.gateway import run_gateway
from knlab.embedded.dataplane.queue_proxy import run_queue_proxy
from knlab.embedded.dataplane.routing_table import RoutingTables
from knlab.embedded.images import ImageTable, Unresolvable
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.controller import Controller
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.runner import run_controllers
from knlab.embedded.net.http import Address, Request, Response, text_response
from knlab.embedded.net.network import Network
from knlab.embedded.reports import Reports
from knlab.embedded.routing import RouteFeed
from knlab.embedded.runtime import Container, Task
from knlab.embedded.serving.controllers.configuration import configuration_controller
from knlab.embedded.serving.controllers.garbage import garbage_controller
from knlab.embedded.serving.controllers.ingress import ingress_controller
from knlab.embedded.serving.controllers.labeler import labeler_controller
from knlab.embedded.serving.controllers.revision import ResolveError, revision_controller
from knlab.embedded.serving.controllers.route import route_controller
from knlab.embedded.serving.controllers.serverlessservice import serverless_service_controllers
from knlab.embedded.serving.controllers.service import service_controller
from knlab.embedded.serving.webhook import webhook_backend

REPOSITORY: Final = "knlab.dev/knative"
SYSTEM: Final = "knative-serving"


@dataclass(frozen=True, kw_only=True)
class Components:
    """What the components share, and the program of each."""

    api: Api
    network: Network
    clock: Clock
    images: ImageTable
    random: Random
    reports: Reports
    autoscaler: AutoscalerService
    gateway_routes: RoutingTables
    activator_routes: RoutingTables
    gateway_address: Address
    """Where the host reaches the ingress gateway."""

    def register(self) -> None:
        """Put every component into the image table."""
        programs: Mapping[str, Callable[[Container], object]] = {
            "activator": self._activator,
            "autoscaler": self._autoscaler,
            "controller": self._controller,
            "webhook": self._webhook,
            "net-kourier": self._net_kourier,
            "kourier-gateway": self._gateway,
            "queue": self._queue_proxy,
        }
        for name, run in programs.items():
            reference = f"{REPOSITORY}/{name}:v{versions.KNATIVE}"
            self.images.add(reference, Task(run))  # type: ignore[arg-type]

    # ── knative-serving ──────────────────────────────────────────────────────────────────────

    async def _controller(self, container: Container) -> None:
        controllers = (
            service_controller(),
            configuration_controller(),
            revision_controller(self._digest),
            route_controller(),
            labeler_controller(),
            *serverless_service_controllers(),
            garbage_controller(),
        )
        await self._control(container, controllers, manager="controller")

    def _digest(self, image: str) -> str:
        try:
            found = self.images.resolve(image)
        except Unresolvable as error:
            raise ResolveError(error.message) from error
        return f"{found.repository}@{found.digest}"

    async def _webhook(self, container: Container) -> None:
        with ExitStack() as stack:
            stack.enter_context(self._healthy(container))
            stack.enter_context(
                self.api.admission.serve(SYSTEM, "webhook", webhook_backend(self.api))
            )
            await container.stopping.wait()

    async def _autoscaler(self, container: Container) -> None:
        with self._healthy(container):
            await self.autoscaler.run(container)

    async def _activator(self, container: Container) -> None:
        async with asyncio.TaskGroup() as tasks:
            routes = RouteFeed(self.api, self.activator_routes)
            feed = tasks.create_task(routes.run(), name="activator routes")
            await run_activator(
                container,
                tables=self.activator_routes,
                network=self.network,
                clock=self.clock,
                random=self.random,
                sink=self.autoscaler,
            )
            feed.cancel()

    # ── Kourier ──────────────────────────────────────────────────────────────────────────────

    async def _net_kourier(self, container: Container) -> None:
        async with asyncio.TaskGroup() as tasks:
            routes = RouteFeed(self.api, self.gateway_routes)
            feed = tasks.create_task(routes.run(), name="gateway routes")
            await self._control(container, (ingress_controller(routes.probed),), manager="kourier")
            feed.cancel()

    async def _gateway(self, container: Container) -> None:
        await run_gateway(
            container,
            tables=self.gateway_routes,
            network=self.network,
            clock=self.clock,
            random=self.random,
            public=self.gateway_address,
        )

    async def _queue_proxy(self, container: Container) -> None:
        with self.reports.reporter() as publish:
            await run_queue_proxy(
                container, network=self.network, clock=self.clock, publish=publish
            )

    # ── what several do ──────────────────────────────────────────────────────────────────────

    async def _control(
        self, container: Container, controllers: Sequence[Controller], *, manager: str
    ) -> None:
        """Run `controllers` until the container is told to stop; `manager` owns what they write."""
        with self._healthy(container):
            running = asyncio.create_task(
                run_controllers(controllers, self.api, log=container.log, manager=manager),
                name=container.name,
            )
            stop = asyncio.create_task(container.stopping.wait(), name=f"stop {container.name}")
            try:
                await asyncio.wait({running, stop}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (running, stop):
                    task.cancel()
                await asyncio.gather(running, stop, return_exceptions=True)

    def _healthy(self, container: Container) -> ExitStack:
        """Answer probes at every port that the container declares, while it works."""
        stack = ExitStack()
        for port in _ports(container):
            stack.enter_context(self.network.listening((container.ip, port), _alive))
        return stack


def _ports(container: Container) -> list[int]:
    spec = container.pod["spec"]["containers"]
    declared: Object = next((each for each in spec if each["name"] == container.name), {})
    return [port["containerPort"] for port in declared.get("ports") or ()]


async def _alive(_request: Request) -> Response:
    return text_response(200, "ok")

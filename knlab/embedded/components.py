"""Knative's components as programs: what the pods of knative-serving and kourier-system run.

Each is a task that does its work while its pod lives. Deleting the pod restarts it, scaling its
Deployment to zero stops it, and what it did stops with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Final

from knlab import versions
from knlab._clock import Clock
from knlab.embedded.autoscaling import AutoscalerService
from knlab.embedded.dataplane.activator import run_activator
from knlab.embedded.dataplane.gateway import GatewayOptions, run_gateway
from knlab.embedded.dataplane.metrics import (
    COMPONENT_PORT,
    Family,
    metrics_address,
    metrics_handler,
    target,
)
from knlab.embedded.dataplane.queue_proxy import run_queue_proxy
from knlab.embedded.dataplane.routing_table import RoutingTable
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
from knlab.embedded.serving.controllers.domainmapping import domain_mapping_controller
from knlab.embedded.serving.controllers.garbage import garbage_controller
from knlab.embedded.serving.controllers.ingress import ingress_controller
from knlab.embedded.serving.controllers.labeler import labeler_controller
from knlab.embedded.serving.controllers.revision import ResolveError, revision_controller
from knlab.embedded.serving.controllers.route import route_controller
from knlab.embedded.serving.controllers.serverlessservice import serverless_service_controllers
from knlab.embedded.serving.controllers.service import service_controller
from knlab.embedded.serving.request_log_template import RequestLogTemplate
from knlab.embedded.serving.webhook import webhook_backend
from knlab.embedded.settings_feed import activator_log, gateway_settings, observability_now

REPOSITORY: Final = "knlab.dev/knative"
SYSTEM: Final = "knative-serving"
METRICS: Final = "metrics"
PROFILING: Final = "profiling"
"""Names of ports."""


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
    gateway_routes: RoutingTable
    activator_routes: RoutingTable
    gateway_address: Address
    """Where the host reaches the ingress gateway."""
    gateway_options: GatewayOptions = field(default_factory=GatewayOptions)

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
            route_controller(),  # before Configurations: news of Revisions comes through them
            domain_mapping_controller(self.api),
            labeler_controller(),
            configuration_controller(),
            revision_controller(self._digest),
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
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._scraped(container))
            stack.enter_context(self._healthy(container))
            stack.enter_context(
                self.api.admission.serve(
                    SYSTEM, "webhook", webhook_backend(self.api, self.api.create)
                )
            )
            await container.stopping.wait()

    async def _autoscaler(self, container: Container) -> None:
        async with self._scraped(container, self.autoscaler.families):
            with self._healthy(container):
                await self.autoscaler.run(container)

    async def _activator(self, container: Container) -> None:
        async with asyncio.TaskGroup() as tasks:
            routes = RouteFeed(self.api, self.activator_routes)
            feed = tasks.create_task(routes.run(), name="activator routes")
            with activator_log(self.api, container.log) as log:
                await run_activator(
                    container,
                    table=self.activator_routes,
                    network=self.network,
                    clock=self.clock,
                    random=self.random,
                    sink=self.autoscaler,
                    log=log,
                    scraped=self._metrics_address(container),
                )
            feed.cancel()

    # ── Kourier ──────────────────────────────────────────────────────────────────────────────

    async def _net_kourier(self, container: Container) -> None:
        async with asyncio.TaskGroup() as tasks:
            routes = RouteFeed(self.api, self.gateway_routes)
            feed = tasks.create_task(routes.run(), name="gateway routes")
            with gateway_settings(self.api, self.gateway_options, container.log):
                controllers = (ingress_controller(routes.probed),)
                await self._control(container, controllers, manager="kourier")
            feed.cancel()

    async def _gateway(self, container: Container) -> None:
        await run_gateway(
            container,
            table=self.gateway_routes,
            options=self.gateway_options,
            network=self.network,
            clock=self.clock,
            random=self.random,
            public=self.gateway_address,
        )

    async def _queue_proxy(self, container: Container) -> None:
        with self.reports.reporter() as publish:
            await run_queue_proxy(
                container,
                network=self.network,
                clock=self.clock,
                publish=publish,
                make_template=RequestLogTemplate,
            )

    # ── what several do ──────────────────────────────────────────────────────────────────────

    async def _control(
        self, container: Container, controllers: Sequence[Controller], *, manager: str
    ) -> None:
        """Run `controllers` until the container is told to stop; `manager` owns what they write."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._scraped(container))
            stack.enter_context(self._healthy(container))
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
        """Answer probes at every port that the container declares, while it works.

        Metrics have a port of their own (`_scraped`); of profiles there are none.
        """
        stack = ExitStack()
        for port in _ports(container):
            if port.get("name") != METRICS:
                answer = _no_profile if port.get("name") == PROFILING else _alive
                address = (container.ip, port["containerPort"])
                stack.enter_context(self.network.listening(address, answer))
        return stack

    @asynccontextmanager
    async def _scraped(
        self, container: Container, families: Callable[[], Iterable[Family]] = tuple
    ) -> AsyncIterator[None]:
        """Let `families` be read while the block runs, if config-observability says so now."""
        address = self._metrics_address(container)
        if address is None:
            yield
            return
        pod = container.pod["metadata"]
        about = target(
            k8s_namespace_name=pod["namespace"],
            k8s_pod_name=pod["name"],
            service_name=container.name,
        )
        handler = metrics_handler(lambda: (*families(), about))
        async with self.network.exposed(address, handler):
            yield

    def _metrics_address(self, container: Container) -> Address | None:
        settings = observability_now(self.api).get("metrics") or {}
        return metrics_address(container.ip, settings, COMPONENT_PORT)


def _ports(container: Container) -> list[Object]:
    spec = container.pod["spec"]["containers"]
    declared: Object = next((each for each in spec if each["name"] == container.name), {})
    return list(declared.get("ports") or ())


async def _alive(_request: Request) -> Response:
    return text_response(200, "ok")


async def _no_profile(_request: Request) -> Response:
    return text_response(404, "404 page not found\n")

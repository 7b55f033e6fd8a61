"""The composition root: builds the embedded cluster from its parts and runs it."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

from knlab import versions
from knlab._clock import Clock
from knlab._state import Durability, Running
from knlab.embedded.autoscaling import AutoscalerService
from knlab.embedded.builtin.actions import actions, questions
from knlab.embedded.builtin.controllers.loops import control_loops
from knlab.embedded.builtin.custom_resources import refresh
from knlab.embedded.builtin.groups import UPSTREAM
from knlab.embedded.builtin.kinds import (
    CUSTOM_RESOURCE_DEFINITIONS,
    SERVICE_CLAIMS,
    rows,
)
from knlab.embedded.builtin.lifecycle import LIFECYCLE, SERVER_KINDS
from knlab.embedded.builtin.lookup import service_addresses
from knlab.embedded.builtin.metrics import metrics
from knlab.embedded.builtin.reviews import REVIEWS
from knlab.embedded.builtin.tokens import ServiceAccountTokens
from knlab.embedded.components import Components
from knlab.embedded.dataplane.routing_table import RoutingTable
from knlab.embedded.host import (
    Ports,
    bearer_token,
    node_facts,
    remember_ports,
    remembered_ports,
    write_secret,
)
from knlab.embedded.images import ImageTable
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.compaction import compact
from knlab.embedded.kube.errors import Forbidden, StatusError, Unauthorized
from knlab.embedded.kube.garbage import collect_garbage
from knlab.embedded.kube.kubeconfig import kubeconfig
from knlab.embedded.kube.objects import Key
from knlab.embedded.kube.registry import Registry, Resource
from knlab.embedded.kube.representation import respond_error
from knlab.embedded.kube.routes import Routes
from knlab.embedded.kube.runner import run_controllers
from knlab.embedded.kube.store import Change, Store
from knlab.embedded.kube.subresources import Requester, Virtual
from knlab.embedded.net.api_server import Gate, bearer_of, serve_api
from knlab.embedded.net.forward import Forwarder
from knlab.embedded.net.http import Handler, Request, Response, whole_body
from knlab.embedded.net.network import Network
from knlab.embedded.net.ports import LOOPBACK, held_port
from knlab.embedded.net.tls import server_identity
from knlab.embedded.pods.addresses import own_addresses
from knlab.embedded.pods.kubelet import pods_directory, run_kubelet
from knlab.embedded.pods.subresources import pod_subresources
from knlab.embedded.pods.supervisor import Supervisor
from knlab.embedded.pods.usage import UsageMeter
from knlab.embedded.reports import Reports
from knlab.embedded.upkeep import establish, keep

LOG: Final = logging.getLogger("knlab")
USER: Final = Requester("knlab", ("system:masters", "system:authenticated"))
OPEN_PATHS: Final = frozenset({"/healthz", "/livez", "/readyz", "/version"})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the process is told."""

    state_dir: Path
    ports: Ports
    """0: the port used last, or any free one."""
    durability: Durability | None = None
    """What an answered write survives; None: as it was last."""


class Usage:
    """When somebody last used the cluster."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = clock.monotonic()

    def touch(self) -> None:
        """Somebody does."""
        self._last = self._clock.monotonic()

    @property
    def idle(self) -> float:
        """Seconds since then."""
        return self._clock.monotonic() - self._last


@dataclass(frozen=True, kw_only=True)
class Platform:
    """The parts that a running cluster consists of."""

    settings: Settings
    clock: Clock
    api: Api
    network: Network
    images: ImageTable
    usage: Usage
    reports: Reports
    supervisor: Supervisor
    meter: UsageMeter

    async def run(self, announce: Callable[[Running], None]) -> None:
        """Serve until cancelled; `announce` is called once clients can connect."""
        state_dir = self.settings.state_dir
        identity = server_identity(state_dir / "pki", self.clock.now())
        token = bearer_token(state_dir / "pki" / "token")
        wanted = remembered_ports(state_dir, self.settings.ports)
        with held_port(wanted.gateway) as gateway_port:
            self._components(gateway_port).register()
            tokens = ServiceAccountTokens(self.api, token, owner=USER)
            gate = Gate(
                token=token,
                open_paths=OPEN_PATHS,
                refuse=_refuse,
                knows=lambda other: tokens.requester(other) is not None,
            )
            async with (
                serve_api(
                    self._handler(tokens), port=wanted.api, identity=identity, gate=gate
                ) as port,
                asyncio.TaskGroup() as group,
            ):
                remember_ports(state_dir, Ports(port, gateway_port))
                self._boot(port)
                path = state_dir / "kubeconfig"
                server = f"https://{LOOPBACK}:{port}"
                write_secret(path, kubeconfig(server, identity.ca_pem, token, "knlab"))
                self._start(group, identity.ca_pem, port)
                announce(self._running(server, gateway_port, path))
                await asyncio.get_running_loop().create_future()

    def _boot(self, port: int) -> None:
        """Bring what every cluster has up to date."""
        refresh(self.api.registry, self.api.store.items(CUSTOM_RESOURCE_DEFINITIONS))
        self.api.after_write.append(self._follow_definitions)
        facts = node_facts(self.settings.state_dir)
        establish(self.api, self.clock.now(), facts, LOOPBACK, port)

    def _follow_definitions(self, row: Resource, _change: Change) -> None:
        """Serve a custom resource as soon as its definition is written."""
        if row.storage == CUSTOM_RESOURCE_DEFINITIONS:
            refresh(self.api.registry, self.api.store.items(CUSTOM_RESOURCE_DEFINITIONS))

    def _handler(self, tokens: ServiceAccountTokens) -> Handler:
        of_pods = pod_subresources(
            self.api.store,
            pods_directory(self.settings.state_dir),
            clock=self.clock,
            network=self.network,
            supervisor=self.supervisor,
        )
        routes = Routes(
            self.api,
            user=USER,
            identify=lambda request: tokens.requester(bearer_of(request)),
            subresources={**of_pods, **actions(self.api, tokens)},
            virtual=(*REVIEWS, *questions(self.api, tokens), *self._metrics()),
            upstream=UPSTREAM,
        )

        async def handle(request: Request) -> Response:
            self.usage.touch()
            return await routes.handle(request)

        return handle

    def _metrics(self) -> tuple[Virtual, ...]:
        meter = self.meter
        return metrics(self.api, meter.containers, meter.node) if meter.is_available else ()

    def _components(self, gateway_port: int) -> Components:
        return Components(
            api=self.api,
            network=self.network,
            clock=self.clock,
            images=self.images,
            random=Random(secrets.randbits(64)),
            reports=self.reports,
            autoscaler=AutoscalerService(self.api, scrape=self.reports.read, ask=self._ask),
            gateway_routes=RoutingTable(),
            activator_routes=RoutingTable(),
            gateway_address=(LOOPBACK, gateway_port),
        )

    async def _ask(self, key: Key) -> bool:
        """Whether an activator answers at the public Service of a revision."""
        headers = [
            (b"host", f"{key[1]}.{key[0]}.svc.cluster.local".encode()),
            (b"user-agent", b"Knative-Autoscaling-Probe"),
            (b"k-network-probe", b"activator"),
        ]
        for address in service_addresses(self.api, *key, "http"):
            with suppress(OSError):
                answer = await self.network.call(address, Request("GET", "/healthz", headers))
                body = await whole_body(answer.body)
                return answer.status == 200 and body == b"activator"
        return False

    def _start(self, group: asyncio.TaskGroup, ca_pem: str, port: int) -> None:
        """Start what runs on a cluster without Knative."""

        controllers = control_loops(self.api, certificate=ca_pem, gateway=LOOPBACK)
        kubelet = run_kubelet(
            self.api,
            self.network,
            self.images,
            state_dir=self.settings.state_dir,
            clock=self.clock,
            supervisor=self.supervisor,
            log=_log,
        )
        controlling = run_controllers(
            controllers, self.api, log=_log, manager="kube-controller-manager"
        )
        group.create_task(controlling, name="controllers")
        group.create_task(collect_garbage(self.api, _log), name="garbage collector")
        group.create_task(kubelet, name="kubelet")
        upkeep = keep(self.api, self.clock, LOOPBACK, port)
        group.create_task(upkeep, name="upkeep")
        group.create_task(compact(self.api.store), name="compaction")
        group.create_task(self.meter.run(), name="usage of pods")

    def _running(self, server: str, gateway_port: int, path: Path) -> Running:
        return Running(
            pid=os.getpid(),
            api=server,
            gateway=f"http://{LOOPBACK}:{gateway_port}",
            kubeconfig=str(path),
            state_dir=str(self.settings.state_dir),
            version=versions.KNLAB,
            started=self.clock.now(),
            durability=self.api.store.durability,
        )


def _log(line: str) -> None:
    LOG.info("%s", line)


def _refuse(code: int, message: str) -> Response:
    """The answer to a request that may not come in, as a Status."""
    kinds: dict[int, type[StatusError]] = {401: Unauthorized, 403: Forbidden}
    return respond_error(kinds[code](message))


@asynccontextmanager
async def platform(settings: Settings, clock: Clock) -> AsyncIterator[Platform]:
    """The parts of a cluster on a state directory, closed afterwards.

    Raises:
        StateError: if the store is damaged or was written by a newer knlab.
    """
    store = Store(settings.state_dir / "store.sqlite", settings.durability)
    forwarder = Forwarder()
    usage = Usage(clock)
    supervisor = Supervisor(_log)
    try:
        registry = Registry(rows(partial(store.having, SERVICE_CLAIMS)))
        api = Api(store, registry, clock, kinds=SERVER_KINDS, lifecycle=LIFECYCLE)
        yield Platform(
            settings=settings,
            clock=clock,
            api=api,
            network=Network(forwarder, own_addresses=own_addresses()),
            images=ImageTable(settings.state_dir / "images.json"),
            usage=usage,
            reports=Reports(usage.touch),
            supervisor=supervisor,
            meter=UsageMeter(supervisor, clock),
        )
    finally:
        await forwarder.close()
        store.close()

"""One pod's life on this node, from the moment it is bound until it is gone from the store."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from knlab.embedded.builtin.kinds import CONFIG_MAPS, PODS, SECRETS, SERVICES
from knlab.embedded.images import ImageTable
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.controller import Note
from knlab.embedded.kube.errors import InternalError, NotFound
from knlab.embedded.kube.objects import Object, key_of
from knlab.embedded.net.http import Address
from knlab.embedded.pods.actions import run_command
from knlab.embedded.pods.addresses import HOST_IP
from knlab.embedded.pods.box import Mount
from knlab.embedded.pods.containers import Running
from knlab.embedded.pods.lives import ContainerLife
from knlab.embedded.pods.pod_volumes import PodVolumes
from knlab.embedded.pods.probes import Prober
from knlab.embedded.pods.reporting import AGAIN, AS_KUBELET, StatusReport
from knlab.embedded.pods.service_links import API, hears_of_all
from knlab.embedded.pods.starting import Starter
from knlab.embedded.pods.status import (
    DEADLINE_EXCEEDED,
    INITIALIZING,
    PodState,
    Record,
    adopt,
    pod_status,
    seconds_of,
)
from knlab.embedded.pods.termination import Deadline

ADDRESS_ANNOTATION: Final = "knlab.dev/address"
"""Where the pod's program can be reached from this machine: `host:port`."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """What the workers of all pods share."""

    api: Api
    images: ImageTable
    starter: Starter
    directory: Path
    """Has a directory for each pod, by uid."""


class PodWorker:
    """Runs one pod. It is the `attending.Pod` that its containers see."""

    def __init__(self, node: Node, pod: Object) -> None:
        metadata, spec = pod["metadata"], pod["spec"]
        self._node, self._pod = node, pod
        self.uid: str = metadata["uid"]
        self.namespace, self.name = key_of(pod)
        self.directory = node.directory / self.uid
        self.doomed = asyncio.Event()
        self.deadline = Deadline()
        self._gone = False
        self._leaving = asyncio.Event()
        """Set when the Pod is to be taken out of the store, or is out of it."""
        self._expiry: asyncio.TimerHandle | None = None
        self._report = StatusReport(node.api, pod, self._status)
        inits, containers = spec.get("initContainers") or [], spec["containers"]
        status = pod.get("status") or {}
        self._state = PodState(
            containers=[self._record(one, status.get("containerStatuses")) for one in containers],
            init_containers=[
                self._record(one, status.get("initContainerStatuses")) for one in inits
            ],
            host_ip=HOST_IP,
            started_at=seconds_of(status.get("startTime") or "") or self.now(),
            conditions={one.get("type", ""): one for one in status.get("conditions") or ()},
        )
        if inits:
            for record in self._state.containers:
                record.waiting = INITIALIZING
        self._lives = [
            self._life(one, record)
            for one, record in zip(containers, self._state.containers, strict=True)
        ]
        self._init_lives = [
            self._life(one, record, is_init=True)
            for one, record in zip(inits, self._state.init_containers, strict=True)
        ]
        self.ip = self._state.ip = node.starter.addresses.take(status.get("podIP") or "")
        node.starter.supervisor.residents[self.uid] = self.ip
        self._prober = Prober(node.starter.network, self.ip, self._execute)
        self._volumes = PodVolumes(self, node.images)
        self.observe(pod)

    def _record(self, spec: Object, statuses: list[Object] | None) -> Record:
        record = Record(name=spec["name"], image=spec["image"])
        for before in statuses or ():
            if before.get("name") == record.name:
                adopt(record, before, self.now())
        return record

    def _life(self, spec: Object, record: Record, *, is_init: bool = False) -> ContainerLife:
        node = self._node
        return ContainerLife(
            self, spec, record, starter=node.starter, images=node.images, is_init=is_init
        )

    # What containers see

    @property
    def current(self) -> Object:
        """The Pod as it is now; read only."""
        return self._pod

    @property
    def prober(self) -> Prober:
        """Asks this pod's containers."""
        return self._prober

    def now(self) -> float:
        """The time, in epoch seconds."""
        return self._node.starter.clock.now()

    def note(self, kind: Literal["Normal", "Warning"], reason: str, message: str) -> None:
        """Record an event about the pod."""
        self._node.api.record(Note(self._pod, kind, reason, message), "kubelet")

    async def pause(self, seconds: float) -> bool:
        """Wait; whether the pod is doomed now, which ends the wait."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.doomed.wait()
        return self.doomed.is_set()

    def find(self, kind: str, name: str) -> Object | None:
        """The ConfigMap or Secret of that name in the pod's namespace."""
        resource = {"ConfigMap": CONFIG_MAPS, "Secret": SECRETS}[kind]
        return self._node.api.find(resource, self.namespace, name)

    def services(self) -> Iterable[Object]:
        """The Services that its containers may hear of; read only."""
        store = self._node.api.store
        if hears_of_all(self.current):
            return store.items(SERVICES)
        found = store.get(SERVICES, API)
        return [found] if found else []

    def mounts(self, spec: Object, env: dict[str, str]) -> tuple[Mount, ...]:
        """What the container `spec` sees of the pod's volumes."""
        return self._volumes.mounts(spec, env)

    async def _execute(
        self, argv: list[str], container: str, seconds: float | None
    ) -> tuple[int, str]:
        supervisor = self._node.starter.supervisor
        return await run_command(supervisor, self.directory / container, argv, seconds)

    def reachable(self, real: Address) -> None:
        """Say in an annotation where the pod can be reached from outside."""
        text = f"{real[0]}:{real[1]}"

        def annotated(pod: Object) -> Object:
            if pod["metadata"]["uid"] == self.uid:
                pod["metadata"].setdefault("annotations", {})[ADDRESS_ANNOTATION] = text
            return pod

        with suppress(NotFound, InternalError):
            self._node.api.patch(PODS, self.namespace, self.name, annotated, AS_KUBELET)

    def changed(self) -> None:
        """Have the status written soon."""
        self._report.changed()

    def _status(self) -> Object:
        return pod_status(self._pod, self._state, self.now())

    # What the kubelet does with it

    @property
    def running(self) -> list[Running]:
        """The containers that run now."""
        lives = (*self._init_lives, *self._lives)
        return [life.running for life in lives if life.running is not None]

    def observe(self, pod: Object) -> None:
        """Take note of the Pod as it is now; its end begins with its deletionTimestamp."""
        self._pod = pod
        self._report.observe(pod)
        self._set_expiry(pod["spec"].get("activeDeadlineSeconds"))
        if pod["metadata"].get("deletionTimestamp"):
            self._end_within(pod["metadata"].get("deletionGracePeriodSeconds") or 0)
            self._leaving.set()

    def vanished(self) -> None:
        """The Pod is gone from the store: end at once, and write no more."""
        self._gone = True
        self._report.close()
        self.deadline.force()
        self.doomed.set()
        self._leaving.set()

    def _end_within(self, seconds: float) -> None:
        self.deadline.move(asyncio.get_running_loop().time() + seconds)
        self.doomed.set()

    def _set_expiry(self, seconds: int | None) -> None:
        """End the pod when it has been active for so many seconds."""
        if self._expiry is not None:
            self._expiry.cancel()
        if seconds is not None:
            left = self._state.started_at + seconds - self.now()
            self._expiry = asyncio.get_running_loop().call_later(max(0.0, left), self._expire)

    def _expire(self) -> None:
        if not self._state.over and not self.doomed.is_set():
            self._state.failure = DEADLINE_EXCEEDED
            self.note("Normal", *DEADLINE_EXCEEDED)
            self._end_within(self._pod["spec"].get("terminationGracePeriodSeconds", 30))

    async def run(self) -> None:
        """Run the pod. Returns when it is gone, or over for good and not deleted yet."""
        self.changed()
        if not self.doomed.is_set() and await self._volumes.made():
            fresh = asyncio.create_task(
                self._volumes.keep_up_to_date(), name=f"volumes of {self.name}"
            )
            try:
                if await self._initialize():
                    async with asyncio.TaskGroup() as group:
                        for life in self._lives:
                            group.create_task(life.run())
            finally:
                fresh.cancel()
        self._end()
        await self._leaving.wait()
        while not self._gone:
            try:
                self._forget()
            except InternalError:  # the disk is full
                await asyncio.sleep(AGAIN)
            else:
                break

    def _forget(self) -> None:
        body = {"gracePeriodSeconds": 0, "preconditions": {"uid": self.uid}}
        with suppress(NotFound):
            self._node.api.delete(PODS, self.namespace, self.name, body)

    def _end(self) -> None:
        for record in (*self._state.init_containers, *self._state.containers):
            record.ended = record.ended or record.last
        self._state.over = True
        self._report.write()

    def clear(self) -> None:
        """Let go of what the pod had on this node."""
        self._set_expiry(None)
        self._report.close()
        self._node.starter.supervisor.residents.pop(self.uid, None)
        self._node.starter.addresses.release(self.ip)
        shutil.rmtree(self.directory, ignore_errors=True)

    async def _initialize(self) -> bool:
        for life in self._init_lives:
            await life.run()
            if not life.succeeded:
                return False
        return True

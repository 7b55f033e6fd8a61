"""One pod's life on this node, from the moment it is bound until it is gone from the store."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from knlab.embedded.builtin.kinds import CONFIG_MAPS, PODS, SECRETS, SERVICES
from knlab.embedded.images import Image, ImageTable, InvalidReference
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.backing import WriteOptions
from knlab.embedded.kube.controller import Note
from knlab.embedded.kube.errors import InternalError, NotFound
from knlab.embedded.kube.objects import Object, copy_json, key_of
from knlab.embedded.net.http import Address
from knlab.embedded.pods.actions import run_command
from knlab.embedded.pods.addresses import HOST_IP
from knlab.embedded.pods.backoff import Backoff
from knlab.embedded.pods.box import Mount
from knlab.embedded.pods.containers import Running
from knlab.embedded.pods.environment import ConfigError
from knlab.embedded.pods.lives import ContainerLife
from knlab.embedded.pods.mounts import VolumeDirectories
from knlab.embedded.pods.probes import Prober
from knlab.embedded.pods.starting import Starter, pod_addresses
from knlab.embedded.pods.status import (
    INITIALIZING,
    PodState,
    Record,
    adopt,
    pod_status,
    seconds_of,
)
from knlab.embedded.pods.termination import Deadline
from knlab.embedded.pods.volumes import (
    Surroundings,
    has_files,
    mount_problem,
    mounted_volumes,
)
from knlab.embedded.runtime import Task

AS_KUBELET: Final = WriteOptions(field_manager="kubelet")
"""How the kubelet writes."""
ADDRESS_ANNOTATION: Final = "knlab.dev/address"
"""Where the pod's program can be reached from this machine: `host:port`."""
_MOUNT_FIRST, _MOUNT_LIMIT = 0.5, 122.0
_AGAIN: Final = 1.0
"""Seconds until a write that the store refused is tried again."""
_REFRESH: Final = 5.0
"""Seconds until a change of a ConfigMap or a label is in the volumes; the kubelet's: a minute."""


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
        self._write_is_due = False
        inits, containers = spec.get("initContainers") or [], spec["containers"]
        status = pod.get("status") or {}
        self._state = PodState(
            containers=[self._record(one, status.get("containerStatuses")) for one in containers],
            init_containers=[
                self._record(one, status.get("initContainerStatuses")) for one in inits
            ],
            host_ip=HOST_IP,
            started_at=seconds_of(status.get("startTime") or "") or self.now(),
            conditions={one["type"]: one for one in status.get("conditions") or ()},
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
        self.ip = node.starter.addresses.take(status.get("podIP") or "")
        self._prober = Prober(node.starter.network, self.ip, self._execute)
        self._volumes = VolumeDirectories(self.directory)
        self.observe(pod)

    def _record(self, spec: Object, statuses: list[Object] | None) -> Record:
        record = Record(name=spec["name"], image=spec["image"])
        for before in statuses or ():
            if before["name"] == record.name:
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
        """Every Service; read only."""
        return self._node.api.store.items(SERVICES)

    def mounts(self, spec: Object, env: dict[str, str]) -> tuple[Mount, ...]:
        """What the container `spec` sees of the pod's volumes."""
        if spec["name"] not in self._containers(_is_boxed):
            return ()
        return self._volumes.mounts(spec, self._pod, env)

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
        """Have the status written, once for all changes of this turn of the event loop."""
        if not self._write_is_due:
            self._write_is_due = True
            asyncio.get_running_loop().call_soon(self._write)

    def _write(self) -> None:
        if not self._write_is_due or self._gone:
            return
        self._write_is_due = False
        self._state.ip = self.ip
        status = pod_status(self._pod, self._state, self.now())

        def with_status(pod: Object) -> Object:
            if pod["metadata"]["uid"] == self.uid:
                pod["status"] = copy_json(status)
            return pod

        try:
            self._node.api.patch(PODS, self.namespace, self.name, with_status, AS_KUBELET, "status")
        except NotFound:
            return
        except InternalError:  # the disk is full
            asyncio.get_running_loop().call_later(_AGAIN, self.changed)

    # What the kubelet does with it

    @property
    def running(self) -> list[Running]:
        """The containers that run now."""
        lives = (*self._init_lives, *self._lives)
        return [life.running for life in lives if life.running is not None]

    def observe(self, pod: Object) -> None:
        """Take note of the Pod as it is now; its end begins with its deletionTimestamp."""
        self._pod = pod
        if pod["metadata"].get("deletionTimestamp"):
            grace = pod["metadata"].get("deletionGracePeriodSeconds") or 0
            self.deadline.move(asyncio.get_running_loop().time() + grace)
            self.doomed.set()

    def vanished(self) -> None:
        """The Pod is gone from the store: end at once, and write no more."""
        self._gone = True
        self.deadline.force()
        self.doomed.set()

    async def run(self) -> None:
        """Run the pod. Returns when it is gone, or over for good and not deleted yet."""
        self.changed()
        if not self.doomed.is_set() and await self._mounted():
            refresh = asyncio.create_task(self._refresh(), name=f"volumes of {self.name}")
            try:
                if await self._initialize():
                    async with asyncio.TaskGroup() as group:
                        for life in self._lives:
                            group.create_task(life.run())
            finally:
                refresh.cancel()
        self._end()
        await self.doomed.wait()
        while not self._gone:
            try:
                self._forget()
            except InternalError:  # the disk is full
                await asyncio.sleep(_AGAIN)
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
        self._write_is_due = True
        self._write()

    def clear(self) -> None:
        """Let go of what the pod had on this node."""
        self._node.starter.addresses.release(self.ip)
        shutil.rmtree(self.directory, ignore_errors=True)

    async def _mounted(self) -> bool:
        """Whether the pod's volumes are there; False if it was doomed before."""
        backoff = Backoff(_MOUNT_FIRST, _MOUNT_LIMIT)
        while problem := self._mount():
            self.note("Warning", "FailedMount", problem)
            if await self.pause(backoff.failed(self.now())):
                return False
        return True

    def _mount(self) -> str | None:
        """Bring the volumes up to date; why they cannot be had, as the kubelet says it."""
        if not self._pod["spec"].get("volumes"):
            return None
        boxed, foreign = self._containers(_is_boxed), self._containers(_is_foreign)
        if problem := mount_problem(self._pod, boxed, foreign, self.find):
            return problem
        around = Surroundings(pod=self._pod, addresses=pod_addresses(self.ip), find=self.find)
        for volume in mounted_volumes(self._pod, boxed):
            try:
                self._volumes.write(volume, around)
            except ConfigError as missing:
                return f'MountVolume.SetUp failed for volume "{volume["name"]}" : {missing.message}'
        return None

    async def _refresh(self) -> None:
        """Keep the files of volumes up to date with what they are made from."""
        while any(has_files(volume) for volume in self._pod["spec"].get("volumes") or ()):
            await asyncio.sleep(_REFRESH)
            self._mount()

    def _containers(self, which: Callable[[Image], bool]) -> set[str]:
        """The names of the containers whose images are like that."""
        spec = self._pod["spec"]
        containers = [*(spec.get("initContainers") or ()), *spec["containers"]]
        found = {one["name"]: self._image(one["image"]) for one in containers}
        return {name for name, image in found.items() if image is not None and which(image)}

    def _image(self, reference: str) -> Image | None:
        with suppress(InvalidReference):
            return self._node.images.find(reference)
        return None

    async def _initialize(self) -> bool:
        for life in self._init_lives:
            await life.run()
            if not life.succeeded:
                return False
        return True


def _is_boxed(image: Image) -> bool:
    """Whether a container's files are a directory that only built-in commands look at."""
    return not (isinstance(image.program, Task) or image.takes_arguments)


def _is_foreign(image: Image) -> bool:
    """Whether it is a program of the user's own."""
    return image.takes_arguments

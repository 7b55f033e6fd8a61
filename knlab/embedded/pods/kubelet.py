"""The kubelet: runs every pod that is bound to its node."""

from __future__ import annotations

import asyncio
import shutil
import traceback
from collections.abc import Callable, Coroutine
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from knlab._clock import Clock
from knlab.embedded.builtin.controllers.pod_states import is_over, is_terminating
from knlab.embedded.builtin.kinds import PODS
from knlab.embedded.images import ImageTable
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.errors import Expired
from knlab.embedded.kube.objects import Object, key_of
from knlab.embedded.kube.store import Change
from knlab.embedded.net.network import Network
from knlab.embedded.pods.addresses import PodAddresses
from knlab.embedded.pods.containers import Running
from knlab.embedded.pods.node_events import record_start
from knlab.embedded.pods.pod_network import pod_network
from knlab.embedded.pods.starting import Starter
from knlab.embedded.pods.supervisor import Supervisor
from knlab.embedded.pods.worker import Node, PodWorker

NODE_NAME: Final = "knlab"
_TERM_SECONDS: Final = 1.5
_KILL_SECONDS: Final = 0.5
_BEGIN_AGAIN: Final = 10.0
"""Seconds until a pod is begun anew whose worker has failed."""


def pods_directory(state_dir: Path) -> Path:
    """Where the pods of a cluster have their directories."""
    return state_dir / "pods"


def run_kubelet(
    api: Api,
    network: Network,
    images: ImageTable,
    *,
    state_dir: Path,
    clock: Clock,
    supervisor: Supervisor,
    log: Callable[[str], None],
) -> Coroutine[Any, Any, None]:
    """Claim addresses for pods; what runs the node's pods until cancelled, to be awaited soon.

    Then every process is ended within two seconds. `supervisor` runs as long; whoever else has it
    may start processes then.

    Pods whose processes an earlier run of the cluster had are started again, under their addresses.

    Raises:
        ClusterError: if this machine has no addresses left for pods.
    """
    bound = [pod for pod in api.store.items(PODS) if _is_ours(pod)]
    used = [(pod.get("status") or {}).get("podIP") or "" for pod in bound]
    addresses = PodAddresses.claim(used)

    async def run() -> None:
        async with supervisor, pod_network(api, network, supervisor.residents, state_dir) as door:
            starter = Starter(
                network=network,
                addresses=addresses,
                supervisor=supervisor,
                clock=clock,
                door=door,
            )
            directory = pods_directory(state_dir)
            _forget_directories(directory, {pod["metadata"]["uid"] for pod in bound})
            record_start(api, NODE_NAME)
            node = Node(api=api, images=images, starter=starter, directory=directory)
            await _Kubelet(node, log).run()

    return _closing(addresses, run())


async def _closing(addresses: PodAddresses, running: Coroutine[Any, Any, None]) -> None:
    """Await `running`; then the addresses are anybody's again."""
    with closing(addresses):
        await running


class _Kubelet:
    def __init__(self, node: Node, log: Callable[[str], None]) -> None:
        self._node = node
        self._log = log
        self._workers: dict[str, tuple[PodWorker, asyncio.Task[None]]] = {}

    async def run(self) -> None:
        try:
            while True:
                try:
                    await self._watch()
                except Expired:
                    self._log("pods: fell behind the store; looking at every pod again")
        finally:
            await self._shut_down()

    async def _watch(self) -> None:
        store = self._node.api.store
        with store.subscribe(PODS) as changes:
            pods = store.items(PODS)
            for pod in pods:
                self._see(pod)
            for uid in self._workers.keys() - {pod["metadata"]["uid"] for pod in pods}:
                self._workers[uid][0].vanished()
            async for change in changes:
                self._hear(change)

    def _hear(self, change: Change) -> None:
        uid = change.object["metadata"]["uid"]
        if change.type != "DELETED":
            self._see(change.object)
        elif known := self._workers.get(uid):
            known[0].vanished()
        else:
            shutil.rmtree(self._node.directory / uid, ignore_errors=True)

    def _see(self, pod: Object) -> None:
        uid = pod["metadata"]["uid"]
        if known := self._workers.get(uid):
            known[0].observe(pod)
        elif _is_ours(pod) and not _is_done(pod):
            self._begin(pod)

    def _begin(self, pod: Object) -> None:
        name = "/".join(key_of(pod))
        try:
            worker = PodWorker(self._node, pod)
        except Exception:  # one pod that cannot be had is not the end of the others
            self._log(f"pods: {name}\n{traceback.format_exc()}")
            return
        task = asyncio.create_task(self._run(worker), name=f"pod {name}")
        self._workers[worker.uid] = worker, task

    async def _run(self, worker: PodWorker) -> None:
        """Run the pod until it is gone; should its worker fail, another begins after a while."""
        try:
            await worker.run()
        except Exception:
            self._log(f"pods: {worker.namespace}/{worker.name}\n{traceback.format_exc()}")
            running = worker.running
            for one in running:
                one.kill()
            await _exits(running, _KILL_SECONDS)
            await asyncio.sleep(_BEGIN_AGAIN)
        worker.clear()
        del self._workers[worker.uid]
        pod = self._node.api.store.get(PODS, (worker.namespace, worker.name))
        if pod is not None:
            self._see(pod)

    async def _shut_down(self) -> None:
        """End every container; what the store says of the pods stays, for the next run."""
        running = [one for worker, _ in self._workers.values() for one in worker.running]
        tasks = [task for _, task in self._workers.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for one in running:
            one.terminate()
        left = await _exits(running, _TERM_SECONDS)
        for one in left:
            one.kill()
        await _exits(left, _KILL_SECONDS)


async def _exits(running: list[Running], seconds: float) -> list[Running]:
    """Those of `running` that have not exited after `seconds`."""
    if not running:
        return []
    waits = {asyncio.ensure_future(one.wait()): one for one in running}
    _, pending = await asyncio.wait(waits, timeout=seconds)
    for wait in pending:
        wait.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    return [waits[wait] for wait in pending]


def _is_ours(pod: Object) -> bool:
    return bool(pod["spec"].get("nodeName") == NODE_NAME)


def _is_done(pod: Object) -> bool:
    """Whether the pod has run to its end and is only kept; its removal is nobody's work then."""
    return is_over(pod) and not is_terminating(pod)


def _forget_directories(directory: Path, uids: set[str]) -> None:
    if directory.is_dir():
        for found in directory.iterdir():
            if found.name not in uids:
                shutil.rmtree(found, ignore_errors=True)

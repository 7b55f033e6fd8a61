"""The kubelet: runs every pod that is bound to its node."""

from __future__ import annotations

import asyncio
import shutil
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Final

from knlab._clock import Clock
from knlab.embedded.builtin.kinds import PODS
from knlab.embedded.images import ImageTable
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.errors import Expired
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.store import Change
from knlab.embedded.net.network import Network
from knlab.embedded.pods.addresses import PodAddresses
from knlab.embedded.pods.containers import Running
from knlab.embedded.pods.pod_network import pod_network
from knlab.embedded.pods.starting import Starter
from knlab.embedded.pods.supervisor import Supervisor
from knlab.embedded.pods.worker import Node, PodWorker

NODE_NAME: Final = "knlab"
_TERM_SECONDS: Final = 1.5
_KILL_SECONDS: Final = 0.5


def pods_directory(state_dir: Path) -> Path:
    """Where the pods of a cluster have their directories."""
    return state_dir / "pods"


async def run_kubelet(
    api: Api,
    network: Network,
    images: ImageTable,
    *,
    state_dir: Path,
    clock: Clock,
    supervisor: Supervisor,
    log: Callable[[str], None],
) -> None:
    """Run the pods of the node until cancelled; then every process is ended within two seconds.

    `supervisor` runs as long as this does; whoever else has it may start processes then.

    Pods whose processes an earlier run of the cluster had are started again, under their addresses.

    Raises:
        ClusterError: if this machine has no addresses left for pods.
    """
    bound = [pod for pod in api.store.items(PODS) if _is_ours(pod)]
    used = [(pod.get("status") or {}).get("podIP") or "" for pod in bound]
    addresses = PodAddresses.claim(used)
    try:
        async with supervisor, pod_network(api, network, state_dir) as door:
            starter = Starter(
                network=network,
                addresses=addresses,
                supervisor=supervisor,
                clock=clock,
                door=door,
            )
            directory = pods_directory(state_dir)
            _forget_directories(directory, {pod["metadata"]["uid"] for pod in bound})
            node = Node(api=api, images=images, starter=starter, directory=directory)
            await _Kubelet(node, log).run()
    finally:
        addresses.close()


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
        elif _is_ours(pod) and not _is_over(pod):
            worker = PodWorker(self._node, pod)
            name = f"pod {worker.namespace}/{worker.name}"
            self._workers[uid] = worker, asyncio.create_task(self._run(worker), name=name)

    async def _run(self, worker: PodWorker) -> None:
        try:
            await worker.run()
        except Exception:
            self._log(f"pods: {worker.namespace}/{worker.name}\n{traceback.format_exc()}")
            for running in worker.running:
                running.kill()
        else:
            worker.clear()
            del self._workers[worker.uid]

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


def _is_over(pod: Object) -> bool:
    """Whether the pod has run to its end and is only kept; its removal is nobody's work then."""
    ended = (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}
    return ended and not pod["metadata"].get("deletionTimestamp")


def _forget_directories(directory: Path, uids: set[str]) -> None:
    if directory.is_dir():
        for found in directory.iterdir():
            if found.name not in uids:
                shutil.rmtree(found, ignore_errors=True)

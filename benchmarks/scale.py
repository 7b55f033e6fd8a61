"""1,000 Services at zero and 200 running pods on a fresh embedded cluster: what they cost.

    python -m benchmarks.scale [--services 1000] [--pods 200] [--seconds 30]

Prints how long they took to deploy, what the cluster uses of processor and memory while nobody asks
for anything, how fast its API lists them, and how long one tick of the autoscaler takes for all
revisions. The tick is timed after the cluster has stopped, on its store: the autoscaler's own
deciders, made from the very objects, with reports as the pods' queue-proxies send them. The node is
given room for the pods; a kubelet stops at 110.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

import uvloop

from benchmarks.crowd import CONNECTIONS, SERVICES, Crowd
from benchmarks.https_client import Connection, Server, accepted, closed_loop, connect, server_of
from benchmarks.machine import machine
from benchmarks.processes import cluster_of, processor, proportional, resident
from knlab._clock import ManualClock, SystemClock
from knlab._state import Running
from knlab._units import format_bytes, format_duration
from knlab.cluster import process
from knlab.cluster.connect import attach
from knlab.cluster.manifest import Scaling
from knlab.embedded.autoscaling.deciders import Deciders
from knlab.embedded.builtin import kinds
from knlab.embedded.builtin.custom_resources import refresh
from knlab.embedded.builtin.lifecycle import LIFECYCLE, SERVER_KINDS
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.registry import Registry
from knlab.embedded.kube.store import Store
from knlab.embedded.serving.kinds import POD_AUTOSCALERS
from knlab.embedded.serving.scaling import revision_of_pod
from knlab.kpa.spec import TICK_INTERVAL
from knlab.kpa.stat import Stat
from knlab.measure.stats import percentiles

PODS_EACH: Final = 10
"""Pods of each Service that has some."""
SETTLING: Final = 60.0
"""Seconds between the last change and the first figure: a stable window."""
ROUNDS: Final = 50
TICK_GOAL: Final = 0.020
IDLE_GOAL: Final = 0.03
_LISTING_SECONDS: Final = 5.0
_PATIENCE: Final = 1_800.0
_TABLE: Final = "application/json;as=Table;v=v1;g=meta.k8s.io"
_MERGE: Final = "application/merge-patch+json"


def show(what: str, found: str, said: str = "") -> None:
    """Print a row of the table at once: the whole takes minutes."""
    print(f"| {what} | {found} | {said} |", flush=True)


def verdict(value: float, most: float) -> str:
    """`met` or `not met`, with the goal."""
    shown = f"{most:.0%}" if most == IDLE_GOAL else format_duration(most)
    return f"{'met' if value <= most else 'not met'} (goal: ≤ {shown})"


async def _make_room(server: Server, connection: Connection, pods: int) -> None:
    """Let the node take `pods` and their requests."""
    room = {"pods": str(pods + 110), "cpu": str(pods + 4)}
    body = json.dumps({"status": {"capacity": room, "allocatable": room}}).encode()
    path = "/api/v1/nodes/knlab/status"
    accepted(await connection.ask(server.request("PATCH", path, body, Content_Type=_MERGE)))


async def _listing(server: Server, connection: Connection, path: str) -> tuple[float, float]:
    """Median and p99 of LISTs as `kubectl get` asks for them, one after the other."""
    repeated = itertools.repeat(server.request("GET", f"{path}?limit=500", Accept=_TABLE))
    run = await closed_loop([connection], repeated, _LISTING_SECONDS)
    p50, p99 = percentiles(run.latencies, (50, 99))
    return p50, p99


async def measure(running: Running, services: int, pods: int, seconds: float) -> None:
    """Deploy, wait, and print what it costs."""
    server = server_of(Path(running.kubeconfig))
    connections = [await connect(server) for _ in range(CONNECTIONS)]
    _memory(running.pid, "with Knative installed")
    await _make_room(server, connections[0], pods)
    groups = -(-pods // PODS_EACH)
    for prefix, what, count, scaling in (
        ("zero", f"{services:,} Services at zero", services, Scaling(initial_scale=0)),
        ("pods", f"{groups} Services with {pods} pods", groups, Scaling(min_scale=PODS_EACH)),
    ):
        found = await Crowd(server, connections, prefix).deploy(count, scaling, _PATIENCE)
        show(f"{what}, created", format_duration(found.created_after))
        show(f"… {found.ready:,} of them Ready", format_duration(found.ready_after))
        _memory(running.pid, "with these")
    await asyncio.sleep(SETTLING)
    await _idle(running.pid, seconds)
    _memory(running.pid, "in the end")
    for what, path in (("Services", SERVICES), ("Pods", "/api/v1/namespaces/default/pods")):
        p50, p99 = await _listing(server, connections[0], path)
        shown = f"median {format_duration(p50)}, p99 {format_duration(p99)}"
        show(f"LIST of {what} as a Table, 500 at most", shown)
    for connection in connections:
        connection.close()


async def _idle(root: int, seconds: float) -> None:
    before = cluster_of(root)
    await asyncio.sleep(seconds)
    after = cluster_of(root)
    share = (processor(after.own) - processor(before.own)) / seconds
    show(
        f"processor while idle, {seconds:.0f} s: the cluster's own processes",
        f"{share:.1%} of a core",
        verdict(share, IDLE_GOAL),
    )
    share = (processor(after.pods) - processor(before.pods)) / seconds
    show("… the pods' processes", f"{share:.1%} of a core")


def _memory(root: int, when: str) -> None:
    found = cluster_of(root)
    show(f"memory {when}: the main process", format_bytes(found.own[0].resident))
    show("… the cluster's other processes", format_bytes(resident(found.own[1:])))
    if found.pods:
        shown = f"{format_bytes(resident(found.pods))} resident"
        shown += f", {format_bytes(proportional(found.pods))} proportional"
        show(f"… {len(found.pods)} processes of pods", shown)


# ── the autoscaler's tick ────────────────────────────────────────────────────────────────────


def time_ticks(state_dir: Path) -> None:
    """How long the deciders of the cluster that has stopped there take."""
    store = Store(state_dir / "store.sqlite")
    try:
        _time_ticks(store)
    finally:
        store.close()


def _time_ticks(store: Store) -> None:
    clock = ManualClock(SystemClock().now())
    registry = Registry(kinds.rows(partial(store.having, kinds.SERVICE_CLAIMS)))
    refresh(registry, store.items(kinds.CUSTOM_RESOURCE_DEFINITIONS))
    api = Api(store, registry, clock, kinds=SERVER_KINDS, lifecycle=LIFECYCLE)
    reports = _reports(store)
    deciders = Deciders(api, lambda revision: reports.get(revision, ()), random.shuffle)
    deciders.begin(lambda _line: None)
    revisions = len(store.items(POD_AUTOSCALERS))

    def rest() -> None:
        """No report."""

    def load() -> None:
        for obj in store.items(POD_AUTOSCALERS):
            name = f"{obj['metadata']['namespace']}/{obj['metadata']['name']}"
            deciders.observe(_stat(name, "activator", clock.now(), random.uniform(1, 50)))

    for state, prepare in (("at rest", rest), ("a report for each", load)):
        scrapes, ticks = [], []
        for _ in range(ROUNDS):
            clock.advance(TICK_INTERVAL)
            prepare()
            scrapes.append(_timed(deciders.scrape))
            ticks.append(_timed(deciders.tick))
        tick = median(ticks)
        shown = f"median {format_duration(tick)}, worst {format_duration(max(ticks))}"
        show(f"a tick for {revisions:,} revisions, {state}", shown, verdict(tick, TICK_GOAL))
        shown = f"median {format_duration(median(scrapes))}"
        show("… and a scrape, one every second", shown)


def _reports(store: Store) -> dict[str, list[Stat]]:
    """What the pods' queue-proxies say of themselves: nothing to do."""
    found: dict[str, list[Stat]] = {}
    for pod in store.items(kinds.PODS):
        for key in revision_of_pod(pod):
            revision = "/".join(key)
            found.setdefault(revision, []).append(
                _stat(revision, pod["metadata"]["name"], 0.0, 0.0)
            )
    return found


def _stat(revision: str, pod: str, now: float, concurrency: float) -> Stat:
    return Stat(revision=revision, pod=pod, time=now, average_concurrent_requests=concurrency)


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--services", type=int, default=1_000, help="at zero (default: 1000)")
    parser.add_argument("--pods", type=int, default=200, help="that run (default: 200)")
    parser.add_argument("--seconds", type=float, default=30.0, help="of idling (default: 30)")
    options = parser.parse_args()
    with process.temporary() as directory:
        running = process.start(directory)
        cluster = attach(running)
        cluster.ensure_knative()
        cluster.configure("config-autoscaler", {"allow-zero-initial-scale": "true"})
        print(f"{machine()}; process {running.pid}\n\n| what | found | |\n| --- | --- | --- |")
        uvloop.run(measure(running, options.services, options.pods, options.seconds))
        process.stop(directory)
        time_ticks(directory)


if __name__ == "__main__":
    main()

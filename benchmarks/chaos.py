"""Faults under load: does every request get an answer, and one that upstream would give?

    python -m benchmarks.chaos [--seconds 60]

A fresh embedded cluster, one Service whose requests take 100 ms, 20 users. Pods are killed, traffic
moves between revisions, pods are taken away by scaling down, the gateway's pod is deleted, each in
the middle of requests. Exits with 1 if a request got no answer, or a code that is not excused.

A killed pod excuses 502 (queue-proxy or activator lost it) and 503 (the gateway did), as with
Knative and Envoy, which repeat nothing. Everything else is announced, so nothing excuses it: pods
that are told to end answer what they have, and a gateway serves on for its 15 seconds of drain.
"""

from __future__ import annotations

import argparse
import http.client
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import urlsplit

import knlab
from benchmarks.dataplane.client import address_of
from benchmarks.https_client import Server, server_of
from benchmarks.machine import machine
from knlab.cluster import process
from knlab.cluster.cluster import Cluster
from knlab.cluster.connect import attach
from knlab.cluster.kubernetes import REVISION
from knlab.cluster.service import Service
from knlab.measure.columns import ErrorClass, Requests
from knlab.measure.load import run_load
from knlab.measure.records import Workload

USERS: Final = 20
PATH: Final = "/?sleep=100"
_BETWEEN_KILLS: Final = 0.7
_BETWEEN_MOVES: Final = 0.4
_MOST, _LEAST = 5, 1
_GATEWAY: Final = ("kourier-system", "3scale-kourier-gateway")
_MIN_SCALE: Final = "autoscaling.knative.dev/min-scale"
_NO_ANSWER: Final = frozenset(ErrorClass) - {
    ErrorClass.NONE,
    ErrorClass.STATUS,
    ErrorClass.UNFINISHED,
}


@dataclass(frozen=True)
class Scene:
    """One Service of one cluster."""

    cluster: Cluster
    server: Server
    service: Service

    def pods(self) -> list[str]:
        """Its running pods that nobody has deleted."""
        return [
            pod["metadata"]["name"]
            for pod in self.service.pods()
            if pod["status"].get("phase") == "Running"
            and "deletionTimestamp" not in pod["metadata"]
        ]


Fault: TypeAlias = Callable[[Scene, float], int]
"""Disturbs a scene for so many seconds; how often it did."""


def kill_pods(scene: Scene, seconds: float) -> int:
    """Pods disappear without a word, one after the other."""
    server, count = scene.server, 0
    connection = http.client.HTTPSConnection(server.host, server.port, context=server.context)
    headers = {"Authorization": server.authorization}
    for _ in _until(seconds, _BETWEEN_KILLS):
        for name in scene.pods()[:1]:
            path = f"/api/v1/namespaces/default/pods/{name}?gracePeriodSeconds=0"
            connection.request("DELETE", path, headers=headers)
            connection.getresponse().read()
            count += 1
    connection.close()
    return count


def move_traffic(scene: Scene, seconds: float) -> int:
    """All traffic goes to the other of two revisions, again and again."""
    service, count = scene.service, 0
    first = service.latest_revision
    service.update(env={"CHAOS": str(time.monotonic_ns())})
    service.wait_ready()
    second = service.latest_revision
    for turn in _until(seconds, _BETWEEN_MOVES):
        service.split({(first, second)[turn % 2]: 100})
        count += 1
    service.split({"@latest": 100})
    return count


def scale_down(scene: Scene, seconds: float) -> int:
    """The revision's lower bound goes up and down, and pods with it."""
    service, count = scene.service, 0
    revision = service.latest_revision
    for turn in _until(seconds, seconds / 4):
        bound = (_MOST, _LEAST)[turn % 2]
        change = {"metadata": {"annotations": {_MIN_SCALE: str(bound)}}}
        scene.cluster.api.patch(REVISION, revision, change, service.namespace)
        count += turn % 2
    return count


def drain_gateway(scene: Scene, seconds: float) -> int:
    """The gateway's pod is deleted; another one takes its place."""
    namespace, deployment = _GATEWAY
    deleted = scene.cluster.delete_pods(deployment, namespace=namespace)
    time.sleep(seconds)
    return len(deleted)


def _until(seconds: float, pause: float) -> Iterator[int]:
    """Numbers from 0, with pauses between them, until the time is over."""
    end, number = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        yield number
        number += 1
        time.sleep(pause)


@dataclass(frozen=True, slots=True)
class Act:
    """A fault, its share of the time, and the codes that it excuses."""

    what: str
    fault: Fault
    share: float
    excused: frozenset[int] = frozenset()


ACTS: Final = (
    Act("pods killed", kill_pods, 0.2, frozenset({502, 503})),
    Act("traffic moved", move_traffic, 0.17),
    Act("scaled down", scale_down, 0.28),
    Act("gateway drained", drain_gateway, 0.35),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the requests of one act got."""

    what: str
    faults: int
    codes: Mapping[int, int]
    """Answers by status."""
    unanswered: Mapping[str, int]
    """Requests without an answer, by the way in which they failed."""
    excused: frozenset[int]

    @property
    def passed(self) -> bool:
        """Whether all were answered, with success or an excuse."""
        bad = {code for code in self.codes if not 200 <= code < 300} - self.excused
        return not bad and not self.unanswered and self.faults > 0


def outcome(act: Act, faults: int, requests: Requests) -> Outcome:
    """What `requests` got while `act` went on; those that the end cut short don't count."""
    errors = Counter(ErrorClass(int(each)) for each in requests.error)
    answered = (requests.error == ErrorClass.NONE) | (requests.error == ErrorClass.STATUS)
    codes = Counter(int(each) for each in requests.status[answered])
    unanswered = {each.label: errors[each] for each in _NO_ANSWER if errors[each]}
    return Outcome(act.what, faults, codes, unanswered, act.excused)


def table(outcomes: list[Outcome]) -> Iterator[str]:
    """Lines of Markdown."""
    yield "| Fault | times | 2xx | other codes | no answer | |"
    yield "| --- | ---: | ---: | --- | --- | --- |"
    for each in outcomes:
        good = sum(count for code, count in each.codes.items() if 200 <= code < 300)
        other = {code: n for code, n in sorted(each.codes.items()) if not 200 <= code < 300}
        shown = ", ".join(f"{code}: {n}" for code, n in other.items()) or "none"
        lost = ", ".join(f"{how}: {n}" for how, n in each.unanswered.items()) or "none"
        word = "passed" if each.passed else "FAILED"
        yield f"| {each.what} | {each.faults} | {good} | {shown} | {lost} | {word} |"


@contextmanager
def _scene() -> Iterator[Scene]:
    with process.temporary() as directory:
        running = process.start(directory)
        cluster = attach(running)
        cluster.ensure_knative()
        service = cluster.deploy(
            "chaos", image=knlab.images.AUTOSCALE, min_scale=3, window="6s", target=10
        )
        service.wait_ready()
        yield Scene(cluster, server_of(Path(running.kubeconfig)), service)


def play(scene: Scene, act: Act, seconds: float) -> Outcome:
    """Run a load while the fault happens."""
    url = f"http://{urlsplit(scene.service.url).hostname}{PATH}"
    workload = Workload(url=url, concurrency=USERS, duration=seconds + 1)
    address = address_of(scene.cluster.gateway)
    with ThreadPoolExecutor(1) as pool:
        load = pool.submit(run_load, workload, connect_to=address)
        time.sleep(0.5)
        faults = act.fault(scene, seconds - 0.5)
        record = load.result()
    return outcome(act, faults, record.requests)


def main() -> int:
    """Play all acts and print; 1 if one failed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.chaos", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="of all acts (default: 60)")
    options = parser.parse_args()
    outcomes = []
    with _scene() as scene:
        for act in ACTS:
            outcomes.append(play(scene, act, options.seconds * act.share))
            scene.service.wait_ready()
    print(f"{machine()}; {options.seconds:g} s, {USERS} users, 100 ms a request\n")
    print(*table(outcomes), sep="\n")
    return 0 if all(each.passed for each in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())

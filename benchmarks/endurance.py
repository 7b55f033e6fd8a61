"""Changing load for half an hour: does the embedded cluster's process stay what it was?

    python -m benchmarks.endurance [--minutes 30] [--save FILE]

Cycles of the same steps: a Service is deployed, loaded with more and more users, hit by a burst of
a hundred, left alone until it has no pod, woken, given a second revision under load, and deleted
together with some that were deployed meanwhile; then a rest until the pods have drained. Every few
seconds memory, threads, open files and dead children of the cluster's own processes are noted. The
first third is warm-up. Exits with 1 unless memory is flat within 10 %, there are no more threads
and open files in the rests than at first, and every dead child was waited for.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from operator import attrgetter
from pathlib import Path
from statistics import median
from typing import Final, Unpack
from urllib.parse import urlsplit

import knlab
from benchmarks.dataplane.client import Client, Load, address_of, available_client, failures
from benchmarks.machine import machine
from benchmarks.processes import cluster_of, descriptors, resident
from knlab._units import format_bytes
from knlab.cluster import process
from knlab.cluster.cluster import Cluster
from knlab.cluster.connect import attach
from knlab.cluster.manifest import Scaling
from knlab.cluster.service import Service
from knlab.cluster.waiting import wait_until

INTERVAL: Final = 3.0
WARM_UP: Final = 1 / 3
"""Share of the time that is not judged."""
FLAT: Final = 0.10
SPARE: Final = 4
"""Open files, and threads, that may come and go: a connection that is kept, one just accepted."""
REST: Final = "rest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The cluster's own processes at one moment."""

    at: float
    """Seconds since the beginning."""
    step: str
    """What went on."""
    resident: int
    descriptors: int
    threads: int
    zombies: frozenset[int]
    pods: int
    """Processes of pods."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One demand, and whether it was met; None if there was too little to tell."""

    what: str
    found: str
    met: bool | None


def verdicts(samples: Sequence[Sample]) -> list[Verdict]:
    """What `samples` say after the warm-up."""
    if not samples:
        return []
    end = samples[-1].at
    judged = [each for each in samples if each.at >= end * WARM_UP]
    middle = end * (1 + WARM_UP) / 2
    rests = [each for each in judged if each.step == REST and not each.pods]
    halves = [
        [each for each in rests if each.at < middle],
        [each for each in rests if each.at >= middle],
    ]
    return [_memory(judged, middle), *_leaks(*halves), _zombies(samples)]


def _memory(judged: Sequence[Sample], middle: float) -> Verdict:
    first = [each.resident for each in judged if each.at < middle]
    second = [each.resident for each in judged if each.at >= middle]
    if not first or not second:
        return Verdict("memory", "too few samples", None)
    growth = median(second) / median(first) - 1
    shown = f"median {format_bytes(median(first))}, then {format_bytes(median(second))}: "
    return Verdict("memory", f"{shown}{growth:+.1%}", growth <= FLAT)


def _leaks(first: Sequence[Sample], second: Sequence[Sample]) -> Iterator[Verdict]:
    for what, value in (
        ("open files in rests", attrgetter("descriptors")),
        ("threads in rests", attrgetter("threads")),
    ):
        if not first or not second:
            yield Verdict(what, "too few rests", None)
            continue
        before, after = (min(map(value, each)) for each in (first, second))
        yield Verdict(what, f"{before}, then {after}", after <= before + SPARE)


def _zombies(samples: Sequence[Sample]) -> Verdict:
    """Dead children that were there in two samples, one after the other."""
    stayed = {pid for one, two in itertools.pairwise(samples) for pid in one.zombies & two.zombies}
    return Verdict("children nobody waited for", str(len(stayed)), not stayed)


@dataclass
class Diary:
    """Samples of one cluster, taken by a thread of its own while the block runs."""

    root: int
    samples: list[Sample] = field(default_factory=list)
    step: str = REST
    """What goes on now."""
    _began: float = field(default_factory=time.monotonic)
    _stop: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Take samples until the block ends."""
        thread = threading.Thread(target=self._keep, name="endurance samples")
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._began

    def _keep(self) -> None:
        while not self._stop.wait(INTERVAL):
            self.samples.append(self._sample())

    def _sample(self) -> Sample:
        step, found = self.step, cluster_of(self.root)
        return Sample(
            at=self.elapsed,
            step=step,
            resident=resident(found.own),
            descriptors=descriptors(found.own),
            threads=sum(each.threads for each in found.own),
            zombies=found.zombies,
            pods=len(found.pods),
        )


@dataclass
class Life:
    """The cycle of steps on one cluster."""

    cluster: Cluster
    client: Client
    diary: Diary
    requests: int = 0
    failed: list[str] = field(default_factory=list)
    """Loads in which requests failed, and refusals."""
    cycles: int = 0

    def cycle(self) -> None:
        """From nothing to nothing."""
        self.cycles += 1
        self.diary.step = "deploy"
        service = self._deploy("changing", max_scale=5, target=1, window="6s")
        others: list[Service] = []
        for users in (1, 10, 50, 100, 5):
            self._load(service, users)
        self.diary.step = "to zero"
        service.wait_scaled_to_zero()
        self.diary.step = "woken"
        self._ask(service)
        with self._loaded_meanwhile(service, 20):
            service.update(env={"TARGET": f"cycle {self.cycles}"})
            others += [self._deploy(f"other-{number}") for number in range(5)]
        self.diary.step = "delete"
        for each in (service, *others):
            each.delete()
        self._drained()
        self.diary.step = REST
        time.sleep(3 * INTERVAL)

    def _deploy(self, name: str, **scaling: Unpack[Scaling]) -> Service:
        service = self.cluster.deploy(f"{name}-{self.cycles}", image=knlab.images.HELLO, **scaling)
        service.wait_ready()
        return service

    def _load(self, service: Service, users: int) -> None:
        self.diary.step = f"{users} users"
        host = urlsplit(service.url).hostname or ""
        address = address_of(self.cluster.gateway)
        done = self.client.summary(Load(address=address, host=host, seconds=5, users=users))
        self.requests += done.requests
        if lost := failures(done):
            self.failed.append(f"cycle {self.cycles}, {users} users: {lost}, {done.errors}")

    @contextmanager
    def _loaded_meanwhile(self, service: Service, users: int) -> Iterator[None]:
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(self._load, service, users)
            yield
            running.result()

    def _ask(self, service: Service) -> None:
        self.requests += 1
        if not (answer := knlab.request(service.url)).ok:
            self.failed.append(f"cycle {self.cycles}, woken: {answer.status} {answer.text}")

    def _drained(self) -> None:
        wait_until(
            "the pods' processes to end",
            lambda: True if not cluster_of(self.diary.root).pods else None,
            timeout="2m",
        )


def live(minutes: float) -> tuple[Diary, Life]:
    """As many cycles as begin within `minutes`, on a fresh cluster."""
    with process.temporary() as directory:
        running = process.start(directory)
        cluster = attach(running)
        cluster.ensure_knative()
        diary = Diary(running.pid)
        life = Life(cluster, available_client(), diary)
        with diary.kept():
            while diary.elapsed < minutes * 60:
                life.cycle()
                latest = diary.samples[-1]
                print(
                    f"{latest.at:5.0f} s, cycle {life.cycles}: {format_bytes(latest.resident)},"
                    f" {latest.descriptors} open files, {latest.threads} threads,"
                    f" {life.requests:,} requests",
                    flush=True,
                )
    return diary, life


def main() -> int:
    """Live, print, and 1 if a demand was not met."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--save", type=Path, help="keep the samples in this file, a line each")
    options = parser.parse_args()
    print(machine(), flush=True)
    diary, life = live(options.minutes)
    if options.save:
        lines = (json.dumps(asdict(each), default=sorted) for each in diary.samples)
        options.save.write_text("\n".join(lines) + "\n")
    print(
        f"\n{len(diary.samples)} samples, {life.requests:,} requests by {life.client.name}", end=""
    )
    print(f", {len(life.failed)} loads with failures\n", *life.failed, sep="\n")
    print("| what | found | verdict |\n| --- | --- | --- |")
    found = verdicts(diary.samples)
    words = {True: "met", False: "not met", None: "not measured"}
    for each in found:
        print(f"| {each.what} | {each.found} | {words[each.met]} |")
    return int(any(each.met is False for each in found))


if __name__ == "__main__":
    sys.exit(main())

"""Waiting until a revision has room, and for which pod (`pkg/activator/net/throttler.go`)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from random import Random

from knlab.embedded.dataplane.balance import QUEUE_DEPTH, Pod, assigned, capacity, policy_for
from knlab.embedded.dataplane.breaker import UNLIMITED, Breaker, Gate, OpenOrClosed
from knlab.embedded.net.http import Address


async def enter(gate: Gate) -> None:
    """Returns when the request may run; the caller then owes `gate.leave()`.

    Raises:
        QueueFull: if too many wait already.
    """
    if gate.reserve():
        return
    admitted = asyncio.Event()
    if gate.enter(admitted.set):
        return
    try:
        await admitted.wait()
    except BaseException:
        if admitted.is_set():
            gate.leave()
        else:
            gate.give_up(admitted.set)
        raise


class RevisionThrottle:
    """Lets as many requests through to a revision as its pods may have from this activator."""

    def __init__(self, container_concurrency: int, random: Random) -> None:
        self.container_concurrency = container_concurrency
        self._gate: Breaker | OpenOrClosed = (
            Breaker(queue_depth=QUEUE_DEPTH, max_concurrency=UNLIMITED, initial_capacity=0)
            if container_concurrency
            else OpenOrClosed()
        )
        self._policy = policy_for(container_concurrency, random)
        self._pods: dict[Address, Pod] = {}
        self._assigned: list[Pod] = []
        self._index = -1
        self._activators = 0

    def update(self, addresses: Iterable[Address], activators: tuple[str, ...], own: str) -> None:
        """`addresses` are the pods that answer; `own` is this activator's among `activators`.

        An activator that is not listed keeps the place that it had.
        """
        if own in activators:
            self._index = sorted(activators).index(own)
            self._activators = len(activators)
        known = self._pods
        self._pods = {
            address: known.get(address) or Pod(address, self.container_concurrency)
            for address in sorted(addresses)
        }
        pods = list(self._pods.values())
        if self.container_concurrency:
            pods = list(assigned(pods, self._index, self._activators))
        self._assigned = pods
        self._gate.update_capacity(
            capacity(
                self.container_concurrency,
                backends=len(self._pods),
                trackers=len(pods),
                activators=self._activators,
            )
        )

    @property
    def waiting(self) -> int:
        """Requests that wait for a place."""
        return self._gate.waiting

    def acquire_now(self) -> Lease | None:
        """A place at a pod, if there is one."""
        return self._place() if self._gate.reserve() else None

    async def acquire(self) -> Lease:
        """A place at a pod, as soon as there is one.

        Raises:
            QueueFull: if too many wait already.
        """
        while True:
            await enter(self._gate)
            if (lease := self._place()) is not None:
                return lease

    def _place(self) -> Lease | None:
        """A pod for a request that has passed the gate.

        There may be none if pods went away after the gate was opened; the gate knows by then.
        """
        pod = self._policy(self._assigned)
        if pod is None:
            self._gate.leave()
            return None
        return Lease(self._gate, pod)


class Lease:
    """A place at one pod; give it back once."""

    __slots__ = ("_gate", "_pod", "address")

    def __init__(self, gate: Gate, pod: Pod) -> None:
        self._gate = gate
        self._pod = pod
        self.address = pod.address

    def give_back(self) -> None:
        """The request is over."""
        self._pod.give_back()
        self._gate.leave()

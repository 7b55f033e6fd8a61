"""How many requests may run at once, and how many may wait (knative `pkg/queue/breaker.go`). Pure.

A request takes a slot or is refused; with a slot it gets a token or waits for one. Whoever waits
gives a `Wake`, which is called when the token is theirs.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Protocol, TypeAlias

Wake: TypeAlias = Callable[[], None]

UNLIMITED: Final = 2**31 - 1
"""The largest capacity; what a revision without limit gets."""

QUEUE_FULL: Final = "pending request queue full"


class QueueFull(Exception):  # noqa: N818 - Knative's own name for it
    """Every slot is taken; the message is what the client reads."""

    def __init__(self) -> None:
        super().__init__(QUEUE_FULL)


class Gate(Protocol):
    """What a request passes before it may run."""

    def reserve(self) -> bool:
        """Whether the request may run right now; it does then."""

    def enter(self, wake: Wake) -> bool:
        """True: run now. False: wait until `wake` is called, then run. Raises QueueFull."""

    def give_up(self, wake: Wake) -> None:
        """Whoever gave `wake` waits no more; it was not called."""

    def leave(self) -> None:
        """A request that ran is over."""

    def update_capacity(self, capacity: int) -> None:
        """From now on so many may run at once."""


class Breaker:
    """A gate with a limit and a bounded queue, served first come, first served."""

    def __init__(self, *, queue_depth: int, max_concurrency: int, initial_capacity: int) -> None:
        if queue_depth <= 0:
            raise ValueError(f"Queue depth must be greater than 0. Got {queue_depth}.")
        if max_concurrency < 0:
            raise ValueError(f"Max concurrency must be 0 or greater. Got {max_concurrency}.")
        if not 0 <= initial_capacity <= max_concurrency:
            raise ValueError(
                f"Initial capacity must be between 0 and max concurrency. Got {initial_capacity}."
            )
        self.capacity = initial_capacity
        self.running = 0
        self._slots = queue_depth + max_concurrency
        self._waiting: OrderedDict[Wake, None] = OrderedDict()

    @property
    def pending(self) -> int:
        """Requests that run or wait."""
        return self.running + len(self._waiting)

    @property
    def waiting(self) -> int:
        """Requests that wait."""
        return len(self._waiting)

    def reserve(self) -> bool:
        """Whether a token was free right now; it is taken then."""
        if self.running >= self.capacity or self.pending >= self._slots:
            return False
        self.running += 1
        return True

    def enter(self, wake: Wake) -> bool:
        """True: run now. False: wait until `wake` is called.

        Raises:
            QueueFull: if every slot is taken.
        """
        if self.pending >= self._slots:
            raise QueueFull
        if self.running < self.capacity:
            self.running += 1
            return True
        self._waiting[wake] = None
        return False

    def give_up(self, wake: Wake) -> None:
        """Whoever gave `wake` waits no more."""
        del self._waiting[wake]

    def leave(self) -> None:
        """A token comes back; the next in the queue gets it."""
        if self.running == 0:
            raise ValueError("release and acquire are not paired")
        self.running -= 1
        self._admit()

    def update_capacity(self, capacity: int) -> None:
        """From now on `capacity` may run at once; more than that finish, but none is added."""
        self.capacity = capacity
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self.running < self.capacity:
            wake, _ = self._waiting.popitem(last=False)
            self.running += 1
            wake()


class OpenOrClosed:
    """The gate of a revision without limit: closed while it has no pod, else open for everybody."""

    def __init__(self) -> None:
        self.capacity = 0
        self._waiting: OrderedDict[Wake, None] = OrderedDict()

    @property
    def waiting(self) -> int:
        """Requests that wait."""
        return len(self._waiting)

    def reserve(self) -> bool:
        """Whether the gate is open."""
        return self.capacity > 0

    def enter(self, wake: Wake) -> bool:
        """True: run now. False: wait until `wake` is called."""
        if self.capacity:
            return True
        self._waiting[wake] = None
        return False

    def give_up(self, wake: Wake) -> None:
        """Whoever gave `wake` waits no more."""
        del self._waiting[wake]

    def leave(self) -> None:
        """Nothing to give back: there is no limit."""

    def update_capacity(self, capacity: int) -> None:
        """Open with any capacity, closed with none."""
        self.capacity = min(capacity, 1)
        while self._waiting and self.capacity:
            wake, _ = self._waiting.popitem(last=False)
            wake()


def queue_proxy_breaker(container_concurrency: int) -> Breaker | None:
    """The limit in front of one container: eleven times its concurrency may be there at once."""
    if container_concurrency < 1:
        return None
    return Breaker(
        queue_depth=10 * container_concurrency,
        max_concurrency=container_concurrency,
        initial_capacity=container_concurrency,
    )

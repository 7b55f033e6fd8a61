"""Watching pods: a thread that records every change it sees while a `with` block runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Final, Self

from knlab._clock import Clock, SystemClock
from knlab._exceptions import KnlabError, MeasureError
from knlab.measure.fingerprint import fingerprint
from knlab.measure.records import Gap, PodEvent, PodRecord, PodState, ScaleReading
from knlab.measure.timeline import changes

INTERVAL: Final = 0.2
PATIENCE: Final = 10.0


@dataclass(frozen=True, slots=True)
class Listing:
    """All pods there are: one that is missing here is gone."""

    pods: tuple[PodState, ...]


Observation = Listing | PodState | ScaleReading
Observe = Callable[[float], Iterable[Observation]]
"""Called again and again with the longest time it may take; yields what it sees, as it sees it."""


def polling(
    list_pods: Callable[[], Sequence[PodState]],
    read_scale: Callable[[], Iterable[ScaleReading]] | None = None,
) -> Observe:
    """An `Observe` that asks for everything each time."""

    def observe(_longest: float) -> Iterable[Observation]:
        yield Listing(tuple(list_pods()))
        if read_scale is not None:
            yield from read_scale()

    return observe


class PodRecorder:
    """Records pods while its `with` block runs; what it has is there to read at any time.

    Times are the local clock's, those at which a change was seen. While nothing can be seen (the
    cluster does not answer) the record has a gap, and watching goes on. `on_change` is called on
    the watching thread after each round that saw something new.
    """

    def __init__(
        self,
        observe: Observe,
        *,
        world: str = "",
        interval: float = INTERVAL,
        on_change: Callable[[PodRecorder], None] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.on_change = on_change
        self._observe = observe
        self._world = world
        self._interval = interval
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._first_round = threading.Event()
        self._thread = threading.Thread(target=self._run, name="knlab pod watch", daemon=True)
        self._failure: Exception | None = None
        self._started = self._ended = 0.0
        self._known: dict[str, PodState] = {}
        self._wishes: dict[str, ScaleReading] = {}
        self._events: list[PodEvent] = []
        self._readings: list[ScaleReading] = []
        self._gaps: list[Gap] = []

    def __enter__(self) -> Self:
        self._started = self._clock.now()
        self._thread.start()
        # What follows in the block must not begin before its starting point is known.
        self._first_round.wait(PATIENCE)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join(PATIENCE)
        self._ended = self._clock.now()
        if kind is None and self._failure is not None:
            raise MeasureError("watching pods failed") from self._failure
        if kind is None and self._thread.is_alive():
            raise MeasureError(
                f"watching pods did not end within {PATIENCE:.0f} s",
                hint="the cluster keeps a connection open without answering",
            )

    @property
    def record(self) -> PodRecord:
        """What was seen until now, or until the block ended."""
        with self._lock:
            return PodRecord(
                events=tuple(self._events),
                readings=tuple(self._readings),
                gaps=tuple(self._gaps),
                started=self._started,
                ended=self._ended or self._clock.now(),
                world=self._world,
                fingerprint=fingerprint(),
            )

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                round_began = self._clock.monotonic()
                if self._look() and self.on_change is not None:
                    self.on_change(self)
                self._first_round.set()
                spent = self._clock.monotonic() - round_began
                self._stop.wait(max(0.0, self._interval - spent))
            self._look()  # what happened since the last round belongs to the record
        except Exception as failure:  # the root of this thread: raised again on exit
            self._failure = failure
        finally:
            self._first_round.set()

    def _look(self) -> bool:
        began = self._clock.now()
        news = False
        try:
            for seen in self._observe(self._interval):
                # What the first round sees was so when watching began.
                now = self._clock.now() if self._first_round.is_set() else self._started
                news = self._take(seen, now) or news
                if self._stop.is_set():
                    break
        except (KnlabError, OSError) as error:
            self._mark_gap(began, str(error).splitlines()[0])
        return news

    def _take(self, seen: Observation, now: float) -> bool:
        with self._lock:
            if isinstance(seen, ScaleReading):
                return self._take_reading(seen, now)
            pods = seen.pods if isinstance(seen, Listing) else (seen,)
            found = changes(self._known, pods, now, complete=isinstance(seen, Listing))
            self._events += found
            self._known |= {pod.name: pod for pod in pods}
            gone = {event.pod for event in found if event.phase == "gone"}
            self._known = {
                name: pod
                for name, pod in self._known.items()
                if name not in gone and pod.phase != "gone"
            }
            return bool(found)

    def _take_reading(self, seen: ScaleReading, now: float) -> bool:
        stamped = replace(seen, time=now)
        before = self._wishes.get(seen.revision)
        if before is not None and replace(before, time=now) == stamped:
            return False
        self._wishes[seen.revision] = stamped
        self._readings.append(stamped)
        return True

    def _mark_gap(self, began: float, why: str) -> None:
        now = self._clock.now()
        with self._lock:
            last = self._gaps[-1] if self._gaps else None
            if last is not None and began - last.end <= 2 * self._interval:
                self._gaps[-1] = replace(last, end=now)
            else:
                self._gaps.append(Gap(start=began, end=now, why=why))

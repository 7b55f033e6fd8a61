"""The deciders: one autoscaler for each PodAutoscaler of Knative's own class.

They follow PodAutoscalers, pods and settings, and are told when to scrape and when to decide; no
coroutine here, so the loops around them are a few lines (`autoscaling.service`).
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias, TypeVar

from knlab.embedded.autoscaling.ready_pods import ReadyPods
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.objects import Key, Object, is_true, key_of
from knlab.embedded.kube.store import Change
from knlab.embedded.serving.config import (
    ConfigError,
    parse_autoscaler,
    parse_logging,
)
from knlab.embedded.serving.kinds import (
    CONFIG_MAPS,
    POD_AUTOSCALERS,
    PODS,
    SYSTEM_NAMESPACE,
)
from knlab.embedded.serving.scaling import is_kpa, scaling_of
from knlab.kpa.autoscaler import Autoscaler, DeciderStatus
from knlab.kpa.bounds import Bounded, ScaleBounds, bounded
from knlab.kpa.burst import UNLIMITED
from knlab.kpa.decide import ScaleResult
from knlab.kpa.sampling import Shuffle, scraped
from knlab.kpa.spec import TICK_INTERVAL, AutoscalerConfig, DeciderSpec
from knlab.kpa.stat import Stat

FOLLOWED: Final = (PODS, POD_AUTOSCALERS, CONFIG_MAPS)
"""The kinds whose changes `heard` must be told."""
_SETTINGS: Final = (
    (SYSTEM_NAMESPACE, "config-autoscaler"),
    (SYSTEM_NAMESPACE, "config-logging"),
)
HISTORY: Final = 120
"""Decisions remembered for each revision."""

_T = TypeVar("_T")
Wake: TypeAlias = Callable[[Key], None]
Scrape: TypeAlias = Callable[[str], Sequence[Stat]]
"""The latest reports of the queue-proxies of a revision, given as `namespace/name`."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision and its time in seconds since the epoch."""

    time: float
    result: ScaleResult
    bounded: Bounded
    """What the revision's own bounds make of it."""


@dataclass(slots=True)
class _Decider:
    autoscaler: Autoscaler
    due: float
    """When to decide next, on the monotonic clock."""
    bounds: ScaleBounds
    initialized: bool
    """Whether the initial scale has been reached once."""
    failure: str = ""
    """Why the latest scrape failed."""
    history: deque[Decision] = field(default_factory=lambda: deque(maxlen=HISTORY))


class Deciders:
    """What the autoscaler wants for each revision, and why."""

    def __init__(self, api: Api, scrape: Scrape, shuffle: Shuffle) -> None:
        self._api = api
        self._scrape = scrape
        self._shuffle = shuffle
        self._clock = api.clock
        self._log: Callable[[str], None] | None = None
        self._wake_autoscaler: Wake | None = None
        self._wake_metric: Wake | None = None
        self._config = AutoscalerConfig()
        self._logging = parse_logging({})
        self._pods = ReadyPods()
        self._deciders: dict[Key, _Decider] = {}
        self._agenda: list[tuple[float, Key]] = []
        """A heap: when which of them is due."""

    # Following the cluster

    def begin(self, log: Callable[[str], None]) -> None:
        """Start without a history from what the cluster is now; lines go to `log`."""
        self._log = log
        self.end()
        self._pods = ReadyPods(self._api.store.items(PODS))
        self._read_settings()
        self._follow_all()

    def end(self) -> None:
        """Forget everything."""
        self._deciders.clear()
        self._agenda.clear()

    def heard(self, change: Change) -> None:
        """Take note of a change of one of the `FOLLOWED` kinds."""
        gone = change.type == "DELETED"
        if change.resource == PODS:
            self._pods.see(change.object, gone=gone)
        elif change.resource == POD_AUTOSCALERS:
            self._follow(change.object, gone=gone)
        elif key_of(change.object) in _SETTINGS:
            self._read_settings()
            self._follow_all()

    def _follow_all(self) -> None:
        for autoscaler in self._api.store.items(POD_AUTOSCALERS):
            self._follow(autoscaler)

    def _follow(self, autoscaler: Object, *, gone: bool = False) -> None:
        key = key_of(autoscaler)
        if gone or not is_kpa(autoscaler):
            self._deciders.pop(key, None)
            return
        scaling = scaling_of(autoscaler, self._config, progress_deadline=0.0)
        spec, initialized = scaling.decider, is_true(autoscaler, "ScaleTargetInitialized")
        decider, now = self._deciders.get(key), self._clock.now()
        if decider is None:
            made = Autoscaler(spec, ready=self._pods.count(key), now=now)
            due = self._clock.monotonic() + TICK_INTERVAL
            decider = self._deciders[key] = _Decider(made, due, scaling.bounds, initialized)
            self._plan(key, decider, due)
            return
        decider.bounds, decider.initialized = scaling.bounds, initialized
        if decider.autoscaler.spec != spec:
            decider.autoscaler.respec(spec, now)

    def _read_settings(self) -> None:
        """Read the ConfigMaps; of one that says what cannot be, the former settings stay."""
        self._config = self._parsed("config-autoscaler", parse_autoscaler, self._config)
        self._logging = self._parsed("config-logging", parse_logging, self._logging)

    def _parsed(self, name: str, parse: Callable[[Mapping[str, str]], _T], former: _T) -> _T:
        found = self._api.store.get(CONFIG_MAPS, (SYSTEM_NAMESPACE, name)) or {}
        try:
            return parse(found.get("data") or {})
        except ConfigError as error:
            self._say(f"settings unchanged: {name}: {error}")
            return former

    # Reports and decisions

    def observe(self, stat: Stat) -> None:
        """Take a report from an activator; a request for a revision at zero is decided at once."""
        namespace, _, name = stat.revision.partition("/")
        decider = self._deciders.get((namespace, name))
        if decider is None:
            return
        decider.autoscaler.observe(stat.time, stat)
        if decider.autoscaler.must_tick_for(stat):
            self._decide((namespace, name), decider)

    def scrape(self) -> None:
        """Ask the pods of every revision once."""
        now = self._clock.now()
        for key, decider in tuple(self._deciders.items()):
            self._scrape_one(key, decider, now)

    def _scrape_one(self, key: Key, decider: _Decider, now: float) -> None:
        spec = decider.autoscaler.spec
        ages = {} if spec.target_burst_capacity == UNLIMITED else self._pods.ages(key, now)
        failure = ""
        if ages:
            revision = "/".join(key)
            outcome = scraped(
                {stat.pod: stat for stat in self._scrape(revision)},
                ages,
                revision=revision,
                now=now,
                window=spec.stable_window,
                shuffle=self._shuffle,
            )
            failure = outcome.failure
            if outcome.stat is not None:
                decider.autoscaler.observe(now, outcome.stat)
        if failure != decider.failure:
            decider.failure = failure
            if self._wake_metric is not None:
                self._wake_metric(key)

    def tick(self) -> float:
        """Decide for every revision that is due; when the next one is, on the monotonic clock."""
        now = self._clock.monotonic()
        while self._agenda and self._agenda[0][0] <= now:
            due, key = heapq.heappop(self._agenda)
            decider = self._deciders.get(key)
            if decider is None or decider.due != due:
                continue  # one that is gone, or has another in its place
            missed = math.floor((now - due) / TICK_INTERVAL)
            self._plan(key, decider, due + TICK_INTERVAL * (1 + missed))
            self._decide(key, decider)
        return self._agenda[0][0] if self._agenda else math.inf

    def _plan(self, key: Key, decider: _Decider, due: float) -> None:
        decider.due = due
        heapq.heappush(self._agenda, (due, key))

    def _decide(self, key: Key, decider: _Decider) -> None:
        before, now = decider.autoscaler.status, self._clock.now()
        result = decider.autoscaler.tick(now, self._pods.count(key))
        if result is None:
            return
        within = bounded(decider.bounds, result.desired, initialized=decider.initialized)
        decider.history.append(Decision(now, result, within))
        matters = decider.autoscaler.status.calls_for_reconcile(before)
        if matters or self._tells_all():
            self._say(_described(key, before, decider.history[-1], decider.autoscaler.spec))
        if matters and self._wake_autoscaler is not None:
            self._wake_autoscaler(key)

    # What others ask

    def status(self, key: Key) -> DeciderStatus | None:
        """The latest decision about a revision; None if there is no decider for it."""
        decider = self._deciders.get(key)
        return None if decider is None else decider.autoscaler.status

    def failure(self, key: Key) -> str:
        """Why the latest scrape of a revision failed; empty if it did not."""
        decider = self._deciders.get(key)
        return "" if decider is None else decider.failure

    def history(self, key: Key) -> tuple[Decision, ...]:
        """The latest decisions about a revision, oldest first."""
        decider = self._deciders.get(key)
        return () if decider is None else tuple(decider.history)

    def revisions(self) -> Iterator[tuple[Key, DeciderSpec, Decision | None]]:
        """Each revision that is decided for, by what, and the latest decision."""
        for key, decider in self._deciders.items():
            yield key, decider.autoscaler.spec, decider.history[-1] if decider.history else None

    def on_decision(self, wake: Wake) -> None:
        """Call `wake` with a key whenever its decision calls for a look."""
        self._wake_autoscaler = wake

    def on_collected(self, wake: Wake) -> None:
        """Call `wake` with a key whenever its `failure` has changed."""
        self._wake_metric = wake

    def _tells_all(self) -> bool:
        """Whether each decision is worth a line, as at Knative's level `debug`."""
        return self._logging.levels.get("autoscaler") == "debug"

    def _say(self, line: str) -> None:
        if self._log is not None:
            self._log(line)


def _described(key: Key, before: DeciderStatus, decision: Decision, spec: DeciderSpec) -> str:
    """One line for the log: what was decided, from what, and what changed it on the way."""
    result = decision.result
    words = [
        f"{'/'.join(key)}: desired {before.desired} → {result.desired}",
        f"ready {result.ready}",
        f"{spec.metric} {result.observed_stable:g} (stable) {result.observed_panic:g} (panic)",
        f"target {spec.target:g}",
        f"wants {result.wanted_stable} (stable) {result.wanted_panic} (panic)",
        f"excess burst capacity {result.excess_burst_capacity}",
    ]
    if result.panicking:
        words.append("panicking")
    if result.limited_by:
        words.append(f"limited by {result.limited_by}")
    if decision.bounded.clipped_by:
        words.append(f"{decision.bounded.clipped_by} makes it {decision.bounded.scale}")
    return ", ".join(words)

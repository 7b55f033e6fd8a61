"""The deciders: one autoscaler for each PodAutoscaler of Knative's own class.

They follow PodAutoscalers, pods and settings, and are told when to scrape and when to decide; no
coroutine here, so the loops around them are a few lines (`autoscaling.service`).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from knlab.embedded.autoscaling.ready_pods import ReadyPods
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.objects import Key, Object, key_of
from knlab.embedded.kube.store import Change
from knlab.embedded.serving.config import ConfigError, parse_autoscaler, read_config
from knlab.embedded.serving.kinds import (
    CONFIG_MAPS,
    POD_AUTOSCALERS,
    PODS,
    SYSTEM_NAMESPACE,
)
from knlab.embedded.serving.scaling import decider_spec, is_kpa
from knlab.kpa.autoscaler import Autoscaler, DeciderStatus
from knlab.kpa.burst import UNLIMITED
from knlab.kpa.decide import ScaleResult
from knlab.kpa.sampling import Shuffle, scraped
from knlab.kpa.spec import TICK_INTERVAL, AutoscalerConfig, DeciderSpec
from knlab.kpa.stat import Stat

FOLLOWED: Final = (PODS, POD_AUTOSCALERS, CONFIG_MAPS)
"""The kinds whose changes `heard` must be told."""
HISTORY: Final = 120
"""Decisions remembered for each revision."""

Wake: TypeAlias = Callable[[Key], None]
Scrape: TypeAlias = Callable[[str], Sequence[Stat]]
"""The latest reports of the queue-proxies of a revision, given as `namespace/name`."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision and its time in seconds since the epoch."""

    time: float
    result: ScaleResult


@dataclass(slots=True)
class _Decider:
    autoscaler: Autoscaler
    due: float
    """When to decide next, on the monotonic clock."""
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
        self._pods = ReadyPods()
        self._deciders: dict[Key, _Decider] = {}

    # Following the cluster

    def begin(self, log: Callable[[str], None]) -> None:
        """Start without a history from what the cluster is now; lines go to `log`."""
        self._log = log
        self._deciders.clear()
        self._pods = ReadyPods(self._api.store.items(PODS))
        self._read_settings()
        self._follow_all()

    def end(self) -> None:
        """Forget everything."""
        self._deciders.clear()

    def heard(self, change: Change) -> None:
        """Take note of a change of one of the `FOLLOWED` kinds."""
        gone = change.type == "DELETED"
        if change.resource == PODS:
            self._pods.see(change.object, gone=gone)
        elif change.resource == POD_AUTOSCALERS:
            self._follow(change.object, gone=gone)
        elif key_of(change.object) == (SYSTEM_NAMESPACE, "config-autoscaler"):
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
        spec = decider_spec(autoscaler, self._config)
        decider, now = self._deciders.get(key), self._clock.now()
        if decider is None:
            made = Autoscaler(spec, ready=self._pods.count(key), now=now)
            self._deciders[key] = _Decider(made, self._clock.monotonic() + TICK_INTERVAL)
        elif decider.autoscaler.spec != spec:
            decider.autoscaler.respec(spec, now)

    def _read_settings(self) -> None:
        """Read the ConfigMap; if it says what cannot be, the former settings stay."""
        try:
            self._config = read_config(self._api, parse_autoscaler)
        except ConfigError as error:
            self._say(f"settings unchanged: {error}")

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
        following = math.inf
        for key, decider in tuple(self._deciders.items()):
            if decider.due <= now:
                missed = math.floor((now - decider.due) / TICK_INTERVAL)
                decider.due += TICK_INTERVAL * (1 + missed)
                self._decide(key, decider)
            following = min(following, decider.due)
        return following

    def _decide(self, key: Key, decider: _Decider) -> None:
        before, now = decider.autoscaler.status, self._clock.now()
        result = decider.autoscaler.tick(now, self._pods.count(key))
        if result is None:
            return
        decider.history.append(Decision(now, result))
        if decider.autoscaler.status.calls_for_reconcile(before):
            self._say(_described(key, before, result, decider.autoscaler.spec))
            if self._wake_autoscaler is not None:
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

    def on_decision(self, wake: Wake) -> None:
        """Call `wake` with a key whenever its decision calls for a look."""
        self._wake_autoscaler = wake

    def on_collected(self, wake: Wake) -> None:
        """Call `wake` with a key whenever its `failure` has changed."""
        self._wake_metric = wake

    def _say(self, line: str) -> None:
        if self._log is not None:
            self._log(line)


def _described(key: Key, before: DeciderStatus, result: ScaleResult, spec: DeciderSpec) -> str:
    """One line for the log."""
    words = [
        f"{'/'.join(key)}: desired {before.desired} → {result.desired}",
        f"ready {result.ready}",
        f"{spec.metric} {result.observed_stable:g} (stable) {result.observed_panic:g} (panic)",
        f"target {spec.target:g}",
        f"excess burst capacity {result.excess_burst_capacity}",
    ]
    if result.panicking:
        words.append("panicking")
    if result.limited_by:
        words.append(f"limited by {result.limited_by}")
    return ", ".join(words)

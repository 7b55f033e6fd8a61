"""Gradual rollout: how traffic for the latest revision moves there step by step.

The state lives as JSON in an annotation of the Ingress; instants are whole nanoseconds there.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from knlab.embedded.serving.traffic import RevisionTarget

_SECOND: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Share:
    """How much one revision gets, in percent points."""

    revision: str
    percent: int


@dataclass(frozen=True, slots=True)
class Step:
    """When and how far the next step goes; zeros while nothing is known."""

    start_time: int = 0
    next_time: int = 0
    duration: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True)
class ConfigurationRollout:
    """The revisions of one Configuration that share its traffic under one tag, oldest first."""

    configuration: str
    tag: str
    percent: int
    revisions: tuple[Share, ...]
    step: Step = field(default_factory=Step)

    @property
    def done(self) -> bool:
        """Whether one revision has it all."""
        return len(self.revisions) < 2


@dataclass(frozen=True, slots=True)
class Rollout:
    """All rollouts of a Route, sorted by tag and Configuration."""

    configurations: tuple[ConfigurationRollout, ...] = ()

    @property
    def done(self) -> bool:
        """Whether no traffic is on its way."""
        return all(item.done for item in self.configurations)

    def under(self, tag: str, configuration: str) -> ConfigurationRollout | None:
        """The rollout of `configuration` under `tag`; None without one."""
        return next(
            (
                item
                for item in self.configurations
                if (item.tag, item.configuration) == (tag, configuration)
            ),
            None,
        )


def goal_of(groups: dict[str, tuple[RevisionTarget, ...]]) -> Rollout:
    """The rollout that is reached at the end: all to the latest revision at once."""
    found = [
        ConfigurationRollout(
            target.configuration, tag, target.percent, (Share(target.revision, target.percent),)
        )
        for tag, targets in groups.items()
        for target in targets
        if target.latest and target.percent
    ]
    return _sorted(found)


def _sorted(items: Iterable[ConfigurationRollout]) -> Rollout:
    return Rollout(tuple(sorted(items, key=lambda item: (item.tag, item.configuration))))


def format_rollout(rollout: Rollout) -> str:
    """`rollout` as the JSON of the annotation."""
    listed = []
    for item in rollout.configurations:
        entry: dict[str, Any] = {"configurationName": item.configuration}
        if item.tag:
            entry["tag"] = item.tag
        entry["percent"] = item.percent
        entry["revisions"] = [
            {"revisionName": share.revision, "percent": share.percent} for share in item.revisions
        ]
        step = {
            "starttime": item.step.start_time,
            "nextStepTime": item.step.next_time,
            "stepDuration": item.step.duration,
            "stepSize": item.step.size,
        }
        entry["stepParams"] = {key: value for key, value in step.items() if value}
        listed.append(entry)
    body = {"configurations": listed} if listed else {}
    return json.dumps(body, separators=(",", ":"))


def parse_rollout(text: str) -> Rollout | None:
    """The rollout in the annotation's `text`; None if it is none or contradicts itself."""
    try:
        body = json.loads(text or "null")
        items = [_parsed(entry) for entry in body.get("configurations") or ()]
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return _sorted(items) if all(_is_valid(item) for item in items) else None


def _parsed(entry: dict[str, Any]) -> ConfigurationRollout:
    step = entry.get("stepParams") or {}
    return ConfigurationRollout(
        entry["configurationName"],
        entry.get("tag", ""),
        int(entry["percent"]),
        tuple(
            Share(share["revisionName"], int(share["percent"]))
            for share in entry.get("revisions") or ()
        ),
        Step(
            step.get("starttime", 0),
            step.get("nextStepTime", 0),
            step.get("stepDuration", 0),
            step.get("stepSize", 0),
        ),
    )


def _is_valid(item: ConfigurationRollout) -> bool:
    total = sum(share.percent for share in item.revisions)
    return item.percent <= 100 and 0 <= item.step.size <= item.percent == total


def observe_ready(rollout: Rollout, now: float, duration: float) -> Rollout:
    """`rollout` with the steps fixed, now that the ingress took over the first point."""
    instant = _nanoseconds(now)
    return Rollout(
        tuple(
            _with_steps(item, instant, duration)
            if item.step.start_time and not item.step.duration
            else item
            for item in rollout.configurations
        )
    )


def _with_steps(item: ConfigurationRollout, instant: int, duration: float) -> ConfigurationRollout:
    took = max(1.0, math.ceil((instant - item.step.start_time) / _SECOND))
    rest = max(1.0, duration - took)
    points = float(item.percent - 1)
    steps = min(max(1.0, rest / took), points)
    length = rest / steps * _SECOND
    size = math.floor(points / steps + 0.5)
    step = replace(item.step, duration=int(length), size=size, next_time=int(instant + length))
    return replace(item, step=step)


def next_rollout(goal: Rollout, previous: Rollout | None, now: float) -> tuple[Rollout, float]:
    """The rollout to apply now, and the seconds until the next step (0: none is known)."""
    if previous is None or not previous.configurations:
        return goal, 0.0
    instant = _nanoseconds(now)
    tags = {item.tag for item in previous.configurations}
    items: list[ConfigurationRollout] = []
    for wanted in goal.configurations:
        if wanted.tag not in tags or wanted.percent == 1:
            items.append(wanted)
            continue
        known = previous.under(wanted.tag, wanted.configuration)
        items.append(wanted if known is None else _stepped(wanted, known, instant))
    due = [item.step.next_time for item in items if item.step.next_time > 0]
    return _sorted(items), max(0.0, (min(due) - instant) / _SECOND) if due else 0.0


def _nanoseconds(now: float) -> int:
    return round(now * _SECOND)


def _stepped(
    wanted: ConfigurationRollout, known: ConfigurationRollout, instant: int
) -> ConfigurationRollout:
    shares = _adjusted(known, wanted.percent)
    newest = wanted.revisions[0].revision
    if not shares or newest == shares[-1].revision:
        if len(shares) < 2:
            return wanted
        going = replace(wanted, revisions=tuple(shares), step=known.step)
        return _advanced(going, instant) if going.step.size > 0 else going
    shares = _less_one(shares)
    kept = [share for share in shares if share.percent]
    return replace(wanted, revisions=(*kept, Share(newest, 1)), step=Step(start_time=instant))


def _adjusted(known: ConfigurationRollout, percent: int) -> list[Share]:
    shares, change = list(known.revisions), percent - known.percent
    if change > 0 and shares:
        shares[-1] = replace(shares[-1], percent=shares[-1].percent + change)
    missing = -change
    while missing > 0 and shares:
        if shares[0].percent > missing:
            shares[0] = replace(shares[0], percent=shares[0].percent - missing)
            break
        missing -= shares.pop(0).percent
    return shares


def _less_one(shares: list[Share]) -> list[Share]:
    index = max((i for i, share in enumerate(shares) if share.percent), default=0)
    changed = list(shares)
    changed[index] = replace(shares[index], percent=shares[index].percent - 1)
    return changed


def _advanced(item: ConfigurationRollout, instant: int) -> ConfigurationRollout:
    if instant < item.step.next_time:
        return item
    older, newest = list(item.revisions[:-1]), item.revisions[-1]
    remaining = item.step.size
    while remaining > 0 and older:
        if older[-1].percent > remaining:
            older[-1] = replace(older[-1], percent=older[-1].percent - remaining)
            break
        remaining -= older.pop().percent
    grown = replace(newest, percent=min(newest.percent + item.step.size, item.percent))
    step = replace(item.step, next_time=instant + item.step.duration) if older else Step()
    return replace(item, revisions=(*older, grown), step=step)

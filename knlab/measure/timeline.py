"""Pods over time as arithmetic: which changes follow from what was seen, and how many pods when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from knlab.measure.records import PodEvent, PodPhase, PodRecord, PodSample, PodState, ScaleReading


def changes(
    known: Mapping[str, PodState], seen: Iterable[PodState], now: float, *, complete: bool
) -> tuple[PodEvent, ...]:
    """The events that lead from `known` to `seen`; in a complete listing a missing pod is gone."""
    listing = {state.name: state for state in seen}
    events = [
        _event(state, state.phase, now)
        for name, state in listing.items()
        if name not in known or known[name].phase != state.phase
    ]
    if complete:
        lost = (state for name, state in known.items() if name not in listing)
        events += [_event(state, "gone", now) for state in lost]
    return tuple(event for event in events if event.phase != "gone" or event.pod in known)


def _event(state: PodState, phase: PodPhase, now: float) -> PodEvent:
    return PodEvent(
        time=now, pod=state.name, revision=state.revision, phase=phase, created=state.created
    )


def samples(record: PodRecord, revision: str | None = None) -> tuple[PodSample, ...]:
    """The counts after each change, of one revision or of all, and when watching ended."""
    steps: list[PodEvent | ScaleReading] = [*record.events, *record.readings]
    mine = [step for step in steps if revision in {None, step.revision}]
    phases: dict[str, PodPhase] = {}
    wishes: dict[str, ScaleReading] = {}
    found = [PodSample(time=record.started)]
    for step in sorted(mine, key=lambda step: step.time):
        if isinstance(step, ScaleReading):
            wishes[step.revision] = step
        else:
            phases[step.pod] = step.phase
        sample = _count(step.time, phases, wishes)
        # Changes seen at the same moment are one step.
        if found[-1].time == sample.time:
            found.pop()
        found.append(sample)
    if found[-1].time < record.ended:
        found.append(_count(record.ended, phases, wishes))
    return tuple(found)


def _count(
    time: float, phases: Mapping[str, PodPhase], wishes: Mapping[str, ScaleReading]
) -> PodSample:
    pods = Counter(phases.values())
    return PodSample(
        time=time,
        ready=pods["ready"],
        starting=pods["starting"],
        terminating=pods["terminating"],
        desired=_sum(wish.desired for wish in wishes.values()),
        wanted=_sum(wish.wanted for wish in wishes.values()),
    )


def _sum(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def at(found: Iterable[PodSample], time: float) -> PodSample:
    """The counts that held at `time`.

    Raises:
        ValueError: if `time` is before the first of them.
    """
    before = [sample for sample in found if sample.time <= time]
    if not before:
        raise ValueError(f"nothing was seen before {time}")
    return before[-1]

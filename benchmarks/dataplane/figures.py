"""What was measured, as records, as Markdown, and held against the goals. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal, Self, TypeAlias

from knlab._units import format_duration
from knlab.measure.stats import percentiles

NGINX: Final = "nginx"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table; None is what was not measured, times are seconds."""

    name: str
    what: str
    count: int
    rate: float | None = None
    """Successes per second."""
    p50: float | None = None
    p90: float | None = None
    p99: float | None = None
    failed: int = 0
    processor: float | None = None
    """Processor time of the cluster's own processes for one request, its pods' not included."""

    @classmethod
    def of_waits(cls, name: str, what: str, waits: Sequence[float]) -> Self:
        """The figure of single requests."""
        p50, p90, p99 = percentiles(waits, (50, 90, 99))
        return cls(name=name, what=what, count=len(waits), p50=p50, p90=p90, p99=p99)


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """One run of the benchmark."""

    world: str
    client: str
    seconds: float
    """Of each load."""
    figures: list[Figure] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    """What could not be measured, and why."""

    def find(self, name: str) -> Figure | None:
        """The figure of that name, if it was measured."""
        return next((each for each in self.figures if each.name == name), None)

    def share(self, figure: Figure | None) -> float | None:
        """The rate of requests in `figure` as a share of bare nginx's."""
        bare = self.find(NGINX)
        if figure is None or figure.rate is None or bare is None or not bare.rate:
            return None
        if figure.p50 is None:  # it counts something else than requests
            return None
        return figure.rate / bare.rate

    def to_json(self) -> str:
        """What `from_json` reads."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Findings that were kept."""
        kept: dict[str, Any] = json.loads(text)
        return cls(**kept | {"figures": [Figure(**each) for each in kept["figures"]]})


# ── the table ────────────────────────────────────────────────────────────────────────────────

_HEAD: Final = (
    "what", "n", "per second", "p50", "p90", "p99", "failed", "share of nginx", "processor each"
)  # fmt: skip


def table(found: Findings) -> Iterator[str]:
    """The figures as lines of Markdown."""
    yield _line(_HEAD)
    yield _line(["---"] * len(_HEAD))
    for each in found.figures:
        yield _line([
            each.what,
            f"{each.count:,}",
            "" if each.rate is None else f"{each.rate:,.0f}",
            *map(_duration, (each.p50, each.p90, each.p99)),
            f"{each.failed:,}",
            _number(None if each.name == NGINX else found.share(each)),
            _duration(each.processor),
        ])  # fmt: skip


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _duration(seconds: float | None) -> str:
    return "" if seconds is None else format_duration(seconds)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


# ── the goals ────────────────────────────────────────────────────────────────────────────────

Value: TypeAlias = Callable[[Findings], float | None]
Verdict: TypeAlias = Literal["met", "not met", "not measured"]


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound on a value of ours, or on how many times another run's it is."""

    what: str
    value: Value
    sense: Literal["≥", "≤", "<"]
    bound: float
    times_other: bool = False
    """Compare with the same value of the other run."""
    show: Callable[[float], str] = "{:.3g}".format


@dataclass(frozen=True, slots=True)
class Judgement:
    """A goal held against what was measured."""

    goal: Goal
    found: float | None
    verdict: Verdict


def _field(name: str, part: Literal["rate", "p50", "p90", "p99"]) -> Value:
    def value(found: Findings) -> float | None:
        figure = found.find(name)
        return None if figure is None else getattr(figure, part)

    return value


def _share(name: str) -> Value:
    return lambda found: found.share(found.find(name))


def _deploys(found: Findings) -> float | None:
    before, during = (_field(each, "p99")(found) for each in ("before-deploys", "deploys"))
    return during / before if during and before else None


def _rate(value: float) -> str:
    return f"{value:,.0f}/s"


GOALS: Final = (
    Goal("article's settings: share of nginx, times the other's",
         _share("article"), "≥", 5, times_other=True),
    Goal("article's settings: p99, times the other's",
         _field("article", "p99"), "≤", 0.5, times_other=True),
    Goal("activator out of the path: share of nginx, times the other's",
         _share("direct"), "≥", 4, times_other=True),
    Goal("100 ms of waiting: rate", _field("waiting", "rate"), "≥", 490, show=_rate),
    Goal("100 ms of waiting: p99", _field("waiting", "p99"), "≤", 0.115, show=format_duration),
    Goal("cold: median", _field("cold", "p50"), "≤", 0.098, show=format_duration),
    Goal("cold: p90", _field("cold", "p90"), "≤", 0.150, show=format_duration),
    Goal("warm: median, times the other's", _field("warm", "p50"), "≤", 0.5, times_other=True),
    Goal("GET of a pod under load: p99",
         _field("api-get", "p99"), "≤", 0.050, show=format_duration),
    Goal("LIST of pods under load: p99",
         _field("api-list", "p99"), "≤", 0.050, show=format_duration),
    Goal("p99 while 50 services are deployed, times before", _deploys, "<", 2),
)  # fmt: skip
"""What the embedded cluster is to reach; `the other` is real Knative on the same machine."""


def judge(goal: Goal, ours: Findings, other: Findings | None) -> Judgement:
    """Whether `ours` reaches `goal`."""
    found = goal.value(ours)
    if goal.times_other and found is not None:
        theirs = None if other is None else goal.value(other)
        found = found / theirs if theirs else None
    if found is None:
        return Judgement(goal, None, "not measured")
    reached = {"≥": found >= goal.bound, "≤": found <= goal.bound, "<": found < goal.bound}
    return Judgement(goal, found, "met" if reached[goal.sense] else "not met")


def verdicts(ours: Findings, other: Findings | None) -> Iterator[str]:
    """Every goal as lines of Markdown."""
    yield _line(["goal", "wanted", "found", "verdict"])
    yield _line(["---"] * 4)
    for goal in GOALS:
        said = judge(goal, ours, other)
        shown = "" if said.found is None else goal.show(said.found)
        yield _line([goal.what, f"{goal.sense} {goal.show(goal.bound)}", shown, said.verdict])


def comparison(ours: Findings, other: Findings) -> Iterator[str]:
    """Both runs' figures side by side as lines of Markdown, for what both have."""
    pairs = (cell for each in ("per second", "p50", "p99")
             for cell in (f"{ours.world}: {each}", other.world))  # fmt: skip
    yield _line(["what", *pairs, "share of nginx, times"])
    yield _line(["---"] * 8)
    for one in ours.figures:
        two = other.find(one.name)
        if two is None:
            continue
        rates = ["" if each.rate is None else f"{each.rate:,.0f}" for each in (one, two)]
        times = map(_duration, (one.p50, two.p50, one.p99, two.p99))
        mine, theirs = ours.share(one), other.share(two)
        yield _line([one.what, *rates, *times, _number(mine / theirs if mine and theirs else None)])

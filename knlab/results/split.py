"""Who answered: requests counted by revision or version, beside the split that was asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knlab._exceptions import MeasureError
from knlab._html import html_table
from knlab._units import format_count
from knlab.measure.recording import write_recording
from knlab.measure.records import Timing
from knlab.measure.stats import chi_square_p, wilson_interval
from knlab.results.presentation import caption_of, frame_of, world_suffix

if TYPE_CHECKING:
    import pandas as pd

    from knlab.plot.chart import Chart


@dataclass(frozen=True, slots=True, repr=False)
class Split:
    """The answers in their order, and the percentages that were asked for."""

    answers: tuple[str, ...]
    expected: tuple[tuple[str, float], ...] = ()
    """Name and percent."""
    world: str = ""

    @classmethod
    def of(
        cls,
        timings: Iterable[Timing],
        *,
        expected: Mapping[str, float] | None = None,
        by: Callable[[Timing], str] | None = None,
    ) -> Split:
        """Who answered each of `timings`: the body's text, or what `by` makes of the answer.

        Raises:
            MeasureError: if there are no timings.
        """
        asked = list(timings)
        if not asked:
            raise MeasureError("no answers to count", hint="make at least one request")
        name_of = by or (lambda timing: timing.text.strip())
        return cls(
            answers=tuple(name_of(each) for each in asked),
            expected=tuple((name, float(due)) for name, due in (expected or {}).items()),
            world=" + ".join(dict.fromkeys(each.world for each in asked if each.world)),
        )

    @classmethod
    def from_record(cls, record: Iterable[Any]) -> Split:
        """The split in a recording."""
        answers, expected, world = record
        return cls(answers, expected, world)

    def __len__(self) -> int:
        return len(self.answers)

    @property
    def counts(self) -> dict[str, int]:
        """Name and requests, names that were expected first."""
        seen = Counter(self.answers)
        names = [name for name, _ in self.expected]
        names += sorted(name for name in seen if name not in names)
        return {name: seen[name] for name in names}

    @property
    def shares(self) -> dict[str, float]:
        """Name and expected share, from 0 to 1."""
        total = sum(due for _, due in self.expected) or 1.0
        return {name: due / total for name, due in self.expected}

    @property
    def p_value(self) -> float | None:
        """How likely counts at least this far off are if the split is as asked; None if unasked."""
        if not self.expected:
            return None
        return chi_square_p(
            list(self.counts.values()), [self.shares.get(name, 0.0) for name in self.counts]
        )

    @property
    def runs(self) -> int:
        """How often the answer changed, plus one: many for a random choice, more for turns."""
        changes = zip(self.answers, self.answers[1:], strict=False)
        return 1 + sum(before != after for before, after in changes)

    @property
    def frame(self) -> pd.DataFrame:
        """One row a name: requests, share, its 95 % interval, expected share."""
        found = self.counts
        intervals = [wilson_interval(count, len(self)) for count in found.values()]
        return frame_of(
            {
                "name": list(found),
                "requests": list(found.values()),
                "share": [count / len(self) for count in found.values()],
                "low": [interval.low for interval in intervals],
                "high": [interval.high for interval in intervals],
                "expected": [self.shares.get(name, float("nan")) for name in found],
            }
        )

    def plot(self) -> Chart:
        """The shares with their intervals and the shares that were asked for."""
        from knlab.plot import split

        return split.split_chart(self.counts, self.shares, world=self.world)

    def save(self, path: str | Path) -> Path:
        """A recording at `path`."""
        return write_recording(path, "Split", (self.answers, self.expected, self.world))

    def __repr__(self) -> str:
        counted = ", ".join(f"{name} {format_count(n)}" for name, n in self.counts.items())
        return f"<Split {format_count(len(self))} requests: {counted}{world_suffix(self.world)}>"

    def _repr_html_(self) -> str:
        rows = []
        for name, count in self.counts.items():
            interval = wilson_interval(count, len(self))
            due = f"{self.shares[name]:.0%}" if name in self.shares else ""
            rows.append(
                (
                    name, format_count(count), f"{count / len(self):.1%}",
                    f"{interval.low:.1%} to {interval.high:.1%}", due,
                )
            )  # fmt: skip
        chance = "" if self.p_value is None else f"χ² test p = {self.p_value:.2g}"
        return html_table(
            ("answered by", "requests", "share", "95 % interval", "asked for"),
            rows,
            caption=caption_of(f"n = {format_count(len(self))}", chance, self.world),
        )

"""What the chaos benchmark makes of requests."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.chaos import Act, Outcome, Scene, outcome, table
from knlab.measure.columns import ErrorClass, Requests


def _nothing(_scene: Scene, _seconds: float) -> int:
    return 0


KILLED = Act("pods killed", _nothing, 0.5, frozenset({502}))


def requests(*rows: tuple[int, ErrorClass]) -> Requests:
    return Requests.of(
        {
            "status": np.array([status for status, _ in rows]),
            "error": np.array([int(error) for _, error in rows]),
        }
    )


GOOD = (200, ErrorClass.NONE)


@pytest.mark.parametrize(
    ("rows", "faults", "passed"),
    [
        pytest.param([GOOD, GOOD], 1, True, id="all succeed"),
        pytest.param([GOOD, (502, ErrorClass.STATUS)], 1, True, id="an excused code"),
        pytest.param([GOOD, (500, ErrorClass.STATUS)], 1, False, id="a code without excuse"),
        pytest.param([GOOD, (0, ErrorClass.RESET)], 1, False, id="no answer"),
        pytest.param([GOOD, (0, ErrorClass.UNFINISHED)], 1, True, id="cut short by the end"),
        pytest.param([GOOD], 0, False, id="nothing was disturbed"),
    ],
)
def test_an_act_passes_if(rows: list[tuple[int, ErrorClass]], faults: int, *, passed: bool) -> None:
    assert outcome(KILLED, faults, requests(*rows)).passed is passed


def test_codes_and_ways_to_fail_are_counted() -> None:
    found = outcome(
        KILLED, 3, requests(GOOD, GOOD, (502, ErrorClass.STATUS), (0, ErrorClass.REFUSED))
    )
    assert (dict(found.codes), found.unanswered) == ({200: 2, 502: 1}, {"refused": 1})


def test_the_table_has_a_line_for_each_act() -> None:
    good = Outcome("traffic moved", 24, {200: 10}, {}, frozenset())
    bad = Outcome("pods killed", 2, {200: 3, 500: 1}, {"reset": 2}, frozenset({502}))
    assert list(table([good, bad]))[2:] == [
        "| traffic moved | 24 | 10 | none | none | passed |",
        "| pods killed | 2 | 3 | 500: 1 | reset: 2 | FAILED |",
    ]

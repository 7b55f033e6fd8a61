"""What half an hour of samples says."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from benchmarks.endurance import REST, SPARE, Sample, verdicts

Change = Callable[[float], int]
MEBIBYTE = 2**20


def level(_at: float) -> int:
    return 0


def samples(
    *,
    memory: Change = level,
    files: Change = level,
    threads: Change = level,
    zombies: Callable[[float], Sequence[int]] = lambda _at: (),
) -> list[Sample]:
    """Ten minutes: one of work, with pods, then one of rest, and so on."""
    found = []
    for at in range(0, 600, 10):
        rests = at // 60 % 2 == 1
        found.append(
            Sample(
                at=float(at),
                step=REST if rests else "50 users",
                resident=100 * MEBIBYTE + memory(at),
                descriptors=(20 if rests else 200) + files(at),
                threads=3 + threads(at),
                zombies=frozenset(zombies(at)),
                pods=0 if rests else 5,
            )
        )
    return found


def said(found: list[Sample]) -> dict[str, bool | None]:
    return {each.what: each.met for each in verdicts(found)}


MEMORY, FILES, THREADS, ZOMBIES = (
    "memory", "open files in rests", "threads in rests", "children nobody waited for",
)  # fmt: skip


@pytest.mark.parametrize(
    ("found", "unmet"),
    [
        pytest.param(samples(), set(), id="what stays as it is meets every demand"),
        pytest.param(
            samples(memory=lambda at: min(int(at), 150) * MEBIBYTE), set(),
            id="growth while it warms up is none",
        ),
        pytest.param(
            samples(memory=lambda at: int(at) * MEBIBYTE // 5), {MEMORY},
            id="memory may not grow for ever",
        ),
        pytest.param(
            samples(files=lambda at: int(at) // 30), {FILES}, id="files may not stay open"
        ),
        pytest.param(
            samples(files=lambda at: SPARE if at > 400 else 0), set(),
            id="a few connections may be kept",
        ),
        pytest.param(
            samples(threads=lambda at: int(at) // 30), {THREADS}, id="threads have to end"
        ),
        pytest.param(
            samples(zombies=lambda at: [7] if at in {90, 100} else []), {ZOMBIES},
            id="a child that stays dead for two samples is a zombie",
        ),
        pytest.param(
            samples(zombies=lambda at: [int(at)]), set(),
            id="a child that has just died is none",
        ),
    ],
)  # fmt: skip
def test_verdicts(found: list[Sample], unmet: set[str]) -> None:
    assert {what for what, met in said(found).items() if not met} == unmet


def test_a_rest_counts_once_the_pods_are_gone() -> None:
    busy = [each for each in samples() if each.step != REST]
    assert said(busy) == {MEMORY: True, FILES: None, THREADS: None, ZOMBIES: True}


def test_too_few_samples_say_nothing() -> None:
    assert verdicts([]) == []
    assert said(samples()[:1])[MEMORY] is None

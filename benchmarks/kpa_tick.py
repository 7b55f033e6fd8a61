"""How long the autoscaler's arithmetic takes: one report and one decision for each of N revisions.

    python benchmarks/kpa_tick.py [--revisions 1000] [--rounds 50]

Prints the median and the worst round in milliseconds: `load` with full windows and changing load,
`silent` with windows whose last report is 30 s old, `zero` with nothing left in any window.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence

from knlab.kpa.autoscaler import Autoscaler
from knlab.kpa.spec import DeciderSpec
from knlab.kpa.stat import Stat

START = 1_700_000_000.0


def filled(revisions: int) -> list[Autoscaler]:
    """That many autoscalers, each with 60 s of reports behind it."""
    made = [Autoscaler(DeciderSpec(), ready=1, now=START) for _ in range(revisions)]
    for second in range(60):
        for number, autoscaler in enumerate(made):
            autoscaler.observe(START + second, report(second + number))
    return made


def report(seed: int) -> Stat:
    """Some load."""
    return Stat(
        revision="default/hello-00001",
        pod="hello-00001",
        time=0.0,
        average_concurrent_requests=float(seed % 97),
    )


def timed(work: Callable[[], None]) -> float:
    """Milliseconds that `work` takes."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def show(name: str, took: Sequence[float]) -> None:
    """Print one line."""
    print(f"{name:<16} median {statistics.median(took):7.2f} ms   worst {max(took):7.2f} ms")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--revisions", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=50)
    options = parser.parse_args()
    autoscalers = filled(options.revisions)
    stats = [report(number) for number in range(options.revisions)]
    print(f"{options.revisions} revisions, {options.rounds} rounds")

    now = START + 60

    def observe() -> None:
        for autoscaler, stat in zip(autoscalers, stats, strict=True):
            autoscaler.observe(now, stat)

    def tick() -> None:
        for autoscaler in autoscalers:
            autoscaler.tick(now, 1)

    observed, loaded = [], []
    for _ in range(options.rounds):
        observed.append(timed(observe))
        loaded.append(timed(tick))
        now += 2
    show("reports", observed)
    show("tick, load", loaded)
    now += 30
    show("tick, silent", [timed(tick) for _ in range(options.rounds)])
    now += 600
    show("tick, zero", [timed(tick) for _ in range(options.rounds)])


if __name__ == "__main__":
    main()

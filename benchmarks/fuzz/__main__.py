"""Malformed requests against a temporary cluster with Knative.

python -m benchmarks.fuzz [--requests 20000] [--seed 1]
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections import Counter

from benchmarks.fuzz.requests import cases
from benchmarks.fuzz.target import log_of, prepared, tracebacks
from benchmarks.fuzz.wire import Outcome, run
from benchmarks.machine import machine
from knlab.cluster import process
from knlab.cluster.connect import connect


def main() -> int:
    """Send them and print what came back; 1 if any answer was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    began = time.monotonic()
    with process.temporary() as directory:
        server = prepared(connect("embedded", state_dir=directory), directory / "kubeconfig")
        outcome = asyncio.run(run(server, cases(chosen.seed, chosen.requests)))
        logged = list(tracebacks(log_of(directory)))
    seconds = time.monotonic() - began
    print(f"{machine()}\n\nseed {chosen.seed}: {outcome.sent} requests in {seconds:.0f} s\n")
    _report(outcome, logged)
    return 1 if outcome.faults or logged else 0


def _report(outcome: Outcome, logged: list[str]) -> None:
    labels = sorted({label for label, _ in outcome.statuses})
    statuses = sorted({status for _, status in outcome.statuses})
    heads = [str(status) if status else "closed" for status in statuses]
    print(f"| | {' | '.join(heads)} |\n| --- |{' --: |' * len(heads)}")
    for label in labels:
        row = [str(outcome.statuses.get((label, status), "")) for status in statuses]
        print(f"| {label} | {' | '.join(row)} |")
    print(f"\n{len(outcome.faults)} wrong answers, {len(logged)} tracebacks in the log")
    for reason, count in Counter(
        f"{f.case.label}: {f.reason[:150]}" for f in outcome.faults
    ).most_common(20):
        print(f"{count:5} {reason}")
    for fault in outcome.faults[:10]:
        print(f"\n{fault.reason[:150]}\n{fault.case.raw[:600]!r}")
    for reason, text in {text.splitlines()[-1]: text for text in logged}.items():
        print(f"\n{sum(t.splitlines()[-1] == reason for t in logged)} times:\n{text}")


if __name__ == "__main__":
    sys.exit(main())

"""How long a cluster takes to start, to install Knative, and to make its first Service ready.

python -m benchmarks.start_and_latency

How fast requests are answered then, cold and warm: `python -m benchmarks.dataplane`.
"""

from __future__ import annotations

import time

import knlab
from benchmarks.machine import machine
from knlab._units import format_duration
from knlab.cluster import process
from knlab.cluster.connect import connect


def main() -> None:
    """Measure once and print a Markdown table."""
    print(f"{machine()}\n\n| what | took |\n| --- | --- |")
    began = time.monotonic()
    with process.temporary() as directory:
        _row("`knlab up` to a cluster that answers", time.monotonic() - began)
        cluster = connect("embedded", state_dir=directory)
        _row("Knative installed and ready", cluster.install().seconds)
        cluster.ensure_knative()
        first = cluster.deploy("first", image=knlab.images.HELLO)
        _row("first Service, deployed to Ready", first.wait_ready().seconds)


def _row(what: str, seconds: float) -> None:
    print(f"| {what} | {format_duration(seconds)} |", flush=True)


if __name__ == "__main__":
    main()

"""How long a cluster takes to start and to install Knative; one request cold and warm.

python -m benchmarks.start_and_latency [--samples 10]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

import knlab
from benchmarks.machine import machine
from knlab._units import format_duration
from knlab.cluster import process
from knlab.cluster.connect import connect

WARM = 200


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=10, help="cold starts (default: 10)")
    samples = parser.parse_args().samples
    began = time.monotonic()
    with process.temporary() as directory:
        started = time.monotonic() - began
        rows = _measured(directory, samples)
    rows.insert(0, ("`knlab up` to a cluster that answers", "1", *_same(started)))
    print(f"{machine()}\n")
    print("| what | n | median | p90 | max |\n| --- | --- | --- | --- | --- |")
    for row in rows:
        print(f"| {' | '.join(row)} |")


def _measured(directory: Path, samples: int) -> list[tuple[str, ...]]:
    cluster = connect("embedded", state_dir=directory)
    installed = cluster.install()
    cluster.ensure_knative()
    services = [
        cluster.deploy(f"cold-{number}", image=knlab.images.HELLO, window="6s")
        for number in range(samples)
    ]
    readiness = [service.wait_ready().seconds for service in services[:1]]
    for service in services:
        service.wait_ready()
    for service in services:
        service.wait_scaled_to_zero()
    cold = [knlab.request(service.url).wait for service in services]
    warm = [knlab.request(services[-1].url).wait for _ in range(WARM)]
    return [
        ("Knative installed and ready", "1", *_same(installed.seconds)),
        ("first Service, deployed to Ready", "1", *_same(readiness[0])),
        ("cold: first byte from zero pods", str(samples), *_spread(cold)),
        ("warm: first byte", str(WARM), *_spread(warm)),
    ]


def _same(seconds: float) -> tuple[str, str, str]:
    return format_duration(seconds), "", ""


def _spread(seconds: list[float]) -> tuple[str, ...]:
    found = np.percentile(seconds, [50, 90, 100], method="inverted_cdf")
    return tuple(format_duration(float(value)) for value in found)


if __name__ == "__main__":
    main()

"""How fast requests get through a gateway: embedded, real Knative and bare nginx by one client.

    python -m benchmarks.dataplane [--seconds 30] [--only NAME] [--save FILE] [--against FILE]

$KNLAB_CLUSTER names the cluster as everywhere (`kubeconfig` is that of $KUBECONFIG); without it a
fresh embedded one is started. Images go through the table, so $KNLAB_IMAGES names other ones.
The client is hey where it is installed ($KNLAB_HEY, or on PATH), else knlab's own generator: only
figures of one client can be compared. Everything shares the machine: compare shares of nginx.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.dataplane import figures
from benchmarks.dataplane.client import Client, available_client
from benchmarks.dataplane.figures import Findings
from benchmarks.dataplane.scenarios import SCENARIOS, Bench, chosen
from benchmarks.https_client import server_of
from benchmarks.machine import machine
from knlab._exceptions import UsageError
from knlab.cluster import process
from knlab.cluster.connect import ENVIRONMENT, attach, connect


@contextmanager
def _bench(client: Client, seconds: float) -> Iterator[Bench]:
    """The cluster that the environment names, or a fresh embedded one; with Knative in it."""
    where = os.environ.get(ENVIRONMENT) or "embedded"
    if where.startswith("kubeconfig:"):
        raise UsageError(
            f"{ENVIRONMENT}={where!r} names a context",
            hint="use kubeconfig, and a file in KUBECONFIG whose current context it is",
        )
    if where != "embedded":
        cluster = connect(where)
        cluster.ensure_knative()
        kubeconfig = Path(os.environ.get("KUBECONFIG", "~/.kube/config")).expanduser()
        yield Bench(cluster, client, server_of(kubeconfig), seconds)
        return
    with process.temporary() as directory:
        running = process.start(directory)
        cluster = attach(running)
        cluster.ensure_knative()
        yield Bench(cluster, client, server_of(Path(running.kubeconfig)), seconds, running.pid)


def measure(seconds: float, names: list[str]) -> Findings:
    """The figures of every scenario in `names`."""
    with _bench(available_client(), seconds) as bench:
        world, client = bench.cluster.world, bench.client.name
        found = Findings(world=world, client=client, seconds=seconds)
        print(f"{machine()}; client {client}, {seconds:g} s each; {bench.cluster!r}", flush=True)
        for name in names:
            found.figures.extend(SCENARIOS[name](bench))
        found.remarks.extend(bench.remarks)
    return found


def main() -> None:
    """Measure and print Markdown tables."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.dataplane",
        description=__doc__.partition("\n")[0],
    )
    parser.add_argument("--seconds", type=float, default=30.0, help="of each load (default: 30)")
    parser.add_argument("--only", action="append", choices=[*SCENARIOS], default=[])
    parser.add_argument("--save", type=Path, help="keep the figures in this file")
    parser.add_argument("--against", type=Path, help="compare with the figures in this file")
    options = parser.parse_args()
    found = measure(options.seconds, chosen(options.only))
    other = Findings.from_json(options.against.read_text()) if options.against else None
    if options.save:
        options.save.write_text(found.to_json())
    print("", *figures.table(found), sep="\n")
    print("", *found.remarks, sep="\n")
    if other is not None:
        print("", *figures.comparison(found, other), sep="\n")
        if other.client != found.client:
            print(f"\nThe other run's client was {other.client}: not comparable.")
    if found.world == "embedded":
        print("", *figures.verdicts(found, other), sep="\n")


if __name__ == "__main__":
    main()

"""load: the load generator from a terminal, for any URL."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from knlab._state import read_running
from knlab.cli.cluster_verbs import add_state_dir, state_dir

if TYPE_CHECKING:
    from knlab.measure.load import Progress

    Verbs: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]


def add_verbs(verbs: Verbs) -> None:
    """Add this group to the parser."""
    text = "load a URL with users that send one request after another"
    parser = verbs.add_parser("load", help=text, description=f"{text.capitalize()}, like hey.")
    parser.add_argument("url", metavar="URL", help="names of the cluster in use are found offline")
    parser.add_argument("--duration", default="10s", metavar="TIME", help="default: 10s")
    parser.add_argument("--concurrency", type=int, default=50, metavar="N", help="default: 50")
    parser.add_argument(
        "--timeout", default="20s", metavar="TIME", help="of a request; default: 20s"
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    add_state_dir(parser)
    parser.set_defaults(run=_load)


def _load(chosen: argparse.Namespace) -> int:
    from knlab.results import load  # noqa: PLC0415 - loads numpy

    _enter_gateway(chosen.url, state_dir(chosen))
    run = load(
        chosen.url,
        duration=chosen.duration,
        concurrency=chosen.concurrency,
        timeout=chosen.timeout,
        on_progress=_show if sys.stderr.isatty() else None,
    )
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)
    if chosen.json:
        print(json.dumps(run.summary.to_json(), indent=2))
    else:
        print(run.hey())
        print(" · ".join(filter(None, [run.verdict, f"world: {run.world}" if run.world else ""])))
    return 0 if run.summary.requests else 1


def _enter_gateway(url: str, directory: Path) -> None:
    """Make a name of the cluster in use lead to its gateway, port and all."""
    elsewhere = os.environ.get("KNLAB_CLUSTER", "embedded") != "embedded"
    running = read_running(directory)
    if elsewhere or running is not None:
        from knlab.cluster.connect import attach, connect  # noqa: PLC0415 - loads the client

        cluster = connect() if running is None or elsewhere else attach(running)
        cluster.route_own(url)


def _show(progress: Progress) -> None:
    failed = f", {progress.failed:,} errors" if progress.failed else ""
    line = f"\r\033[K{progress.at:5.1f} s  {progress.requests:,} requests{failed}"
    print(line, end="", file=sys.stderr, flush=True)

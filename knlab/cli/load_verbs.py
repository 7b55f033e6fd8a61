"""load: the load generator from a terminal, for any URL."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    Verbs: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]


def add_verbs(verbs: Verbs) -> None:
    """Add this group to the parser."""
    text = "load a URL with users that send one request after another"
    parser = verbs.add_parser("load", help=text, description=f"{text.capitalize()}, like hey.")
    parser.add_argument("url")
    parser.add_argument("--duration", default="10s", metavar="TIME", help="default: 10s")
    parser.add_argument("--concurrency", type=int, default=50, metavar="N", help="default: 50")
    parser.add_argument(
        "--timeout", default="20s", metavar="TIME", help="of a request; default: 20s"
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=_load)


def _load(chosen: argparse.Namespace) -> int:
    from knlab.measure.load import load  # noqa: PLC0415 - loads numpy

    run = load(
        chosen.url,
        duration=chosen.duration,
        concurrency=chosen.concurrency,
        timeout=chosen.timeout,
    )
    summary = run.summary
    if chosen.json:
        print(json.dumps(summary, indent=2))
    else:
        print(summary)
    return 0

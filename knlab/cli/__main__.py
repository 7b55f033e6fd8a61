"""`knlab VERB …`: the course, the embedded cluster and the load generator from a terminal."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from knlab import versions
from knlab._exceptions import KnlabError
from knlab.cli import cluster_verbs, course_verbs, image_verbs, load_verbs

_INTERRUPTED = 130
_TERMINATED = 143


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0, 1 for an error that was explained, 2 for wrong usage, 128+n for signal n."""
    signal.signal(signal.SIGTERM, _terminate)
    chosen = _parser().parse_args(arguments)
    try:
        return int(chosen.run(chosen))
    except KnlabError as error:
        print(f"knlab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("knlab: interrupted", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return 1


def _terminate(_number: int, _frame: object) -> NoReturn:
    """SIGTERM unwinds the stack, so that whatever was started is stopped."""
    raise SystemExit(_TERMINATED)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="knlab",
        description="Learn Knative by running it, on a cluster that needs only Python.",
    )
    parser.add_argument("--version", action="version", version=f"knlab {versions.KNLAB}")
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    for group in (course_verbs, cluster_verbs, image_verbs, load_verbs):
        group.add_verbs(verbs)
    return parser


if __name__ == "__main__":
    sys.exit(main())

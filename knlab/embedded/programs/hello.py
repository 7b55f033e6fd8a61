"""`helloworld-go`: answers `Hello $TARGET!` on every path; `/slow?ms=N` takes its time first."""

from __future__ import annotations

import os

from knlab.embedded.programs._http import Steps, run

_TARGET = os.environ.get("TARGET") or "World"


def answer(path: str, query: dict[str, str]) -> Steps:
    """The greeting, after the wait that `/slow` asks for."""
    wait = query.get("ms", "")
    if path == "/slow" and wait.isascii() and wait.isdigit():
        yield int(wait) / 1000
    return 200, f"Hello {_TARGET}!\n"


def main() -> None:
    """Serve until SIGTERM."""
    run("helloworld", answer)


if __name__ == "__main__":
    main()

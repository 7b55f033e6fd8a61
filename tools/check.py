"""Everything that must pass before a change lands: `make test`.

python -m tools.check                 all of it
python -m tools.check --only lint     one group: lint, tests or notebooks
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from knlab.cluster import process

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
GROUPS: dict[str, list[list[str]]] = {
    "lint": [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy"],
        ["lint-imports"],
        ["python", "-m", "tools.build_manifests", "--check"],
        ["python", "-m", "tools.build_notebooks", "--check"],
    ],
    "tests": [["pytest", "-q"]],
    "notebooks": [
        [
            "pytest", "-q", "--nbval-lax", "--nbval-sanitize-with=tests/sanitize.cfg",
            "--nbval-cell-timeout=300", "--timeout=0", "--durations=10", "notebooks",
        ]
    ],
}  # fmt: skip
OPTIONAL = {"kubectl": "the acceptance tests with stock kubectl", "curl": "the tests of curl lines"}


def main(arguments: list[str]) -> int:
    """Run the checks one after another; 1 at the first that fails."""
    parser = argparse.ArgumentParser(description="Run knlab's checks.")
    parser.add_argument("--only", choices=sorted(GROUPS))
    only = parser.parse_args(arguments).only
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="knlab-check-") as home:
        state = Path(home) / "state"
        environment = os.environ | {
            "KNLAB_STATE_DIR": str(state),
            "KNLAB_PACE": "quick",
            "KNLAB_CLUSTER": "embedded",
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        }
        groups = [only] if only else list(GROUPS)
        if "notebooks" in groups:
            process.start(state, process.Launch(with_parent=True))
        try:
            failed = _run(groups, environment)
        finally:
            process.stop(state)
    for tool, what in OPTIONAL.items():
        if shutil.which(tool) is None:
            print(f"skipped, because {tool} is not installed: {what}")
    verdict = f"failed: {failed}" if failed else "all checks passed"
    print(f"{verdict} after {time.monotonic() - began:.0f} s", flush=True)
    return 1 if failed else 0


def _run(groups: list[str], environment: dict[str, str]) -> str:
    """The first command that fails; empty if all pass."""
    for group in groups:
        for command in GROUPS[group]:
            shown = " ".join(command)
            print(f"── {shown}", flush=True)
            program = [str(BIN / command[0]), *command[1:]]
            if subprocess.run(program, cwd=ROOT, env=environment, check=False).returncode:
                return shown
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Every benchmark, one after another; each prints its own table."""

from __future__ import annotations

import subprocess
import sys

SCRIPTS = ("start_and_latency", "kpa_tick", "api")


def main() -> int:
    """Run them all; the number of those that failed."""
    failed = 0
    for name in SCRIPTS:
        print(f"\n## {name}\n", flush=True)
        failed += bool(
            subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode
        )
    return failed


if __name__ == "__main__":
    sys.exit(main())

"""Lists the benchmarks, or runs those that are named, one after another."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from importlib import import_module

import benchmarks


def found() -> dict[str, str]:
    """Name and purpose of each module and package of this package that has a `main`."""
    purposes = {}
    for each in pkgutil.iter_modules(benchmarks.__path__):
        module = f"benchmarks.{each.name}{'.__main__' if each.ispkg else ''}"
        if each.name != "__main__" and hasattr(loaded := import_module(module), "main"):
            purposes[each.name] = (loaded.__doc__ or "").partition("\n")[0]
    return purposes


def main(names: list[str]) -> int:
    """The number of named benchmarks that failed."""
    known = found()
    if unknown := [name for name in names if name not in known]:
        sys.exit(f"no benchmark {', '.join(unknown)}; there are {', '.join(known)}")
    if not names:
        width = max(map(len, known))
        print("python -m benchmarks NAME …, or python -m benchmarks.NAME --help\n")
        print("\n".join(f"{name:<{width}}  {purpose}" for name, purpose in known.items()))
    failed = 0
    for name in names:
        print(f"\n## {name}\n", flush=True)
        ended = subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False)
        failed += ended.returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

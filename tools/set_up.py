"""Make `.venv` and install knlab into it, with nothing but Python; uv is used where it is found."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
VENV = ROOT / ".venv"
NEEDED = (3, 11)


def main() -> int:
    """Set up; 0, or 1 after saying what is missing."""
    if problem := _problem():
        print(f"set up: {problem}", file=sys.stderr)
        return 1
    python = VENV / "bin" / "python"
    uv = shutil.which("uv")
    if not python.exists():
        print("set up: making .venv", flush=True)
        make = [uv, "venv", "--quiet"] if uv else [sys.executable, "-m", "venv"]
        subprocess.run([*make, str(VENV)], check=True)
    print("set up: installing knlab (a minute or two)", flush=True)
    if uv:
        pip = [uv, "pip", "install", "--quiet", "--python", str(python)]
    else:
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--upgrade", "pip"], check=True, cwd=ROOT)
    subprocess.run([*pip, "--editable", ".", "--group", "dev"], check=True, cwd=ROOT)
    (VENV / ".ready").touch()
    return 0


def _problem() -> str:
    """What this machine lacks, with the remedy; empty if nothing."""
    if sys.version_info < NEEDED:
        have, need = sys.version.split()[0], ".".join(map(str, NEEDED))
        return (
            f"Python {need} or newer is needed, this is {have}; try make PYTHON=python{need} course"
        )
    missing = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]
    if missing and not shutil.which("uv"):
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        return (
            f"this Python has no {' and no '.join(missing)}; on Debian and Ubuntu run"
            f" `apt install python{version}-venv`"
        )
    if not os.access(ROOT, os.W_OK):
        return f"cannot write to {ROOT}; clone into a directory of your own"
    return ""


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as failed:
        print(f"set up: {failed.cmd[0]} failed; its messages are above", file=sys.stderr)
        sys.exit(1)

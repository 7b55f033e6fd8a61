"""The layers hold, and the tool that says so would notice if they did not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
LINTER = Path(sys.executable).parent / "lint-imports"

BROKEN = """\
[tool.importlinter]
root_package = "knlab"

[[tool.importlinter.contracts]]
name = "upside down"
type = "layers"
layers = ["knlab._exceptions", "knlab.cluster"]

[[tool.importlinter.contracts]]
name = "this one holds"
type = "layers"
layers = ["knlab.cluster", "knlab._exceptions"]
"""


def _lint(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(LINTER), "--no-cache", *arguments]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=50, check=False
    )


def test_the_contracts_hold() -> None:
    linted = _lint()
    assert linted.returncode == 0, linted.stdout
    assert "0 broken" in linted.stdout


def test_a_contract_that_does_not_hold_is_noticed(tmp_path: Path) -> None:
    config = tmp_path / "pyproject.toml"
    config.write_text(BROKEN)
    linted = _lint("--config", str(config))
    assert linted.returncode == 1
    assert "upside down BROKEN" in linted.stdout
    assert "this one holds KEPT" in linted.stdout

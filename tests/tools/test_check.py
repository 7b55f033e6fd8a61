"""`make test`: stops at the first command that fails, and says which optional tools it missed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools import check

ROOT = Path(__file__).parents[2]


def test_a_failing_command_stops_the_rest_and_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    groups = {
        "lint": [["python", "-c", "pass"], ["python", "-c", "exit(3)"], ["python", "-c", "no"]]
    }
    monkeypatch.setattr(check, "GROUPS", groups)
    assert check.main([]) == 1
    said = capsys.readouterr().out
    assert "failed: python -c exit(3)" in said
    assert "── python -c no" not in said


def test_all_that_pass_say_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(check, "GROUPS", {"lint": [["python", "-c", "pass"]]})
    monkeypatch.setattr(check, "OPTIONAL", {"no-such-tool": "the tests of it"})
    assert check.main([]) == 0
    said = capsys.readouterr().out
    assert "skipped, because no-such-tool is not installed: the tests of it" in said
    assert "all checks passed" in said


def test_checks_run_on_a_cluster_of_their_own_at_quick_pace(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    names = ["KNLAB_STATE_DIR", "KNLAB_PACE", "KNLAB_CLUSTER"]
    monkeypatch.setenv("KNLAB_STATE_DIR", "/home/somebody/state")
    code = f"import os; print(*[os.environ[name] for name in {names}])"
    monkeypatch.setattr(check, "GROUPS", {"tests": [["python", "-c", code]]})
    assert check.main(["--only", "tests"]) == 0
    found = re.search(r"^(\S+/state) (\S+) (\S+)$", capfd.readouterr().out, re.MULTILINE)
    assert found
    state, pace, cluster = found.groups()
    assert "somebody" not in state
    assert (pace, cluster) == ("quick", "embedded")


def test_ci_runs_what_people_run() -> None:
    assert "  exec make test" in (ROOT / ".ci" / "run").read_text().splitlines()
    assert "-m tools.check" in (ROOT / "Makefile").read_text()

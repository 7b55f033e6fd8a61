"""Setting up: what a machine lacks is said with the remedy."""

from __future__ import annotations

import importlib.util
import sys
from collections import namedtuple
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from tools import set_up

Version = namedtuple("Version", "major minor micro releaselevel serial")


def _without(*names: str) -> Callable[[str], ModuleSpec | None]:
    find = importlib.util.find_spec
    return lambda name: None if name in names else find(name)


def test_a_machine_that_has_everything_has_no_problem() -> None:
    assert set_up._problem() == ""


def test_an_old_python_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", Version(3, 9, 2, "final", 0))
    monkeypatch.setattr(sys, "version", "3.9.2 (default)")
    problem = set_up._problem()
    assert problem.startswith("Python 3.11 or newer is needed, this is 3.9.2")
    assert "make PYTHON=python3.11 course" in problem


@pytest.mark.parametrize(
    ("missing", "words"),
    [(("venv",), "no venv"), (("ensurepip",), "no ensurepip"),
     (("venv", "ensurepip"), "no venv and no ensurepip")],
)  # fmt: skip
def test_a_python_without_venv_gets_the_debian_package_named(
    missing: tuple[str, ...], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", _without(*missing))
    monkeypatch.setattr("shutil.which", lambda _name: None)
    problem = set_up._problem()
    assert words in problem
    assert f"apt install python3.{sys.version_info.minor}-venv" in problem


def test_uv_needs_neither(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", _without("venv", "ensurepip"))
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    assert set_up._problem() == ""


def test_a_clone_that_cannot_be_written_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.access", lambda _path, _mode: False)
    assert set_up.main() == 1
    said = capsys.readouterr().err
    assert said.startswith(f"set up: cannot write to {Path(set_up.__file__).parent.parent}")
    assert "clone into a directory of your own" in said

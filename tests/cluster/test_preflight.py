"""Preflight: looks, changes nothing, and says what it allows."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from knlab.cluster.preflight import Check, Preflight, preflight


def _checks(*names: str) -> Preflight:
    return Preflight(tuple(Check(name, "1.0", "ok", "everything") for name in names))


@pytest.mark.parametrize(
    ("names", "verdict"),
    [
        pytest.param((), "embedded only", id="nothing"),
        pytest.param(("kubectl", "docker", "kind"), "full", id="kind, kubectl and docker"),
        pytest.param(("kubectl", "docker", "minikube"), "full", id="minikube instead of kind"),
        pytest.param(("kubectl", "minikube"), "embedded only", id="no docker"),
        pytest.param(("docker", "kind"), "embedded only", id="no kubectl"),
    ],
)
def test_verdict(names: tuple[str, ...], verdict: str) -> None:
    assert _checks(*names).verdict == verdict


def test_this_machine_is_looked_at() -> None:
    found = {check.name: check for check in preflight().checks}
    assert found["Python"].verdict == "ok"
    assert int(found["processors"].found) >= 1
    assert found["loopback"].found.startswith("127.0.0")
    assert {"kubectl", "kn", "hey", "curl", "docker", "minikube", "kind"} <= found.keys()


def _program(directory: Path, name: str, script: str) -> None:
    path = directory / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_tools_are_asked_for_their_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    _program(tmp_path, "kubectl", "echo 'Client Version: v1.32.4-dispatcher'")
    _program(tmp_path, "hey", "exit 2")
    _program(tmp_path, "kn", "echo nothing of use")
    found = {check.name: check for check in preflight().checks}
    assert (found["kubectl"].found, found["kubectl"].verdict) == ("1.32.4", "ok")
    assert (found["hey"].found, found["hey"].verdict) == ("found", "ok")
    assert (found["kn"].found, found["kn"].verdict) == ("found", "ok")
    assert found["docker"].verdict == "missing"
    assert found["docker"].hint.startswith("https://")


def test_a_tool_that_does_not_run_counts_as_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "curl").write_bytes(b"\x7fELF no program")
    (tmp_path / "curl").chmod(0o755)
    found = {check.name: check for check in preflight().checks}
    assert (found["curl"].found, found["curl"].verdict) == ("does not run", "missing")


def test_it_can_be_read() -> None:
    assert repr(_checks("kubectl")).splitlines()[-1] == "verdict: embedded only"
    assert "verdict: embedded only" in _checks("kubectl")._repr_html_()

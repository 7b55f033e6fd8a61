"""The state directory: whose it is, and who runs on it."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from knlab import _state
from knlab._exceptions import StateError

RUNNING = _state.Running(
    pid=1,
    api="https://127.0.0.1:6443",
    gateway="http://127.0.0.1:8080",
    kubeconfig="/k",
    state_dir="/s",
    version="0.1.0",
    started=1.0,
)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"KNLAB_STATE_DIR": "/x/y"}, "/x/y"),
        ({"KNLAB_STATE_DIR": "~/y", "HOME": "/h"}, "/h/y"),
        ({"XDG_STATE_HOME": "/xdg"}, "/xdg/knlab"),
        ({"HOME": "/h"}, "/h/.local/state/knlab"),
    ],
)
def test_where_state_is_kept(
    environment: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("KNLAB_STATE_DIR", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert _state.default_state_dir() == Path(expected)


def test_claiming_makes_a_private_directory_with_the_format_marked(tmp_path: Path) -> None:
    directory = tmp_path / "deep" / "state"
    _state.claim(directory)
    _state.claim(directory)
    assert (directory / "FORMAT").read_text() == "1\n"
    assert directory.stat().st_mode & 0o777 == 0o700


def test_a_claim_that_was_cut_short_can_be_made_again(tmp_path: Path) -> None:
    (tmp_path / ".FORMAT").write_text("")
    _state.claim(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["FORMAT"]
    assert (tmp_path / "FORMAT").read_text() == "1\n"


def test_somebody_elses_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("dear")
    with pytest.raises(StateError, match="is not a knlab state directory") as refused:
        _state.claim(tmp_path)
    assert "KNLAB_STATE_DIR" in refused.value.hint
    assert sorted(path.name for path in tmp_path.iterdir()) == ["letter"]


def test_a_file_is_no_state_directory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="is not a knlab state directory"):
        _state.claim(tmp_path / "file")


def test_a_newer_format_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "FORMAT").write_text("99\n")
    with pytest.raises(StateError, match="has state format '99', this knlab reads '1'") as refused:
        _state.claim(tmp_path)
    assert "knlab reset" in refused.value.hint
    assert (tmp_path / "FORMAT").read_text() == "99\n"


def test_a_killed_process_runs_no_more(tmp_path: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    _state.write_running(tmp_path, replace(RUNNING, pid=gone.pid))
    with (tmp_path / "lock").open("w") as lock:  # the next one holds it, and is not ready yet
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert _state.read_running(tmp_path) is None
        _state.write_running(tmp_path, replace(RUNNING, pid=os.getpid()))
        assert _state.read_running(tmp_path) is not None


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")  # below a file not even root can write
    with pytest.raises(StateError, match=r"cannot write to .*: Not a directory") as refused:
        _state.claim(tmp_path / "file" / "state")
    assert "--state-dir" in refused.value.hint


def test_an_announcement_counts_only_while_somebody_holds_the_lock(tmp_path: Path) -> None:
    assert _state.read_running(tmp_path) is None
    _state.write_running(tmp_path, RUNNING)
    assert _state.read_running(tmp_path) is None
    lock = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    assert _state.read_running(tmp_path) is None
    fcntl.flock(lock, fcntl.LOCK_EX)
    assert _state.is_locked(tmp_path)
    assert _state.read_running(tmp_path) == RUNNING
    os.close(lock)
    assert _state.read_running(tmp_path) is None


@pytest.mark.parametrize("text", ["", "[]", "{", json.dumps({"pid": 1})])
def test_a_damaged_announcement_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "cluster.json").write_text(text)
    assert _state.read_running(tmp_path) is None

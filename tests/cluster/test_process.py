"""The process seen from outside: what its last words become, and what is never deleted."""

from __future__ import annotations

from pathlib import Path

import pytest

from knlab._exceptions import StateError
from knlab.cluster import process


@pytest.mark.parametrize(
    ("log", "message", "hint"),
    [
        pytest.param("", "it said nothing", "says more", id="silence"),
        pytest.param("boom\n", "boom", "says more", id="one line"),
        pytest.param("boom\n  → duck\n", "boom", "duck", id="a line and its remedy"),
        pytest.param(
            "Traceback\n  File x\nValueError: no\n", "ValueError: no", "says more", id="a crash"
        ),
    ],
)
def test_last_words(tmp_path: Path, log: str, message: str, hint: str) -> None:
    path = tmp_path / "startup.log"
    path.write_text(log)
    said, remedy = process._last_words(path)
    assert said == message
    assert hint in remedy


def test_stopping_where_nothing_runs_is_no_error(tmp_path: Path) -> None:
    assert process.stop(tmp_path) is False
    assert process.stop(tmp_path / "missing") is False


@pytest.mark.parametrize("kind", ["a directory of somebody else's", "a file"])
def test_reset_deletes_only_what_is_ours(tmp_path: Path, kind: str) -> None:
    precious = tmp_path / "precious"
    precious.write_text("keep me")
    target = precious if kind == "a file" else tmp_path
    with pytest.raises(StateError, match="is not a knlab state directory") as refused:
        process.reset(target)
    assert refused.value.hint == "nothing was deleted"
    assert precious.read_text() == "keep me"


@pytest.mark.parametrize("marker", ["1", "2"])
def test_reset_deletes_a_state_directory_of_any_format(tmp_path: Path, marker: str) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "FORMAT").write_text(marker)
    process.reset(state)
    assert not state.exists()
    process.reset(state)

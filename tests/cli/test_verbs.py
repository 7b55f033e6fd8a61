"""Verbs that need no cluster, or say that they need one."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from knlab.cli.__main__ import main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Exit code, output and errors of `knlab ARGUMENTS` on an empty state directory."""
    monkeypatch.setenv("KNLAB_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.delenv("KNLAB_CLUSTER", raising=False)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.mark.parametrize(
    ("verb", "words"),
    [("kubeconfig", "there is no cluster on"), ("logs", "there is no log at")],
)
def test_what_needs_a_cluster_says_how_to_start_one(run: Run, verb: str, words: str) -> None:
    code, out, err = run(verb)
    assert (code, out) == (1, "")
    assert words in err
    assert "knlab up" in err


def test_status_without_a_cluster(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("status")
    assert code == 1
    assert out == f"no embedded cluster runs on {tmp_path / 'state'}; start one with `knlab up`\n"
    code, out, _ = run("status", "--json")
    assert (code, json.loads(out)) == (1, {"state_dir": str(tmp_path / "state")})


def test_down_without_a_cluster_is_no_error(run: Run) -> None:
    assert run("down") == (0, "no cluster was running\n", "")


def test_an_option_wins_over_the_environment(run: Run, tmp_path: Path) -> None:
    assert str(tmp_path / "other") in run("status", "--state-dir", str(tmp_path / "other"))[1]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    directory = tmp_path / "state"
    directory.mkdir()
    (directory / "FORMAT").write_text("1\n")
    return directory


@pytest.mark.parametrize(
    ("answer", "gone"), [("y", True), ("Yes", True), ("n", False), ("", False)]
)
def test_reset_asks_first(
    run: Run, state: Path, answer: str, gone: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builtins.input", lambda question: answer if str(state) in question else "")
    code, out, _ = run("reset")
    assert (code, state.exists()) == ((0, False) if gone else (1, True))
    assert ("is gone" in out) is gone


def test_reset_yes_does_not_ask(run: Run, state: Path) -> None:
    assert run("reset", "--yes")[0] == 0
    assert not state.exists()


def test_logs_are_printed(run: Run, state: Path) -> None:
    (state / "logs").mkdir()
    (state / "logs" / "knlab.log").write_text("one\ntwo\n")
    assert run("logs") == (0, "one\ntwo\n", "")


def test_images_are_registered_and_listed(run: Run) -> None:
    assert "no programs of your own yet" in run("image", "list")[1]
    code, out, _ = run("image", "add", "dev.local/mine", "--", sys.executable, "-V")
    assert (code, out) == (0, f"dev.local/mine:latest runs {sys.executable} -V\n")
    assert run("image", "list")[1] == f"dev.local/mine:latest   {sys.executable} -V\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ghcr.io/knative/mine", "--", "true"], "cannot name a program of yours"),
        (["dev.local/hello:v1", "--", "true"], "ships with knlab"),
        (["dev.local/mine", "--", "no-such-program-anywhere"], "no program"),
    ],
)
def test_images_that_cannot_be(run: Run, arguments: list[str], words: str) -> None:
    code, _, err = run("image", "add", *arguments)
    assert code == 1
    assert words in err
    assert "→" in err or words == "ships with knlab"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nonsense"], "is not an http or https URL"),
        (["http://127.0.0.1:1/", "--duration", "soon"], "is not a duration"),
        (["http://127.0.0.1:1/", "--duration", "0s"], "duration=0"),
        (["http://127.0.0.1:1/", "--concurrency", "0"], "concurrency=0"),
        (["http://127.0.0.1:1/", "--timeout", "0s"], "timeout=0"),
    ],
)
def test_loads_that_cannot_be(run: Run, arguments: list[str], words: str) -> None:
    code, out, err = run("load", *arguments)
    assert (code, out) == (1, "")
    assert words in err
    assert "→" in err


def test_a_load_that_nobody_answers_is_a_result_and_a_failure(run: Run) -> None:
    arguments = ["load", "http://127.0.0.1:1/", "--duration", "0.2s", "--concurrency", "1"]
    code, out, _ = run(*arguments, "--json")
    said = json.loads(out)
    assert (code, said["requests"]) == (1, 0)
    assert said["errors"] > 0
    assert said["errors_by_class"].keys() == {"refused"}


def test_an_unknown_pace_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KNLAB_PACE", "slow")
    code, _, err = run("course", "--lesson", "0")
    assert code == 1
    assert "KNLAB_PACE='slow'" in err


def test_a_course_that_cannot_be_starts_nothing(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    tries = {
        ("--lesson", "77"): "there is no lesson 77",
        (str(tmp_path / "gone.ipynb"),): "gone.ipynb: No such file",
        ("--lesson", "0", "--output", str(tmp_path / "file" / "out")): "cannot write to",
    }
    for arguments, message in tries.items():
        code, _, err = run("course", *arguments)
        assert code == 1
        assert message in err
    assert not (tmp_path / "state").exists()

"""The command as a whole: verbs, exit codes, errors as sentences."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Iterator

import pytest

from knlab import versions
from knlab._exceptions import StateError
from knlab.cli import __main__ as cli

VERBS = [
    "course", "lab", "up", "install", "status", "kubeconfig", "logs", "down", "reset", "image",
    "load",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([verb, "--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert said.startswith(f"usage: knlab {verb}")
    assert len(said.splitlines()) > 3


def test_the_help_lists_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    said = capsys.readouterr().out
    assert not [verb for verb in VERBS if f"    {verb}" not in said]


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"knlab {versions.KNLAB}\n"


@pytest.mark.parametrize("arguments", [[], ["fly"], ["up", "--fast"], ["load"]])
def test_wrong_usage_is_exit_code_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2


class _Verb:
    """A parser whose only verb does what a test wants."""

    def __init__(self, action: object) -> None:
        self._action = action

    def parse_args(self, _arguments: object) -> argparse.Namespace:
        return argparse.Namespace(run=self._run)

    def _run(self, _chosen: argparse.Namespace) -> int:
        if isinstance(self._action, BaseException):
            raise self._action
        return 0


@pytest.mark.parametrize(
    ("happened", "code", "words"),
    [
        pytest.param(None, 0, "", id="it worked"),
        pytest.param(StateError("broken", hint="mend"), 1, "knlab: broken\n  → mend\n", id="error"),
        pytest.param(KeyboardInterrupt(), 130, "knlab: interrupted\n", id="interrupt"),
    ],
)
def test_exit_codes(
    happened: BaseException | None,
    code: int,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(cli, "_parser", lambda: _Verb(happened))
    assert cli.main([]) == code
    assert capsys.readouterr().err == words


def test_sigterm_unwinds_the_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    unwound = []

    def wait(_chosen: argparse.Namespace) -> int:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            unwound.append(True)
        return 0

    monkeypatch.setattr(cli, "_parser", lambda: argparse.Namespace(
        parse_args=lambda _arguments: argparse.Namespace(run=wait)))  # fmt: skip
    with pytest.raises(SystemExit) as ended:
        cli.main([])
    assert ended.value.code == 143
    assert unwound == [True]

"""A shell on a terminal: what somebody types, Ctrl-C and Ctrl-D, tty and stty."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from knlab.embedded.pods.box import Box
from knlab.embedded.pods.commands import exec_command, first_command
from knlab.embedded.pods.shim import _with_terminal

from .conftest import Run

PROMPT = "/ # "
INTERRUPT, END = "\x03", "\x04"


class Screen:
    """A shell, and who types at it."""

    def __init__(self, box: Box, *, first: bool) -> None:
        argv = ["sh"]
        command = (
            first_command(argv, box) if first else exec_command(argv, Path(box.directory), tty=True)
        )
        self._end, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (24, 80))
        self._process = subprocess.Popen(
            command.argv,
            env=command.env,
            cwd=command.cwd,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=_with_terminal,  # noqa: PLW1509 - one thread only
        )
        os.close(theirs)
        self._seen = ""

    def press(self, keys: str) -> None:
        os.write(self._end, keys.encode())

    def until(self, text: str) -> str:
        """What comes up to `text`; pytest's time limit ends a wait in vain."""
        while text not in self._seen:
            self._seen += os.read(self._end, 65536).decode()
        before, _, self._seen = self._seen.partition(text)
        return before

    def answer(self, line: str) -> str:
        """What the shell prints for `line`."""
        self.press(f"{line}\r")
        self.until("\r\n")
        return self.until(PROMPT).replace("\r\n", "\n")

    def exit(self) -> int:
        return self._process.wait(timeout=10)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._end)


@pytest.fixture(params=[True, False], ids=["first process", "exec"])
def screen(box: Box, request: pytest.FixtureRequest) -> Iterator[Screen]:
    made = Screen(box, first=request.param)
    made.until(PROMPT)
    yield made
    made.close()


@pytest.mark.parametrize(
    "loop",
    [
        "while true; do echo tick; sleep 0.01; done",
        "while true; do echo tick; done",
        "for i in 1 2 3; do echo tick; sleep 600; done",
        "while echo tick; do read line; done",
        "echo tick; sleep 600 & wait",
        "echo tick; x=$(sleep 600)",
        "echo tick; sleep 600 | cat",
        "echo tick; (sleep 600; echo more)",
    ],
)
def test_an_interrupt_ends_the_line_and_not_the_shell(screen: Screen, loop: str) -> None:
    screen.press(f"{loop}; echo after\r")
    screen.until("tick\r\n")
    screen.press(INTERRUPT)
    assert "\nafter" not in screen.until(PROMPT)
    assert screen.answer("echo $? again") == "130 again\n"


def test_an_interrupt_drops_what_is_typed(screen: Screen) -> None:
    screen.press(f"echo no{INTERRUPT}")
    screen.until(PROMPT)
    screen.press("if true\r")
    screen.until("> ")
    screen.press(INTERRUPT)
    screen.until(PROMPT)
    assert screen.answer("echo $?") == "130\n"


def test_an_interrupt_that_is_trapped(screen: Screen) -> None:
    screen.answer("trap 'echo trapped' INT")
    screen.press("for i in 1 2; do echo tick $i; sleep 0.2; done\r")
    screen.until("tick 1\r\n")
    screen.press(INTERRUPT)
    rest = screen.until(PROMPT)
    assert rest.index("trapped") < rest.index("tick 2")
    screen.answer("trap - INT")
    screen.press("sleep 600; echo after\r")
    screen.until("after\r\n")
    screen.press(INTERRUPT)
    screen.until(PROMPT)


def test_a_command_that_keeps_an_interrupt_for_itself(screen: Screen) -> None:
    inner = 'trap "echo kept; exit" INT; while true; do echo tick; sleep 0.01; done'
    screen.press(f"sh -c '{inner}'; echo after\r")
    screen.until("tick\r\n")
    screen.press(INTERRUPT)
    assert "kept\r\nafter\r\n" in screen.until(PROMPT)


def test_the_background_is_not_interrupted(screen: Screen) -> None:
    screen.press("(sleep 0.3; echo done >/tmp/f) & while true; do echo tick; done\r")
    screen.until("tick\r\n")
    screen.press(INTERRUPT)
    screen.until(PROMPT)
    assert screen.answer("wait; cat /tmp/f") == "done\n"


def test_the_end_of_input_ends_the_shell(screen: Screen) -> None:
    screen.press(f"false\r{END}")
    assert screen.exit() == 1


def test_the_terminal(screen: Screen) -> None:
    assert re.fullmatch(r"/dev/\S+\n", screen.answer("tty"))
    assert screen.answer("tty -s; echo $?") == "0\n"
    assert screen.answer("stty size") == "24 80\n"
    assert screen.answer("stty rows 30 cols 100; stty size") == "30 100\n"
    assert screen.answer("stty") == "speed 38400 baud; line = 0;\n"
    assert screen.answer("stty -echo; stty; stty sane") == "speed 38400 baud; line = 0;\n-echo\n"
    assert screen.answer("stty") == "speed 38400 baud; line = 0;\n"
    assert screen.answer("stty -a; echo $?") == "stty: -a: not available here\n1\n"


def test_no_terminal(run: Run) -> None:
    assert run("tty").stdout == "not a tty\n"
    assert run("tty").returncode == 1
    assert run("tty", "-s").stdout == ""
    assert run("stty", "size").stdout.startswith("stty: standard input: ")

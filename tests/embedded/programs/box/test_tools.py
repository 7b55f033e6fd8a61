"""The commands besides the shell, one line each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .conftest import Run

TRANSCRIPT = (Path(__file__).parent / "tools.txt").read_text()
"""`$ SCRIPT`, what it prints, and `[CODE]` unless that is 0; an empty line before the next."""


def scripts() -> list[tuple[str, str, int]]:
    found = []
    for entry in f"\n{TRANSCRIPT}".split("\n$ ")[1:]:
        script, _, rest = entry.removesuffix("\n").partition("\n")
        ended = re.fullmatch(r"(?P<printed>(?:.*\n)*)\[(?P<code>\d+)\]\n", f"{rest}\n", re.DOTALL)
        printed = ended["printed"] if ended else f"{rest}\n" if rest else ""
        found.append((script, printed, int(ended["code"]) if ended else 0))
    return found


SCRIPTS = scripts()


@pytest.mark.parametrize(("script", "printed", "code"), SCRIPTS, ids=[one[0] for one in SCRIPTS])
def test_a_line(run: Run, script: str, printed: str, code: int) -> None:
    ended = run("sh", "-c", script)
    assert (ended.stdout, ended.returncode) == (printed, code)


def test_a_long_list_of_files(run: Run) -> None:
    printed = run("sh", "-c", "cd /tmp; echo abc > f; ln -s f l; ls -l f l").stdout
    assert re.fullmatch(
        r"-rw-r--r--    1 root     root             4 \w{3} [ \d]\d \d\d:\d\d f\n"
        r"lrwxrwxrwx    1 root     root             1 \w{3} [ \d]\d \d\d:\d\d l -> f\n",
        printed,
    )


def test_processes_have_numbers_of_their_own(run: Run) -> None:
    printed = run("sh", "-c", "sleep 50 & ps; kill $!; wait; echo $$").stdout.splitlines()
    assert printed[0].split() == ["PID", "USER", "TIME", "COMMAND"]
    commands = {line.split(maxsplit=3)[3] for line in printed[1:-1]}
    assert {"sleep 50", "ps"} <= commands
    assert printed[-1] == "2"


def test_a_command_that_the_image_has_not(run: Run) -> None:
    assert run("sh", "-c", "curl http://web").stdout == "sh: curl: not found\n"

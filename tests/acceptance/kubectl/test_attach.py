"""`kubectl run -it` and `kubectl attach`: people at containers' own programs."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import termios
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tools.kubectl_transcripts import Session

PROMPT = r"/ # "
FILES = {
    "input.txt": "one\ntwo\n",
    "counter.yaml": """\
apiVersion: v1
kind: Pod
metadata: {name: counter}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: main
    image: busybox
    stdin: true
    command: [sh, -c, "while read line; do echo got $line; done; echo end; sleep 600"]
""",
}


class Terminal:
    """What somebody sees who runs kubectl on a terminal, and the keys that he presses."""

    def __init__(self, session: Session, line: str) -> None:
        self._end, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (30, 90))
        self._process = session.start(line, terminal=theirs)
        os.close(theirs)
        self._seen = ""

    def press(self, keys: str) -> None:
        """Type `keys`."""
        os.write(self._end, keys.encode())

    def until(self, pattern: str) -> str:
        """What comes up to `pattern`; pytest's time limit ends a wait in vain."""
        while not (found := re.search(pattern, self._seen)):
            self._seen += os.read(self._end, 65536).decode("utf-8", "replace")
        before, self._seen = self._seen[: found.end()], self._seen[found.end() :]
        return before

    def exit(self) -> int:
        """The exit code of kubectl, once all that it prints is read."""
        try:
            while os.read(self._end, 65536):
                pass
        except OSError:  # nobody has the other end any more
            pass
        return self._process.wait(timeout=30)

    def close(self) -> None:
        """Leave, as somebody who closes his window."""
        self._process.kill()
        self._process.wait()
        os.close(self._end)


@contextmanager
def terminal(session: Session, line: str) -> Iterator[Terminal]:
    """kubectl with `line` on a terminal while the block lasts."""
    made = Terminal(session, line)
    try:
        yield made
    finally:
        made.close()


def test_a_pod_for_one_command(session: Session) -> None:
    run = "run box --rm -i --image=busybox --restart=Never"
    piped = session.run(f"{run} -- cat < input.txt")
    assert piped.out.startswith("one\ntwo\n"), piped
    assert piped.code == 0
    with terminal(session, f"{run} -t -- sh -c 'echo hi; hostname; exit 3'") as screen:
        screen.until(r"hi\r\nbox\r\n")
        assert screen.exit() == 3
    assert not session.run("get pods -o name").out


def test_an_interactive_session(session: Session) -> None:
    run = "run box --rm -it --image=busybox --restart=Never"
    with terminal(session, f"{run} -- sh") as screen:
        screen.until(PROMPT)
        check_session(screen)
        with terminal(session, "attach -it box") as another:
            another.until("press")
            another.press("echo $((6 * 9))\r")
            another.until(r"54\r\n" + PROMPT)
            another.press("sh -c 'exit 5'\r")
            another.until(PROMPT)
            another.press("\x04")
            assert another.exit() == 0
        assert screen.exit() == 5
    assert not session.run("get pods -o name").out


def check_session(screen: Terminal) -> None:
    screen.press("echo $HOSTNAME $TERM $((6 * 7))\r")
    screen.until(r"\r\nbox xterm 42\r\n" + PROMPT)
    screen.press("tty && stty size\r")
    screen.until(r"\r\n/dev/\S+\r\n30 90\r\n" + PROMPT)
    screen.press("while true; do echo tick; sleep 0.1; done; echo after\r")
    screen.until(r"tick\r\ntick\r\n")
    screen.press("\x03")
    assert "\nafter" not in screen.until(PROMPT)
    screen.press("echo $?\r")
    screen.until(r"130\r\n" + PROMPT)


def test_attaching(session: Session) -> None:
    for line in ("create -f counter.yaml", "wait pod/counter --for=condition=Ready --timeout=40s"):
        assert not session.run(line).code
    for text in ("one", "two"):
        attached = session.start("attach -i counter")
        assert attached.stdin is not None
        attached.stdin.write(f"{text}\n")
        attached.stdin.flush()
        read_until(attached, f"got {text}")
        attached.communicate(timeout=20)
        assert attached.returncode == 0
    watching = session.start("attach counter")
    read_until(watching, "press")
    assert "got two" in session.run("logs counter").out
    assert not session.run("delete pod counter --now").code
    watching.communicate(timeout=20)
    assert watching.returncode == 0


def read_until(process: subprocess.Popen[str], text: str) -> None:
    """Returns when `process` has printed `text`; pytest's time limit ends a wait in vain."""
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return
    pytest.fail(f"{text!r} never came")

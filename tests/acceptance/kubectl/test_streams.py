"""What stays open: watches, logs, exec, port-forward; and what the machine uses."""

from __future__ import annotations

import re
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.acceptance.machine import eventually
from tools.kubectl_transcripts import Session

FILES = {
    "web.yaml": """\
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - {name: a, image: "dev.local/hello:v1", env: [{name: PORT, value: "8081"}]}
  - {name: b, image: "dev.local/hello:v1", env: [{name: PORT, value: "8082"}]}
""",
}


@contextmanager
def running(session: Session, line: str) -> Iterator[subprocess.Popen[str]]:
    """The command `line` while the block lasts."""
    process = session.start(line)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=20)


def read(process: subprocess.Popen[str], count: int) -> list[str]:
    """The next lines that `process` prints; pytest's time limit ends a wait in vain."""
    assert process.stdout is not None
    return [process.stdout.readline().rstrip("\n") for _ in range(count)]


@pytest.fixture
def pod(session: Session) -> Session:
    """A session with a pod of two containers that runs."""
    for line in ("create -f web.yaml", "wait pod/web --for=condition=Ready --timeout=40s"):
        assert not session.run(line).code
    return session


def test_a_watch_shows_what_happens(session: Session) -> None:
    with running(session, "get cm -w --output-watch-events -l app=web") as watch:
        assert not session.run("create -f web.yaml --dry-run=server").code
        for line in ("create cm a", "label cm a app=web", "label cm a app-", "delete cm a"):
            assert not session.run(line).code
        header, *events = read(watch, 3)
    assert header.split() == ["EVENT", "NAME", "DATA", "AGE"]
    assert [event.split()[:2] for event in events] == [["ADDED", "a"], ["DELETED", "a"]]


def test_only_what_changes_is_watched(session: Session) -> None:
    with running(session, "get cm -o name --watch-only --field-selector metadata.name=a") as watch:
        for _ in range(3):  # the watch may begin after the first of them
            session.run("create cm a")
            session.run("delete cm a")
        assert read(watch, 1) == ["configmap/a"]


def test_logs(pod: Session) -> None:
    whole = pod.run("logs web -c a")
    assert "8081" in whole.out
    assert not whole.err
    assert "Defaulted container" in pod.run("logs web").err
    both = pod.run("logs web --all-containers")
    assert "8081" in both.out
    assert "8082" in both.out
    prefixed = pod.run("logs -l app=web --all-containers --prefix")
    assert "[pod/web/a] " in prefixed.out
    stamped = pod.run("logs web -c a --timestamps --tail=1").out
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z ", stamped)
    assert len(stamped.splitlines()) == 1
    assert pod.run("logs web -c a --since=1h").out == whole.out
    assert pod.run("logs web -c a --limit-bytes=5").out == whole.out[:5]


def test_logs_are_followed_to_the_end(pod: Session) -> None:
    with running(pod, "logs web -c a -f") as followed:
        assert "8081" in read(followed, 1)[0]
        assert not pod.run("delete pod web --now").code
        followed.communicate(timeout=30)
    assert followed.returncode == 0


def test_exec_and_port_forward(pod: Session) -> None:
    check_exec(pod)
    check_port_forward(pod)


def check_exec(pod: Session) -> None:
    said = pod.run("exec web -c a -- env")
    assert "PORT=8081" in said.out.splitlines()
    assert "HOSTNAME=web" in said.out.splitlines()
    assert "Defaulted container" in pod.run("exec web -- hostname").err
    failed = pod.run("exec web -c a -- false")
    assert failed.code == 1
    assert "command terminated with exit code 1" in failed.err
    assert pod.run("exec web -c a -- no-such-program").code != 0
    with running(pod, "exec -i web -c a -- cat") as cat:
        out, _ = cat.communicate("in and out\n", timeout=20)
    assert out == "in and out\n"
    assert cat.returncode == 0


def check_port_forward(pod: Session) -> None:
    with running(pod, "port-forward pod/web :8081") as forwarded:
        (line,) = read(forwarded, 1)
        found = re.fullmatch(r"Forwarding from 127\.0\.0\.1:(\d+) -> 8081", line)
        assert found, line
        for _ in range(3):
            with urllib.request.urlopen(f"http://127.0.0.1:{found[1]}/") as answer:
                assert b"Hello" in answer.read()


def test_top(pod: Session) -> None:
    nodes = pod.run("top nodes")
    assert nodes.out.split()[:2] == ["NAME", "CPU(cores)"]
    eventually("a measurement", lambda: not pod.run("top pod web").code, within=40)
    table = pod.run("top pod web --containers").out.splitlines()
    assert table[0].split() == ["POD", "NAME", "CPU(cores)", "MEMORY(bytes)"]
    assert [row.split()[:2] for row in table[1:]] == [["web", "a"], ["web", "b"]]

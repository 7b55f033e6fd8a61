"""`knlab course` and `knlab lab`: what they leave behind, however they end."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import nbformat
import pytest

from knlab.report.offline import remote_references
from tests.acceptance.machine import (
    alive,
    command,
    descendants,
    eventually,
    run_knlab,
    surroundings,
)

BUSY = """\
import pathlib, knlab
cluster = knlab.connect()
cluster.ensure_knative()
hello = cluster.deploy("hello", image=knlab.images.HELLO, min_scale=1)
hello.wait_ready()
pathlib.Path("busy").touch()
knlab.load(hello.url, duration="50s", concurrency=5)"""


def _notebook(path: Path, title: str, *cells: str) -> Path:
    v4 = nbformat.v4
    prose = v4.new_markdown_cell(f"# {title}\n\n**What you will do.** See it run.\n\n## Part")
    notebook = v4.new_notebook(cells=[prose, *map(v4.new_code_cell, cells)])
    nbformat.write(notebook, path)
    return path


@contextmanager
def _busy_course(directory: Path) -> Iterator[tuple[subprocess.Popen[str], set[int]]]:
    """A course in the middle of a load run, and every process of it."""
    notebook = _notebook(directory / "busy.ipynb", "Busy", BUSY)
    started = subprocess.Popen(
        command("course", str(notebook), "--output", str(directory / "out")),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=surroundings(),
    )  # fmt: skip
    with started as course:
        try:
            eventually("it loads", (directory / "out" / "busy").exists, within=40)
            eventually("everything runs", lambda: len(descendants(course.pid)) >= 6, within=10)
            yield course, descendants(course.pid)
        finally:
            course.kill()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sign", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)]
)
def test_an_interrupted_course_leaves_no_process(
    tmp_path: Path, sign: signal.Signals, code: int
) -> None:
    with _busy_course(tmp_path) as (course, family):
        course.send_signal(sign)
        said, wrong = course.communicate(timeout=10)
        assert course.returncode == code
        eventually("nothing is left", lambda: not alive(family), within=5)
    assert "Traceback" not in wrong
    if sign != signal.SIGKILL:
        assert said.splitlines()[-1].endswith("interrupted")
        assert nbformat.read(tmp_path / "out" / "busy.ipynb", as_version=4)


@pytest.mark.slow
def test_the_end_of_the_cluster_ends_the_course(tmp_path: Path) -> None:
    with _busy_course(tmp_path) as (course, family):
        listed = subprocess.run(
            ["ps", "-o", "pid=,args=", "-p", ",".join(map(str, family))],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        found = re.search(r"^\s*(\d+) .* -m knlab\.embedded ", listed, re.MULTILINE)
        assert found, listed
        os.kill(int(found[1]), signal.SIGKILL)
        said, wrong = course.communicate(timeout=10)
        assert course.returncode == 1
        eventually("nothing is left", lambda: not alive(family), within=5)
    assert said.splitlines()[-1].endswith("FAILED")
    assert "busy.ipynb: the embedded cluster ended unexpectedly" in wrong
    assert "→ run the course again" in wrong
    assert "Traceback" not in wrong


@pytest.mark.slow
def test_a_course_that_works_and_one_that_fails(tmp_path: Path) -> None:
    good = _notebook(
        tmp_path / "good.ipynb", "Good",
        "import knlab\ncluster = knlab.connect()\ncluster",
        "import os\nprint(os.environ['KNLAB_PACE'], knlab.PACE)",
    )  # fmt: skip
    bad = _notebook(tmp_path / "bad.ipynb", "Bad", "x = 1", "raise ValueError('no way')", "x")
    output = tmp_path / "out"
    done = run_knlab("course", str(good), "--output", str(output))
    assert done.returncode == 0, done.stderr
    first, line, last = done.stdout.splitlines()
    assert first == "1 lesson at quick pace on cluster 'embedded'"
    assert re.fullmatch(r"Good +█{20}  2/2  0:\d\d  ok", line)
    assert last.endswith(f"open {output / 'index.html'}")
    page = (output / "good.html").read_text()
    assert "quick &lt;Pace quick" in page
    assert remote_references(page) == []

    failed = run_knlab("course", str(bad), str(good), "--output", str(output))
    assert failed.returncode == 1
    assert re.search(r"^Bad +█+░+  1/3  0:\d\d  FAILED$", failed.stdout, re.MULTILINE)
    assert "Good" not in failed.stdout
    assert "bad.ipynb, code cell 2 of 3:\n\n    raise ValueError('no way')" in failed.stderr
    assert "ValueError: no way" in failed.stderr
    kept = nbformat.read(output / "bad.ipynb", as_version=4)
    assert kept.cells[2].outputs[0].ename == "ValueError"
    assert str(output / "bad.ipynb") in failed.stderr


@pytest.mark.slow
def test_lab_serves_the_lessons_and_says_how_to_stop_the_cluster(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
        taken = run_knlab("lab", "--no-browser", "--port", str(port), cwd=tmp_path)
        assert taken.returncode == 1
        assert f"port {port} for JupyterLab: Address already in use" in taken.stderr
        assert f"knlab lab --port {port + 1}" in taken.stderr
    started = subprocess.Popen(
        command("lab", "--no-browser", "--port", str(port), "--directory", str(tmp_path)),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=surroundings() | {"JUPYTER_TOKEN": "t", "HOME": str(tmp_path)},
    )  # fmt: skip
    with started as lab:
        family: set[int] = set()
        try:
            eventually("it serves", lambda: _answers(port), within=40)
            family = descendants(lab.pid)
            lab.send_signal(signal.SIGTERM)
            said, _ = lab.communicate(timeout=15)
        finally:
            lab.kill()
    assert "knlab down" in said
    eventually("nothing is left", lambda: not alive(family), within=5)


def _answers(port: int) -> bool:
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/lab?token=t", follow_redirects=True)
    except httpx.TransportError:
        return False
    return answer.status_code == 200 and "JupyterLab" in answer.text

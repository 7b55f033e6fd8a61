"""The stand-in for nginx."""

from __future__ import annotations

import errno
import http.client
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from knlab.embedded.pods.box import Box, write_box
from knlab.embedded.pods.commands import first_command
from knlab.embedded.pods.furnishing import clear, furnish

from .conftest import Run

PAGES = "usr/share/nginx/html"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def box(box: Box) -> Box:
    """The container as its image has it."""
    env = {**box.env, "NGINX_VERSION": "1.27.0"}
    made = replace(box, image="nginx", env=env, listen=f"127.0.0.1:{free_port()}")
    clear(Path(made.directory))
    furnish(made)
    write_box(made)
    return made


@pytest.fixture
def server(box: Box) -> Iterator[subprocess.Popen[str]]:
    argv = ("/docker-entrypoint.sh", "nginx", "-g", "daemon off;")
    command = first_command(argv, box)
    with subprocess.Popen(
        command.argv,
        env=command.env,
        cwd=command.cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as running:
        assert running.stdout is not None
        while "serving" not in running.stdout.readline():
            pass
        yield running
        running.kill()


Ask = Callable[..., tuple[int, dict[str, str], str]]


@pytest.fixture
def ask(box: Box, server: subprocess.Popen[str]) -> Iterator[Ask]:
    connection = http.client.HTTPConnection(box.listen, timeout=10)

    def ask(path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], str]:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()

    yield ask
    connection.close()


def test_the_welcome_page_and_the_log(ask: Ask, server: subprocess.Popen[str]) -> None:
    status, headers, page = ask("/", **{"User-Agent": "Test/1 (Some)", "Referer": "http://X/"})
    assert status == 200
    assert headers["Server"] == "nginx/1.27.0 (knlab stand-in)"
    assert headers["Content-Type"] == "text/html"
    assert "<h1>Welcome to nginx!</h1>" in page
    assert server.stdout is not None
    line = server.stdout.readline()
    assert line.startswith("127.0.0.1 - - [")
    assert line.endswith(f'] "GET / HTTP/1.1" 200 {len(page)} "http://X/" "Test/1 (Some)" "-"\n')


def test_pages_are_served_as_they_are_now(ask: Ask, box: Box) -> None:
    (box.root / PAGES / "a b.json").write_text("{}")
    (box.root / PAGES / "d").mkdir()
    status, headers, page = ask("/a%20b.json?x=1")
    assert (status, headers["Content-Type"], page) == (200, "application/json", "{}")
    assert ask("/a%20b.json", **{"If-None-Match": headers["ETag"]})[0] == 304
    assert ask("/a%20b.json", "HEAD")[2] == ""
    assert ask("/d/")[0] == 403
    status, headers, _ = ask("/d", Host="web")
    assert (status, headers["Location"]) == (301, "http://web/d/")
    assert ask("/", "POST")[0] == 405


@pytest.mark.parametrize(
    "path",
    ["/nope", "/../../../etc/hosts", "/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/hosts", "/out", "/%00",
     "/etc-link", "//etc/hosts", "/index.html/x", "/%zz"],
)  # fmt: skip
def test_nothing_else_is_served(ask: Ask, box: Box, tmp_path: Path, path: str) -> None:
    (tmp_path / "secret").write_text("secret")
    (box.root / PAGES / "out").symlink_to(tmp_path / "secret")
    (box.root / PAGES / "etc-link").symlink_to("/etc/hosts")
    status, _, page = ask(path)
    assert status in {400, 403, 404}
    assert "secret" not in page


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_its_end(ask: Ask, server: subprocess.Popen[str], number: signal.Signals) -> None:
    assert ask("/")[0] == 200
    server.send_signal(number)
    assert server.wait(10) == 0


def test_commands_about_it(run: Run, ask: Ask) -> None:
    assert run("nginx", "-v").stdout == "nginx version: nginx/1.27.0 (knlab stand-in)\n"
    assert "syntax is ok" in run("nginx", "-t").stdout
    assert run("nginx", "-s", "reload").returncode == 0
    assert ask("/")[0] == 200
    second = run("nginx")
    assert second.returncode == 1
    taken = f"({errno.EADDRINUSE}: {os.strerror(errno.EADDRINUSE)})"
    assert second.stdout.endswith(f"[emerg] 2#2: bind() to 0.0.0.0:80 failed {taken}\n")
    assert run("nginx", "-s", "quit").returncode == 0

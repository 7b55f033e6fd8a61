"""The shipped programs, as processes and as functions."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest

from knlab.embedded.images import shipped
from knlab.embedded.programs._http import BadRequestError, Body, Head
from knlab.embedded.programs.autoscale import answer, largest_prime


class Program:
    """A running program, and where it listens."""

    def __init__(self, module: str, **env: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process = subprocess.Popen(
            shipped(module).argv,
            env={"HOST": "127.0.0.1", "PORT": str(self.port), **env},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        self.first_line = self.process.stderr.readline()

    def get(self, path: str, method: str = "GET") -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        connection.request(method, path)
        response = connection.getresponse()
        found = response.status, response.read().decode()
        connection.close()
        return found

    def exchange(self, sent: bytes) -> bytes:
        """Everything that comes back for `sent` until the program closes the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as client:
            client.sendall(sent)
            return b"".join(iter(lambda: client.recv(65536), b""))

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def hello() -> Iterator[Program]:
    program = Program("hello", TARGET="Test")
    yield program
    program.end()


@pytest.fixture
def autoscale() -> Iterator[Program]:
    program = Program("autoscale")
    yield program
    program.end()


def test_hello_greets_its_target_on_every_path(hello: Program) -> None:
    assert hello.first_line.endswith(f"helloworld: listening on port {hello.port}\n")
    assert hello.get("/") == (200, "Hello Test!\n")
    assert hello.get("/any/path?x=1", "POST") == (200, "Hello Test!\n")
    assert hello.get("/slow?ms=1") == (200, "Hello Test!\n")


def test_hello_greets_the_world_by_default() -> None:
    program = Program("hello")
    assert program.get("/") == (200, "Hello World!\n")
    program.end()


def test_a_head_request_has_no_body(hello: Program) -> None:
    assert hello.get("/", "HEAD") == (200, "")


def test_a_connection_is_kept_and_pipelined_requests_are_answered_in_order(
    hello: Program,
) -> None:
    one = b"GET /slow?ms=20 HTTP/1.1\r\nHost: x\r\n\r\n"
    two = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
    three = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    last = b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"
    found = hello.exchange(one + two + three + last)
    assert found.count(b"HTTP/1.1 200 OK") == 4
    assert found.count(b"Hello Test!\n") == 4
    assert found.count(b"Connection: close") == 1


def test_only_a_body_has_a_type(autoscale: Program) -> None:
    empty = autoscale.exchange(b"GET / HTTP/1.0\r\n\r\n")
    assert b"Content-Length: 0\r\n" in empty
    assert b"Content-Type" not in empty
    found = autoscale.exchange(b"GET /?prime=10 HTTP/1.0\r\n\r\n")
    assert b"Content-Type: text/plain; charset=utf-8\r\n" in found


def test_http_1_0_ends_with_its_answer(hello: Program) -> None:
    assert hello.exchange(b"GET / HTTP/1.0\r\n\r\n").endswith(b"Hello Test!\n")


def test_what_is_no_request_gets_400(hello: Program) -> None:
    assert hello.exchange(b"nonsense\r\n\r\n").startswith(b"HTTP/1.1 400 Bad Request")


def test_expect_100_continue(hello: Program) -> None:
    head = b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n"
    found = hello.exchange(head + b"Connection: close\r\n\r\nx")
    assert found.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")


def test_term_ends_it_at_once_with_the_code_of_a_go_program(hello: Program) -> None:
    hello.process.terminate()
    assert hello.process.wait(timeout=2) == 2


def test_a_port_that_is_taken_is_said_and_ends_it(hello: Program) -> None:
    second = subprocess.run(
        shipped("hello").argv,
        env={"HOST": "127.0.0.1", "PORT": str(hello.port)},
        check=False,
        capture_output=True,
        text=True,
        timeout=5,
    )
    assert second.returncode == 1
    assert f"listen tcp 127.0.0.1:{hello.port}" in second.stderr


def test_it_ends_when_its_parent_does() -> None:
    start = (
        "import subprocess, sys; child = subprocess.Popen(sys.argv[1:]);"
        " print(child.pid, flush=True); sys.stdin.read()"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", start, *shipped("hello").argv],
        env={"HOST": "127.0.0.1", "PORT": "0"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert parent.stdout is not None
    assert parent.stderr is not None
    child = int(parent.stdout.readline())
    assert b"listening" in parent.stderr.readline()
    parent.kill()
    # The child has our end of the pipe of its parent's errors: it is closed when the child ends.
    try:
        parent.communicate(timeout=5)
    finally:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


def test_autoscale_does_what_the_query_says(autoscale: Program) -> None:
    status, text = autoscale.get("/?sleep=20&prime=10000&bloat=5")
    first, second, third = text.splitlines()
    assert status == 200
    assert first == "Allocated 5 Mb of memory."
    assert second == "The largest prime less than 10000 is 9973."
    assert third.startswith("Slept for ")
    assert float(third.split()[2]) >= 20
    assert autoscale.get("/") == (200, "")


def test_autoscale_says_what_is_no_number(autoscale: Program) -> None:
    assert autoscale.get("/?sleep=x") == (400, 'strconv.Atoi: parsing "x": invalid syntax\n')


@pytest.mark.parametrize(
    ("limit", "expected"), [(0, None), (1, None), (2, 2), (3, 3), (10, 7), (100, 97), (7919, 7919)]
)
def test_largest_prime(limit: int, expected: int | None) -> None:
    assert largest_prime(limit) == expected


def test_no_prime_is_smaller_than_1() -> None:
    with pytest.raises(StopIteration) as ended:
        next(answer("/", {"prime": "1"}))
    assert ended.value.value == (200, "There are no primes smaller than 1.\n")


def test_a_head_knows_what_matters() -> None:
    head = Head("POST /a/b?x=1&y HTTP/1.1\r\nHost: h\r\nContent-Length: 12\r\nconnection: Close")
    assert (head.method, head.path, head.query) == ("POST", "/a/b", {"x": "1", "y": ""})
    assert (head.length, head.close, head.chunked) == (12, True, False)


@pytest.mark.parametrize(
    "text", ["GET", "GET / HTTP/1.1\r\nContent-Length: -1", "GET / HTTP/1.1\r\nContent-Length: x"]
)
def test_heads_that_are_none(text: str) -> None:
    with pytest.raises(BadRequestError):
        Head(text)


def test_a_body_is_dropped_however_it_arrives() -> None:
    body = Body(Head("POST / HTTP/1.1\r\nTransfer-Encoding: chunked"))
    sent = b"4;name=value\r\nWiki\r\n5\r\npedia\r\n0\r\nTrailer: x\r\n\r\nGET"
    buffer = bytearray()
    unsent = iter(sent)
    while not body.drop(buffer):
        buffer.append(next(unsent))
    assert bytes(unsent) == b"GET"
    assert not buffer


def test_a_chunk_without_size_is_refused() -> None:
    body = Body(Head("POST / HTTP/1.1\r\nTransfer-Encoding: chunked"))
    with pytest.raises(BadRequestError):
        body.drop(bytearray(b"zz\r\n"))

"""A server that answers as its path asks."""

from __future__ import annotations

import socketserver
import threading
import time
from collections.abc import Iterator

import pytest

STALL = threading.Event()
OK = b"HTTP/1.1 200 OK\r\n"


class Answers(socketserver.StreamRequestHandler):
    """Raw HTTP, so that answers can be wrong on purpose."""

    disable_nagle_algorithm = True

    def handle(self) -> None:
        while line := self.rfile.readline():
            method, path, _ = line.decode().split(" ")
            host = ""
            while (header := self.rfile.readline().strip()) not in {b"", None}:
                name, _, value = header.decode().partition(":")
                host = value.strip() if name.lower() == "host" else host
            if not self.answer(method, path, host):
                return

    def answer(self, method: str, path: str, host: str) -> bool:
        if path.startswith("/slow"):
            time.sleep(float(path.partition("=")[2]))
        body = f"{method} {path} at {host}\n".encode()
        answers = {
            "/cut": b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort",
            "/garbage": b"this is not HTTP\r\n\r\n",
            "/unframed": b"HTTP/1.1 200 OK\r\n\r\nuntil the end",
            "/interim": b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"content-length: 2\r\n\r\nok",
            "/chunked": OK + b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            "/missing": b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
            "/head": b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n",
        }
        if path == "/hang":
            STALL.wait(20)
            return False
        whole = b"HTTP/1.1 200 OK\r\nserver: test\r\ncontent-length: %d\r\n\r\n" % len(body) + body
        self.wfile.write(answers.get(path, whole))
        return path not in {"/cut", "/garbage", "/unframed"}


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients go away in the middle on purpose."""


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The server's `127.0.0.1:port`."""
    with Server(("127.0.0.1", 0), Answers) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.05,))
        thread.start()
        yield f"127.0.0.1:{running.server_address[1]}"
        STALL.set()
        running.shutdown()
        thread.join()

"""Bare nginx on loopback, with an answer of fixed size: what the machine and the client can do."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from knlab._exceptions import MeasureError

REMEDY: Final = "nginx is not installed: `apt-get install nginx-light`"
_LOOPBACK: Final = "127.0.0.1"
_PATIENCE: Final = 5.0


def program() -> str | None:
    """Where nginx is, also outside an ordinary user's PATH; None if it is not installed."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def configuration(port: int, answer: str) -> str:
    """One worker per core, connections that stay open, no log, and `answer` to every request."""
    text = answer.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f"""\
daemon off;
pid nginx.pid;
error_log stderr crit;
worker_processes auto;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_requests 100000000;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  server {{
    listen {_LOOPBACK}:{port};
    default_type "text/plain; charset=utf-8";
    location / {{ return 200 "{text}"; }}
  }}
}}
"""


@contextmanager
def bare_nginx(answer: str) -> Iterator[str]:
    """`HOST:PORT` of an nginx that lasts as long as the block.

    Raises:
        MeasureError: if it is not installed, or doesn't start.
    """
    found = program()
    if found is None:
        raise MeasureError(REMEDY)
    port = _free_port()
    with tempfile.TemporaryDirectory(prefix="knlab-nginx-") as home:
        Path(home, "nginx.conf").write_text(configuration(port, answer))
        process = subprocess.Popen([found, "-p", home, "-c", "nginx.conf"])
        try:
            _await_answer(process, port)
            yield f"{_LOOPBACK}:{port}"
        finally:
            process.terminate()
            process.wait()


def _free_port() -> int:
    with socket.create_server((_LOOPBACK, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _await_answer(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection((_LOOPBACK, port)).close()
        except ConnectionRefusedError:
            time.sleep(0.01)
        else:
            return
    raise MeasureError("nginx did not start; its words are above")

"""A pod as clients create it, and what it says on a forwarded port."""

from __future__ import annotations

from socket import socket
from typing import Any

import knlab


def hello_pod(name: str) -> dict[str, Any]:
    """A pod that greets on port 8080, is ready as soon as it does, and ends at once."""
    container = {
        "name": "main",
        "image": knlab.images.HELLO,
        "ports": [{"containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1},
    }
    spec = {"containers": [container], "terminationGracePeriodSeconds": 1}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def answer(forwarded: socket) -> bytes:
    """The pod's answer to a request over `forwarded`, which is closed then."""
    forwarded.setblocking(True)
    forwarded.sendall(b"GET / HTTP/1.1\r\nHost: pod\r\nConnection: close\r\n\r\n")
    received = b""
    while piece := forwarded.recv(4096):
        received += piece
    forwarded.close()
    return received

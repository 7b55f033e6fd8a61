"""Ports that are held without anybody listening, and what stands in the way of one."""

from __future__ import annotations

import socket

import pytest

from knlab.embedded.net.ports import LOOPBACK, held_port, obstacle


def test_a_held_port_refuses_connections_and_nobody_else_gets_it() -> None:
    with held_port(0) as port:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((LOOPBACK, port), timeout=1)
        assert "in use" in obstacle(port)
        with pytest.raises(OSError, match="in use"), held_port(port):
            pass
    assert obstacle(port) == ""


def test_a_server_of_ours_can_listen_on_a_held_port() -> None:
    with held_port(0) as port, socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        server.bind((LOOPBACK, port))
        server.listen()
        socket.create_connection((LOOPBACK, port), timeout=1).close()


def test_a_port_with_a_listener_is_in_use() -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        assert "in use" in obstacle(port)
        with pytest.raises(OSError, match="in use"), held_port(port):
            pass


@pytest.mark.parametrize("shared", [False, True], ids=["as the API listens", "as the gateway does"])
def test_fading_connections_of_an_earlier_server_are_no_obstacle(*, shared: bool) -> None:
    with socket.create_server((LOOPBACK, 0), reuse_port=shared) as server:
        port = server.getsockname()[1]
        client = socket.create_connection((LOOPBACK, port), timeout=1)
        accepted, _ = server.accept()
        accepted.close()  # the server closes first: its side stays in TIME_WAIT
        client.recv(1)
        client.close()
    assert obstacle(port, to_hold=shared) == ""

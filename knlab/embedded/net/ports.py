"""A port that is ours before anybody listens on it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

LOOPBACK: Final = "127.0.0.1"


@contextmanager
def held_port(port: int) -> Iterator[int]:
    """The number of a loopback port held while the block runs; 0 asks for any free one.

    Nobody listens on it: connections are refused until a server of this process binds it too, with
    SO_REUSEPORT.

    Raises:
        OSError: if the port is in use.
    """
    with socket.socket() as free, socket.socket() as held:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind((LOOPBACK, port))  # fails if anybody else has it, which SO_REUSEPORT would hide
        number = int(free.getsockname()[1])
        free.close()
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind((LOOPBACK, number))
        yield number


def obstacle(port: int, *, to_hold: bool = False) -> str:
    """Why nobody can listen on a loopback port now, or hold it; empty if somebody could."""
    try:
        if to_hold:
            with held_port(port):
                return ""
        with socket.socket() as probe:
            # As servers do: connections of an earlier server that fade away are no obstacle.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((LOOPBACK, port))
    except OSError as error:
        return error.strerror or str(error)
    return ""

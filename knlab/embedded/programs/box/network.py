"""The cluster's network, through the one socket that leads there; nothing else can be reached.

Each connection to the socket begins with a line of ours and one of the network's:

    RESOLVE NAMESPACE NAME              →  OK FULL-NAME ADDRESS…  |  ERROR ERRNO
    CONNECT NAMESPACE SOURCE HOST PORT  →  OK, then the bytes     |  ERROR ERRNO
"""

from __future__ import annotations

import errno
import os
import socket

from knlab.embedded.programs.box.world import Failure, World, decoded

_ANSWER_LIMIT = 65536


class UnknownHost(Exception):  # noqa: N818 - a situation
    """A name that nobody has."""


def resolve(world: World, name: str) -> tuple[str, list[str]]:
    """The full name that `name` stands for in the container's pod, and its addresses.

    Raises:
        UnknownHost: if nobody has that name.
    """
    if known := _in_hosts_file(world, name):
        return name, known
    try:
        talk, words = _ask(world, f"RESOLVE {world.namespace} {name}", None)
    except OSError:
        raise UnknownHost(name) from None
    talk.close()
    return words[0], words[1:]


def _in_hosts_file(world: World, name: str) -> list[str]:
    """The addresses that `/etc/hosts` has for `name`."""
    try:
        text = decoded(b"".join(world.files.read("/etc/hosts")))
    except OSError:
        return []
    lines = (line.partition("#")[0].split() for line in text.splitlines())
    found = [words[0] for words in lines if name.lower() in words[1:]]
    return [address for address in found if ":" not in address]


def dial(world: World, host: str, port: int, timeout: float | None = None) -> socket.socket:
    """A connection to an address or a name of the cluster.

    Raises:
        OSError: if nobody answers there.
    """
    return _ask(world, f"CONNECT {world.namespace} {world.ip} {host} {port}", timeout)[0]


def _ask(world: World, question: str, timeout: float | None) -> tuple[socket.socket, list[str]]:
    if not world.network or any(char in question for char in "\r\n"):
        raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))
    talk = socket.socket(socket.AF_UNIX)
    try:
        talk.settimeout(timeout)
        talk.connect(world.network)
        talk.sendall(question.encode("utf-8", "surrogateescape") + b"\n")
        status, *words = _answer(talk)
    except BaseException:
        talk.close()
        raise
    if status != "OK":
        talk.close()
        raise OSError(int(words[0]), os.strerror(int(words[0])))
    return talk, words


def _answer(talk: socket.socket) -> list[str]:
    """The words of the network's line; what follows it stays unread."""
    line = bytearray()
    while len(line) < _ANSWER_LIMIT:
        char = talk.recv(1)
        if char in {b"\n", b""}:
            break
        line += char
    words = decoded(bytes(line)).split(" ")
    return words if words[0] else ["ERROR", str(errno.ECONNRESET)]


def address(world: World, host: str) -> str:
    """An address of `host`.

    Raises:
        Failure: if it has none, as busybox says it.
    """
    try:
        return resolve(world, host)[1][0]
    except UnknownHost:
        raise Failure(f"bad address '{host}'") from None

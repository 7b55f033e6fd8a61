"""Commands that ask the cluster's network: nslookup, nc."""

from __future__ import annotations

import os
import select
import socket

from knlab.embedded.programs.box.network import UnknownHost, address, dial, resolve
from knlab.embedded.programs.box.options import read_options
from knlab.embedded.programs.box.world import Failure, World, put, say

_NAME_SERVER = "10.96.0.10"
_PIECE = 65536


def nslookup(world: World, argv: list[str]) -> int:
    """Print the addresses of a name."""
    words = [word for word in argv[1:] if not word.startswith("-")]
    if not words:
        raise Failure("usage: nslookup HOST")
    put(f"Server:\t\t{_NAME_SERVER}\nAddress:\t{_NAME_SERVER}:53\n\n")
    try:
        name, addresses = resolve(world, words[0])
    except UnknownHost:
        put(f"** server can't find {words[0]}: NXDOMAIN\n\n")
        return 1
    put("".join(f"Name:\t{name}\nAddress: {one}\n" for one in addresses) + "\n")
    return 0


def nc(world: World, argv: list[str]) -> int:
    """Connect standard input and output to a port; `-z` only looks whether somebody answers."""
    options = read_options(argv, "zvn", "w")
    if len(options.rest) != 2 or not options.rest[1].isdigit():
        raise Failure("usage: nc [-vz] [-w SEC] IPADDR PORT (listening is not available here)")
    host, port = options.rest[0], int(options.rest[1])
    ip = address(world, host)
    try:
        peer = dial(world, ip, port, float(options.values.get("w", "0")) or None)
    except OSError as problem:
        raise Failure(f"{host} ({ip}:{port}): {problem.strerror or 'timed out'}") from None
    if options.has("v"):
        say(f"{host} ({ip}:{port}) open")
    with peer:
        if not options.has("z"):
            _join(peer)
    return 0


def _join(peer: socket.socket) -> None:
    sources: list[int] = [0, peer.fileno()]
    while peer.fileno() in sources:
        for ready in select.select(sources, [], [])[0]:
            data = os.read(ready, _PIECE)
            if not data:
                sources.remove(ready)
                if ready == 0:
                    peer.shutdown(socket.SHUT_WR)
            elif ready == 0:
                peer.sendall(data)
            else:
                put(data)

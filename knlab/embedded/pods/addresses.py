"""The addresses of pods: one IP each, out of a range that no other cluster of this machine uses.

On Linux the whole of 127.0.0.0/8 is this machine, so a pod's program binds the pod's own address.
Elsewhere that exists only inside the cluster, and the program binds a free port of 127.0.0.1.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network
from typing import Final

from knlab._exceptions import ClusterError
from knlab.embedded.net.http import Address

HOST_IP: Final = "127.0.0.1"
KUBELET_PORT: Final = 10250
_RANGES: Final = range(1, 255)
"""The N of 127.N.0.0/16; 127.0 belongs to the machine."""
_BESIDE_RANGES: Final = "127.255.0.1"
"""An address of this machine that no cluster has."""
_FIRST_POD: Final = 2


class PodAddresses:
    """Gives out the addresses of one cluster. Close it to let go of the range."""

    def __init__(self, number: int, claim: socket.socket) -> None:
        self._network = IPv4Network(f"127.{number}.0.0/16")
        self._claim = claim
        self._taken: set[str] = set()
        self._next = _FIRST_POD
        self._ports: set[int] = set()
        self._own_addresses = own_addresses()

    @classmethod
    def claim(cls, used: Iterable[str] = ()) -> PodAddresses:
        """The range that the addresses in `used` are from, or else the first that is free.

        The kubelet's own port on the range's first address (or beside it) says that it is taken.

        Raises:
            ClusterError: if every range is taken, or the kubelet's port on all addresses at once.
        """
        parsed = [_parsed(ip) for ip in used]
        before = [ip.packed[1] for ip in parsed if ip is not None and ip.packed[0] == 127]
        for number in dict.fromkeys([*before, *_RANGES]):
            if number in _RANGES and (claim := _listen(number)):
                return cls(number, claim)
        if own_addresses() and not _can_bind((_BESIDE_RANGES, KUBELET_PORT)):
            raise ClusterError(
                f"port {KUBELET_PORT} is taken on all addresses of this machine, by a kubelet"
                " probably",
                hint="stop what listens there, or run knlab in a container",
            )
        raise ClusterError(
            "no address range is free for pods", hint="stop other embedded clusters: knlab down"
        )

    def close(self) -> None:
        """Let go of the range."""
        self._claim.close()

    def take(self, wanted: str = "") -> str:
        """An address that no pod has; `wanted` if that can be, which may be any text.

        Raises:
            ClusterError: if all are taken.
        """
        if self._is_free(_parsed(wanted)):
            self._taken.add(wanted)
            return wanted
        size = self._network.num_addresses - 1
        for step in range(size - _FIRST_POD):
            offset = _FIRST_POD + (self._next - _FIRST_POD + step) % (size - _FIRST_POD)
            ip = str(self._network[offset])
            if ip not in self._taken:
                self._next = offset + 1
                self._taken.add(ip)
                return ip
        raise ClusterError("every pod address is taken", hint="delete some pods")

    def _is_free(self, ip: IPv4Address | None) -> bool:
        if ip is None or ip not in self._network or str(ip) in self._taken:
            return False
        return ip.packed[2:] >= bytes([0, _FIRST_POD]) and ip != self._network.broadcast_address

    def release(self, ip: str) -> None:
        """Nobody has `ip` any more."""
        self._taken.discard(ip)

    def binding(self, ip: str, port: int, *, own_address: bool) -> Address:
        """Where a program must listen to be reached as `ip:port`.

        That very address, if the program can be told so and the address is to be had; otherwise a
        port that is free on every address of this machine, and 127.0.0.1.
        """
        if own_address and self._own_addresses and _can_bind((ip, port)):
            return ip, port
        return HOST_IP, self._free_port()

    def _free_port(self) -> int:
        for _ in range(100):
            with socket.socket() as probe:
                probe.bind(("", 0))
                port = int(probe.getsockname()[1])
            if port not in self._ports:
                break
        self._ports.add(port)
        return port

    def release_port(self, port: int) -> None:
        """The free port `port` may be given out again."""
        self._ports.discard(port)


def _parsed(text: str) -> IPv4Address | None:
    try:
        return IPv4Address(text)
    except ValueError:
        return None


def own_addresses() -> bool:
    """Whether pods can have addresses of their own on this machine."""
    return _can_bind(("127.1.0.1", 0))


def _can_bind(address: Address) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen(1)
        except OSError:
            return False
        return True


def _listen(number: int) -> socket.socket | None:
    """A listening socket that only one cluster can have for range `number`."""
    address = (f"127.{number}.0.1", KUBELET_PORT)
    if not own_addresses():
        address = (HOST_IP, KUBELET_PORT + 10_000 + number)
    claim = socket.socket()
    try:
        claim.bind(address)
        claim.listen(1)
    except OSError:
        claim.close()
        return None
    return claim

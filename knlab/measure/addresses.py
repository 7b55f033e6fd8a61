"""Where names lead: domains that a gateway serves, and names that carry their own address.

A Knative URL such as `http://hello.default.127.0.0.1.sslip.io` says neither which port the gateway
listens on nor, without internet, which address it has. Whoever runs a gateway enters it here.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, replace
from typing import Final, Literal
from urllib.parse import SplitResult, urlsplit

from knlab._exceptions import UsageError

_DOTTED: Final = re.compile(r"(?:^|[.-])((?:\d{1,3}[.-]){3}\d{1,3})$")
_WILDCARD_DNS: Final = (".nip.io", ".sslip.io")
_LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where to connect to for a host name; with an empty `ip` the system's resolver is asked."""

    ip: str
    port: int
    resolver: str
    """`local`, `system`, `given` or `none` (the URL has the address itself)."""
    world: str = ""


class AddressBook:
    """Domains and the gateways that serve them; the longest domain that fits a name wins."""

    def __init__(self) -> None:
        self._entries: dict[str, Destination] = {}

    def route(self, domain: str, host: str, port: int, *, world: str = "") -> None:
        """Make `domain` and every name under it lead to `host:port`, in place of what it had."""
        entry = Destination(ip=host, port=port, resolver="local", world=world)
        self._entries[_normal(domain)] = entry

    def forget(self, domain: str) -> None:
        """Drop the entry for `domain`; no complaint if there is none."""
        self._entries.pop(_normal(domain), None)

    def find(self, host: str) -> Destination | None:
        """The entry for the longest domain that `host` is in."""
        labels = _normal(host).split(".")
        names = (".".join(labels[start:]) for start in range(len(labels)))
        return next((self._entries[name] for name in names if name in self._entries), None)

    def destination(self, host: str, port: int | None, default_port: int) -> Destination:
        """Where to connect to for `host`; a `port` that the URL names wins over the book's."""
        if _is_address(host):
            return Destination(ip=host, port=port or default_port, resolver="none")
        entry = self.find(host)
        if entry is not None:
            return replace(entry, port=port or entry.port)
        carried = address_in(host)
        resolver = "local" if carried else "system"
        return Destination(ip=carried, port=port or default_port, resolver=resolver)


def address_in(host: str) -> str:
    """The address that a name carries, `10.1.2.3` in `hello.10.1.2.3.nip.io`, or nothing."""
    name = _normal(host)
    if name == "localhost" or name.endswith(".localhost"):
        return _LOOPBACK
    for suffix in _WILDCARD_DNS:
        found = _DOTTED.search(name.removesuffix(suffix)) if name.endswith(suffix) else None
        if found is not None:
            dotted = found[1].replace("-", ".")
            return dotted if _is_address(dotted) else ""
    return ""


def _normal(name: str) -> str:
    return name.strip(".").lower()


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


BOOK: Final = AddressBook()
"""The book that `request` and `load` read; clusters enter their gateways here."""
route = BOOK.route
forget = BOOK.forget


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A URL taken apart for a client that connects by itself."""

    url: str
    tls: bool
    name: str
    """The URL's host name: what TLS certificates are checked against."""
    host: str
    """The `Host` header."""
    path: str
    """What stands in the request line, query included."""
    destination: Destination


Resolve = Literal["local", "dns"]
"""`local`: the book, then the address in the name, then the resolver; `dns`: the resolver."""


def target(
    url: str, *, connect_to: str | None = None, resolve: Resolve = "local", host: str | None = None
) -> Target:
    """Where `url` leads by the book, and what to send there.

    `connect_to` (`"host:port"`) overrides the place, `host` overrides the Host header. With
    `resolve="dns"` the name is looked up, and the book still supplies the port.

    Raises:
        UsageError: if the URL or `connect_to` cannot work.
    """
    parts = _split(url)
    name = parts.hostname or ""
    tls = parts.scheme == "https"
    place = BOOK.destination(name, parts.port, 443 if tls else 80)
    if resolve == "dns" and place.resolver == "local":
        place = replace(place, ip="", resolver="system")
    if connect_to is not None:
        place = replace(_given(connect_to), world=place.world)
    if host is not None and (entry := BOOK.find(host.partition(":")[0])) and not place.world:
        place = replace(place, world=entry.world)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    header = host or parts.netloc.rpartition("@")[2]
    return Target(url=url, tls=tls, name=name, host=header, path=path, destination=place)


def _split(url: str) -> SplitResult:
    remedy = 'write it like "http://hello.default.example.com"'
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"{url!r} is not a URL: {error}", hint=remedy) from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise UsageError(f"{url!r} is not an http or https URL", hint=remedy)
    if parts.username is not None:
        raise UsageError(
            "the URL has a user name in it", hint="pass headers={'Authorization': …} instead"
        )
    if any(ord(letter) <= 32 or ord(letter) == 127 for letter in url):
        raise UsageError(f"{url!r} has a space or a control character in it", hint=remedy)
    return parts


def _given(place: str) -> Destination:
    ip, _, port = place.rpartition(":")
    if not ip or not port.isdigit() or not 0 < int(port) < 65536:
        raise UsageError(f"connect_to={place!r}", hint='write it like "127.0.0.1:8080"')
    bare = ip.strip("[]")
    # A name is looked up like any other; only an address is taken as it stands.
    carried = bare if _is_address(bare) else address_in(bare)
    return Destination(ip=carried or bare, port=int(port), resolver="given")

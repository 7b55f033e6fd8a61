"""The https front door of the API.

Listens on the loopback interface only. Before the handler sees a request, a `Gate` has checked its
Host, its Origin (a web page in a browser must not reach the cluster) and its bearer token.
"""

from __future__ import annotations

import hmac
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, TypeAlias

from knlab.embedded.net.http import Handler, Request, Response
from knlab.embedded.net.ports import LOOPBACK
from knlab.embedded.net.server import serve
from knlab.embedded.net.tls import ADDRESSES, NAMES, Identity

KNOWN_HOSTS: Final = frozenset((*NAMES, *ADDRESSES))

_SHUTDOWN_SECONDS: Final = 0.5
"""Time for requests under way when the server stops; watches would go on for ever."""

Refuse: TypeAlias = Callable[[int, str], Response]
"""From an HTTP status and a reason in words to the answer that clients of this API understand."""


def bearer_of(request: Request) -> str:
    """The bearer token that `request` brings; empty without one."""
    scheme, _, token = (request.header("Authorization") or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _no_other(_token: str) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Who may come in."""

    token: str
    """The bearer token that clients must send."""
    open_paths: frozenset[str]
    """Paths that need no token."""
    refuse: Refuse
    knows: Callable[[str], bool] = _no_other
    """Whether another token may come in, too."""
    hosts: frozenset[str] = KNOWN_HOSTS
    """Names under which this server may be addressed."""

    def refusal(self, request: Request) -> Response | None:
        """The answer to a request that may not come in; None if it may."""
        if not self._is_known(request.header("Host") or ""):
            return self.refuse(403, "the Host header names another server")
        origin = request.header("Origin")
        if origin is not None and not self._is_known(origin.partition("://")[2]):
            return self.refuse(403, "requests from web pages of other origins are refused")
        path = request.target.partition("?")[0].rstrip("/")
        if path not in self.open_paths and not self._has_token(request):
            return self.refuse(401, "Unauthorized")
        return None

    def _is_known(self, authority: str) -> bool:
        host, _, port = authority.rpartition(":")
        if not host or not port.isdigit():
            host = authority
        return host.strip("[]").lower() in self.hosts

    def _has_token(self, request: Request) -> bool:
        token = bearer_of(request)
        return hmac.compare_digest(token.encode(), self.token.encode()) or self.knows(token)


@asynccontextmanager
async def serve_api(
    handler: Handler, *, port: int, identity: Identity, gate: Gate
) -> AsyncIterator[int]:
    """Serve `handler` over https on the loopback interface; yields the port (0 asks for any).

    Raises:
        OSError: the port is in use.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(identity.certificate, identity.key)
    context.set_alpn_protocols(["http/1.1"])

    async def answer(request: Request) -> Response:
        refused = gate.refusal(request)
        return await handler(request) if refused is None else refused

    async with serve(answer, LOOPBACK, port, tls=context, grace=_SHUTDOWN_SECONDS) as address:
        yield address[1]

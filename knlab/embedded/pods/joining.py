"""Joining a client to streams of a container, over WebSocket or SPDY: what exec and attach share.

The answers are those of a Kubernetes 1.34 API server with a kubelet behind it: a client of v5 hears
every refusal of the kubelet over the error channel, others as an HTTP status before the upgrade.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeAlias

from knlab.embedded.kube.errors import BadRequest
from knlab.embedded.kube.paths import Parameters
from knlab.embedded.net.channels import ChannelSession
from knlab.embedded.net.http import Duplex, Request, Response, text_response
from knlab.embedded.net.spdy_session import SpdySession
from knlab.embedded.net.streams import Session, Stream
from knlab.embedded.net.upgrade import asks_for_spdy, to_spdy, to_websocket
from knlab.embedded.net.websocket import asks_for_websocket, offered_protocols
from knlab.embedded.pods.carrying import RESIZE
from knlab.embedded.pods.consoles import STDERR, STDIN, STDOUT
from knlab.embedded.pods.outcomes import V4, V5, NotReached, Outcome, told

_ERROR: Final = "error"
_V3: Final = "v3.channel.k8s.io"
_WEBSOCKET: Final = (V5, V4, "channel.k8s.io", "")
_SPDY: Final = (V4, _V3, "v2.channel.k8s.io", "channel.k8s.io")

Work: TypeAlias = Callable[[Mapping[str, Stream], asyncio.Event], Awaitable[Outcome]]
"""What is done with the client's streams, by name; the event is set when he goes away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a client asks for."""

    streams: tuple[str, ...]
    """The standard streams."""
    tty: bool
    """Whether they are a terminal, which has a size."""
    refusal: tuple[int, str] | None
    """What the kubelet answers instead of an upgrade: a status and a text."""


def standard_streams(parameters: Parameters) -> tuple[str, ...]:
    """The standard streams that the options of an exec or attach name; a terminal has no stderr."""
    names = (STDIN, STDOUT) if parameters.flag("tty") else (STDIN, STDOUT, STDERR)
    return tuple(name for name in names if parameters.flag(name))


def joined(request: Request, wish: Wish, work: Work) -> Response:
    """The answer to `request`, which goes on with `work` if nothing is against it.

    Raises:
        BadRequest: the client asks for no protocol that has streams.
    """
    refusal = wish.refusal
    if not wish.streams:
        refusal = 400, "you must specify at least 1 of stdin, stdout, stderr"
    if asks_for_websocket(request):
        if refusal and V5 not in offered_protocols(request):
            return text_response(*refusal)
        why = refusal[1] if refusal else ""

        async def over_websocket(protocol: str, duplex: Duplex) -> None:
            names = (*wish.streams, _ERROR, RESIZE)
            session = ChannelSession(duplex, names=names, closable=protocol == V5)
            await _serve(session, names, work, protocol, why)

        return to_websocket(request, _WEBSOCKET, over_websocket)
    if not asks_for_spdy(request):
        raise BadRequest("Upgrade request required")
    if refusal:
        return text_response(*refusal)

    async def over_spdy(protocol: str, duplex: Duplex) -> None:
        resizes = wish.tty and protocol in {V4, _V3}
        names = (*wish.streams, _ERROR, *([RESIZE] if resizes else []))
        await _serve(SpdySession(duplex), names, work, protocol)

    return to_spdy(request, _SPDY, over_spdy)


async def _serve(
    session: Session, names: tuple[str, ...], work: Work, protocol: str, why: str = ""
) -> None:
    async with session:
        try:
            streams = await session.named(names)
        except (OSError, TimeoutError):
            return
        outcome = NotReached(why) if why else await work(streams, session.gone)
        with suppress(OSError):
            await streams[_ERROR].write(told(outcome, protocol))

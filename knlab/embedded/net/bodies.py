"""What happens around a body: telling when a response is over, and ending one early."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias

from knlab.embedded.net.http import Body, Duplex, Response

Upgraded: TypeAlias = Callable[[Duplex], Awaitable[None]]
"""Takes a connection over after a 101; see `Response.upgraded`."""


async def close_body(body: Body) -> None:
    """Tell whoever produces `body` that nobody reads it any more."""
    close = getattr(body, "aclose", None)
    if close is not None:
        await close()


class _WatchedBody:
    """A body that calls `ended` once: at its end, at an error, or when it is closed."""

    __slots__ = ("_body", "_ended")

    def __init__(self, body: AsyncIterator[bytes], ended: Callable[[], None]) -> None:
        self._body = body
        self._ended: Callable[[], None] | None = ended

    def __aiter__(self) -> _WatchedBody:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._body)
        except BaseException:
            self._end()
            raise

    async def aclose(self) -> None:
        """Close the body beneath."""
        try:
            await close_body(self._body)
        finally:
            self._end()

    def _end(self) -> None:
        ended, self._ended = self._ended, None
        if ended is not None:
            ended()


def when_over(response: Response, ended: Callable[[], None]) -> Response:
    """`response`, which calls `ended` once when its body or its upgraded connection is over.

    A whole body is over at once. Servers read a streamed body to its end or close it, and take
    every upgraded connection over, so `ended` is called in any case.
    """
    if response.upgraded is not None:
        response.upgraded = _watched_upgrade(response.upgraded, ended)
    elif isinstance(response.body, bytes):
        ended()
    else:
        response.body = _WatchedBody(response.body, ended)
    return response


def _watched_upgrade(upgraded: Upgraded, ended: Callable[[], None]) -> Upgraded:
    async def watched(duplex: Duplex) -> None:
        try:
            await upgraded(duplex)
        finally:
            ended()

    return watched

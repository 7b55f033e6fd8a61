"""How long a request may take (`pkg/http/handler/timeout.go`): T, R and I of a revision.

Before the response begins, a timeout is a 504 with a text; afterwards the text is appended to what
was sent. One timer serves all requests with the same limit.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from knlab.embedded.dataplane.exchange import CountedBody
from knlab.embedded.dataplane.headers import plain
from knlab.embedded.net.bodies import Upgraded, close_body
from knlab.embedded.net.http import Duplex, Request, Response, find_header


@dataclass(frozen=True, slots=True)
class Limits:
    """The three timeouts of a revision in seconds; 0 is off."""

    request: float
    response_start: float = 0.0
    idle: float = 0.0

    until_start: float = field(init=False)
    """How long until the first byte of the response: the smallest of them."""

    def __post_init__(self) -> None:
        given = (self.request, self.response_start, self.idle)
        object.__setattr__(self, "until_start", min(limit for limit in given if limit > 0))


class _Running:
    """One request that may run into a deadline."""

    __slots__ = ("deadline", "expired", "task")

    def __init__(self, deadline: float, task: asyncio.Task[object]) -> None:
        self.deadline = deadline
        self.expired = False
        self.task = task


class _Deadlines:
    """Requests with the same limit, so in the order of their deadlines: one timer is enough."""

    __slots__ = ("_limit", "_loop", "_running", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, limit: float) -> None:
        self._loop = loop
        self._limit = limit
        self._running: OrderedDict[_Running, None] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, task: asyncio.Task[object]) -> _Running:
        running = _Running(self._loop.time() + self._limit, task)
        self._running[running] = None
        if self._timer is None:
            self._timer = self._loop.call_at(running.deadline, self._expire)
        return running

    def end(self, running: _Running) -> None:
        self._running.pop(running, None)

    def _expire(self) -> None:
        self._timer = None
        now = self._loop.time()
        while self._running:
            first = next(iter(self._running))
            if first.deadline > now:
                self._timer = self._loop.call_at(first.deadline, self._expire)
                return
            del self._running[first]
            first.expired = True
            first.task.cancel()


class Timeouts:
    """Keeps work within limits; `text` is what a client reads when one is exceeded."""

    def __init__(self, text: str) -> None:
        self._text = text.encode()
        self._loop = asyncio.get_running_loop()
        self._deadlines: dict[float, _Deadlines] = {}

    async def within(self, limits: Limits, work: Awaitable[Response]) -> Response:
        """The answer that `work` comes to, or a 504 if its time is over before it begins."""
        task = asyncio.current_task(self._loop)
        assert task is not None
        limit = limits.until_start
        deadlines = self._deadlines.get(limit)
        if deadlines is None:
            deadlines = self._deadlines[limit] = _Deadlines(self._loop, limit)
        running = deadlines.begin(task)
        try:
            response = await work
        except asyncio.CancelledError:
            if not running.expired or task.uncancel() > 0:
                raise
            return plain(504, self._text)
        finally:
            deadlines.end(running)
        if response.upgraded is not None:
            response.upgraded = _until(running.deadline, response.upgraded)
        elif not isinstance(response.body, bytes):
            arrival = running.deadline - limit
            response.body = _LimitedBody(response, response.body, limits, arrival, self._text)
        return response


def _until(deadline: float, upgraded: Upgraded) -> Upgraded:
    """An upgraded connection is cut when its request would have timed out: nothing is written."""

    async def limited(duplex: Duplex) -> None:
        try:
            async with asyncio.timeout_at(deadline):
                await upgraded(duplex)
        except TimeoutError:
            await duplex.close()

    return limited


class _LimitedBody:
    """A started response that ends with a text when it, or a pause in it, takes too long."""

    def __init__(
        self,
        response: Response,
        body: AsyncIterator[bytes],
        limits: Limits,
        arrival: float,
        text: bytes,
    ) -> None:
        length = find_header(response.headers, "content-length")
        self._left = None if length is None else int(length)
        self._body = body
        self._text = text
        self._over = False
        self._end = arrival + limits.request
        self._idle = limits.idle
        self._loop = asyncio.get_running_loop()

    def __aiter__(self) -> _LimitedBody:
        return self

    async def __anext__(self) -> bytes:
        if self._over:
            raise StopAsyncIteration
        try:
            async with asyncio.timeout_at(self._next_deadline()):
                piece = await anext(self._body)
        except TimeoutError:
            return await self._closing_text()
        if self._left is not None:
            self._left -= len(piece)
        return piece

    def _next_deadline(self) -> float:
        return min(self._end, self._loop.time() + self._idle) if self._idle > 0 else self._end

    async def _closing_text(self) -> bytes:
        self._over = True
        await close_body(self._body)
        return self._text if self._left is None or self._left >= len(self._text) else b""

    async def aclose(self) -> None:
        """Close the body beneath."""
        await close_body(self._body)


class StreamIdleError(Exception):
    """Nothing moved for too long before there was an answer."""


async def unless_idle(
    request: Request, pass_on: Callable[[Request], Awaitable[Response]], seconds: float
) -> Response:
    """The answer of `pass_on`; what comes in and what goes out must not pause for `seconds`.

    Raises:
        StreamIdleError: if it pauses before there is an answer.
    """
    loop = asyncio.get_running_loop()
    limit = asyncio.timeout(seconds)
    waiting = True

    def moved(_: int) -> None:
        if waiting:
            limit.reschedule(loop.time() + seconds)

    try:
        async with limit:
            if not isinstance(request.body, bytes):
                request.body = CountedBody(request.body, moved)
            response = await pass_on(request)
    except TimeoutError:
        if limit.expired():
            raise StreamIdleError from None
        raise
    finally:
        waiting = False
    if response.upgraded is None and not isinstance(response.body, bytes):
        response.body = _UnpausedBody(response.body, seconds)
    return response


class _UnpausedBody:
    """A body that breaks when it pauses for too long."""

    def __init__(self, body: AsyncIterator[bytes], seconds: float) -> None:
        self._body = body
        self._seconds = seconds

    def __aiter__(self) -> _UnpausedBody:
        return self

    async def __anext__(self) -> bytes:
        try:
            async with asyncio.timeout(self._seconds):
                return await anext(self._body)
        except TimeoutError as error:
            raise ConnectionResetError("stream timeout") from error

    async def aclose(self) -> None:
        """Close the body beneath."""
        await close_body(self._body)

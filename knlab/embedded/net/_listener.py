"""A handler at an address of the pod network, whose running requests break when it goes away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from knlab.embedded.net.bodies import Upgraded, close_body
from knlab.embedded.net.http import Duplex, Handler, Request, Response

Result = TypeVar("Result")


class Listener:
    """Runs `handler` in the caller's task; `break_off` ends what is running there."""

    __slots__ = ("_broken", "_handler", "_loop", "_running")

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._running: dict[object, asyncio.Task[object]] = {}
        self._broken = False
        self._loop = asyncio.get_running_loop()

    def break_off(self) -> None:
        """End everything that runs here, as the death of a process ends its connections."""
        self._broken = True
        own = asyncio.current_task()
        for task in list(self._running.values()):
            if task is not own:
                task.cancel()

    async def call(self, request: Request) -> Response:
        """The handler's answer.

        Raises:
            ConnectionResetError: if the listener broke off before there was one.
        """
        task = asyncio.current_task(self._loop)
        assert task is not None
        token = object()
        self._running[token] = task
        try:
            response = await self._handler(request)
        except asyncio.CancelledError:
            self._raise_if_broken(task)
            raise
        finally:
            del self._running[token]
        if not isinstance(response.body, bytes):
            response.body = _BreakableBody(self, response.body)
        if response.upgraded is not None:
            response.upgraded = self._breakable(response.upgraded)
        return response

    async def guarded(self, work: Callable[[], Awaitable[Result]]) -> Result:
        """What comes of `work`, which belongs to a request that was answered here.

        Raises:
            ConnectionResetError: if the listener breaks off before.
        """
        if self._broken:
            raise ConnectionResetError("unexpected EOF")
        task = asyncio.current_task(self._loop)
        assert task is not None
        token = object()
        self._running[token] = task
        try:
            return await work()
        except asyncio.CancelledError:
            self._raise_if_broken(task)
            raise
        finally:
            del self._running[token]

    def _raise_if_broken(self, task: asyncio.Task[object]) -> None:
        if self._broken and task.uncancel() == 0:
            raise ConnectionResetError("EOF") from None

    def _breakable(self, upgraded: Upgraded) -> Upgraded:
        async def run(duplex: Duplex) -> None:
            await self.guarded(lambda: upgraded(duplex))

        return run


class _BreakableBody:
    """A body that ends with an error when the listener that it came from breaks off."""

    __slots__ = ("_body", "_listener")

    def __init__(self, listener: Listener, body: AsyncIterator[bytes]) -> None:
        self._listener = listener
        self._body = body

    def __aiter__(self) -> _BreakableBody:
        return self

    async def __anext__(self) -> bytes:
        return await self._listener.guarded(self._body.__anext__)

    async def aclose(self) -> None:
        """Close the body beneath."""
        await close_body(self._body)

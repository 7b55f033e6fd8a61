"""The load generator: a process of its own that keeps N users busy and records every request.

    python -m knlab.measure.generator

One line of JSON on stdin says what to do (`Assignment`); the end of stdin says stop. Lines of JSON
on stdout tell the progress, the last of them describes the columns whose bytes follow it.

A closed loop: each user sends its next request when the answer to the last one is complete. After
the deadline no request begins; those under way get `GRACE` seconds to finish and are then recorded
as unfinished. Nothing but numpy, httptools and uvloop is loaded, nothing is allocated per request
except what the parser hands over, and the garbage collector rests during the run.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import os
import resource
import socket
import ssl
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import httptools
import numpy as np
import uvloop

from knlab._clock import SystemClock
from knlab.measure.assignment import Assignment, class_of
from knlab.measure.columns import ErrorClass, Rows

GRACE: Final = 5.0
PAUSE: Final = 0.01
"""How long a user waits after a failed connection, so that a dead server isn't all noise."""
PROGRESS: Final = 0.25
SWEEP: Final = 0.02
RESOLVERS: Final = 64

_CLOCK: Final = SystemClock()
_now: Final = _CLOCK.monotonic


class _Connection(asyncio.Protocol):
    """One connection of one user, and the request that is under way on it."""

    __slots__ = (
        "_engine", "_framed", "_parser", "_sized", "busy", "connected", "first_byte", "intended",
        "looked_up", "number", "secured", "sent", "start", "status", "transport",
    )  # fmt: skip

    def __init__(self, engine: _Engine, number: int) -> None:
        self._engine = engine
        self._parser = httptools.HttpResponseParser(self)
        self.number = number
        self.transport: asyncio.Transport | None = None
        self.busy = False
        self.begin()

    def begin(self) -> None:
        """A request begins now."""
        self.intended = self.start = _now()
        self.first_byte = 0.0
        self.looked_up = self.connected = self.secured = self.sent = 0.0
        self.status = 0
        self._sized = 0
        self._framed = False
        self.busy = True

    def send(self) -> None:
        """Put the request on the wire."""
        if self.transport is not None:
            before = _now()
            self.transport.write(self._engine.request)
            self.sent = _now() - before

    def finish(self, error: int) -> None:
        """Record the request under way; whoever calls this decides what comes next."""
        if not self.busy:
            return
        self.busy = False
        rows = self._engine.rows
        origin = rows.origin
        first = self.first_byte - origin if self.first_byte else np.nan
        if error == 0 and not 200 <= self.status < 300:
            error = int(ErrorClass.STATUS)
        rows.failed += 1 if error else 0
        rows.add(
            (
                self.intended - origin, self.start - origin, self.looked_up, self.connected,
                self.secured, self.sent, first, _now() - origin, self.status, self._sized, error,
                self.number,
            )
        )  # fmt: skip

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the connection is open."""
        self.transport = transport  # type: ignore[assignment]  # always a stream's transport
        self._engine.open.add(self)

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes of an answer."""
        if not self.first_byte:
            self.first_byte = _now()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._end(ErrorClass.MALFORMED)

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: the connection is gone; an answer without a length is complete then."""
        self._engine.open.discard(self)
        whole = exc is None and self.status >= 200 and not self._framed
        self._end(ErrorClass.NONE if whole else ErrorClass.RESET)

    def on_header(self, name: bytes, _value: bytes) -> None:
        """httptools: one header."""
        if name.lower() in {b"content-length", b"transfer-encoding"}:
            self._framed = True

    def on_headers_complete(self) -> None:
        """httptools: the head of an answer is complete."""
        self.status = self._parser.get_status_code()
        if self._engine.head and self.status >= 200:
            # The parser would wait for the body that a length announces and HEAD never sends.
            alive = self._parser.should_keep_alive()
            self._parser = httptools.HttpResponseParser(self)
            self._complete(alive=alive)

    def on_body(self, body: bytes) -> None:
        """httptools: a piece of the body."""
        self._sized += len(body)

    def on_message_complete(self) -> None:
        """httptools: the answer is complete, unless it was only an interim one."""
        if self.status >= 200 and not self._engine.head:
            self._complete(alive=self._parser.should_keep_alive())

    def _complete(self, *, alive: bool) -> None:
        if not self.busy:
            return
        self.finish(0)
        engine = self._engine
        if not engine.may_begin():
            self.drop()
            engine.user_done()
        elif alive and engine.keep_alive:
            self.begin()
            self.send()
        else:
            self.drop()
            engine.dial()

    def _end(self, error: int) -> None:
        if self.busy:
            self.finish(error)
            self.drop()
            self._engine.carry_on()

    def drop(self) -> None:
        """Close the connection without waiting for anything."""
        self._engine.open.discard(self)
        if self.transport is not None:
            self.transport.abort()
            self.transport = None

    def expire(self, moment: float) -> None:
        """End the request under way if it began more than the time allowed before `moment`."""
        if self.busy and moment - self.start > self._engine.timeout:
            self._end(ErrorClass.TIMEOUT)


class _Engine:
    """The users, the clock that ends them, and what they recorded."""

    def __init__(self, asked: Assignment) -> None:
        self.rows = Rows()
        self.request = base64.b64decode(asked.request)
        self.head = asked.head
        self.keep_alive = asked.keep_alive
        self.timeout = asked.timeout
        self.open: set[_Connection] = set()
        self.lag = 0.0
        self._asked = asked
        self._left = asked.requests if asked.requests is not None else sys.maxsize
        self._users = min(asked.concurrency, self._left)
        self._stopping = False
        self._interrupted = False
        self._dialling: set[asyncio.Task[None]] = set()
        self._numbers = 0
        self._done = asyncio.Event()
        self._cpu = 0.0
        self._loop = asyncio.get_running_loop()
        self._resolvers = ThreadPoolExecutor(min(RESOLVERS, asked.concurrency))
        self._tls = ssl.create_default_context() if asked.tls else None

    async def run(self) -> dict[str, Any]:
        """Everything about the run except its columns, once it is over."""
        asked = self._asked
        begun = _now()
        self.rows.origin = begun + asked.warm_up
        started = _CLOCK.now() + asked.warm_up
        self._loop.call_later(asked.warm_up, self._mark)
        if asked.duration is not None:
            self._loop.call_later(asked.warm_up + asked.duration, self.stop, GRACE)
        self._sweep(begun)
        for _ in range(self._users):
            if self.may_begin():
                self.dial()
        await self._done.wait()
        spent = max(_now() - self.rows.origin, 1e-9)
        return {
            "started": started,
            "cpu_share": (_cpu() - self._cpu) / spent,
            "lag": self.lag,
            "elapsed": spent,
            "interrupted": self._interrupted,
        }

    def may_begin(self) -> bool:
        """Whether one more request may begin; if so it is counted."""
        if self._stopping or self._left <= 0:
            return False
        self._left -= 1
        return True

    def interrupt(self) -> None:
        """End the run now; what is under way is recorded as unfinished."""
        self._interrupted = not self._stopping
        self.stop(0.0)

    def stop(self, grace: float) -> None:
        """Begin no more requests, and end those under way after `grace` seconds."""
        self._stopping = True
        self._loop.call_later(grace, self._cut)

    def dial(self) -> None:
        """One user opens a connection for a request that is counted already."""
        task = self._loop.create_task(self._dial(), name="user")
        self._dialling.add(task)
        task.add_done_callback(self._dialling.discard)

    def carry_on(self) -> None:
        """A user whose connection is gone begins anew, or leaves."""
        if self.may_begin():
            self.dial()
        else:
            self.user_done()

    def user_done(self) -> None:
        """One user leaves; the last one ends the run."""
        self._users -= 1
        if self._users <= 0:
            self._done.set()

    async def _dial(self) -> None:
        self._numbers += 1
        connection = _Connection(self, self._numbers)
        try:
            async with asyncio.timeout(self.timeout):
                await self._connect(connection)
        except asyncio.CancelledError:
            connection.finish(ErrorClass.UNFINISHED)
            raise
        except (OSError, UnicodeError) as error:
            shaking = self._tls is not None and connection.connected > 0
            connection.finish(class_of(error, shaking_hands=shaking))
            connection.drop()
            await asyncio.sleep(PAUSE)
            self.carry_on()
        else:
            connection.send()

    async def _connect(self, connection: _Connection) -> None:
        asked = self._asked
        address = (asked.ip, asked.port)
        family = socket.AF_INET6 if ":" in asked.ip else socket.AF_INET
        if not asked.ip:
            family, address = await self._look_up()
            connection.looked_up = _now() - connection.start
        opened = socket.socket(family, socket.SOCK_STREAM)
        try:
            opened.settimeout(0)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            before = _now()
            await self._loop.sock_connect(opened, address)
            connection.connected = _now() - before
            name = asked.name if self._tls else None
            before = _now()
            await self._loop.create_connection(
                lambda: connection, sock=opened, ssl=self._tls, server_hostname=name
            )
        except BaseException:
            opened.close()
            raise
        connection.secured = _now() - before if self._tls else 0.0

    async def _look_up(self) -> tuple[Any, Any]:
        asked = self._asked
        found = await self._loop.run_in_executor(
            self._resolvers,
            lambda: socket.getaddrinfo(asked.name, asked.port, type=socket.SOCK_STREAM),
        )
        return found[0][0], found[0][4]

    def _mark(self) -> None:
        self._cpu = _cpu()
        self.lag = 0.0

    def _sweep(self, due: float) -> None:
        moment = _now()
        self.lag = max(self.lag, moment - due)
        for connection in tuple(self.open):
            connection.expire(moment)
        self._loop.call_later(SWEEP, self._sweep, moment + SWEEP)

    def _cut(self) -> None:
        for connection in tuple(self.open):
            connection.finish(ErrorClass.UNFINISHED)
            connection.drop()
        for task in tuple(self._dialling):
            task.cancel()
        self._loop.call_later(SWEEP, self._done.set)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def _serve(asked: Assignment, say: Callable[[dict[str, Any]], None]) -> _Engine:
    engine = _Engine(asked)
    loop = asyncio.get_running_loop()
    loop.add_reader(0, _heard, engine)
    telling = asyncio.create_task(_tell(engine, say), name="progress")
    result = await engine.run()
    telling.cancel()
    # Nothing may be said after the result: the bytes of the columns follow it.
    await asyncio.wait([telling])
    say(result | {"rows": engine.rows.count})
    return engine


def _heard(engine: _Engine) -> None:
    if not os.read(0, 4096):
        asyncio.get_running_loop().remove_reader(0)
        engine.interrupt()


async def _tell(engine: _Engine, say: Callable[[dict[str, Any]], None]) -> None:
    while True:
        await asyncio.sleep(PROGRESS)
        rows = engine.rows
        say({"at": _now() - rows.origin, "requests": rows.count, "failed": rows.failed})


def main() -> None:
    """Do what stdin asks for and write what happened to stdout."""
    asked = Assignment(**json.loads(sys.stdin.buffer.readline()))
    out = sys.stdout.buffer

    def say(line: dict[str, Any]) -> None:
        out.write(json.dumps(line).encode() + b"\n")
        out.flush()

    gc.freeze()
    gc.disable()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            engine = runner.run(_serve(asked, say))
            for column in engine.rows.columns().values():
                out.write(column.tobytes())
            out.flush()
            # A resolver that hangs must not keep the process: its threads cannot be cancelled.
            os._exit(0)
    except BrokenPipeError:  # the parent is gone: nobody is left to tell
        os._exit(1)


if __name__ == "__main__":
    main()

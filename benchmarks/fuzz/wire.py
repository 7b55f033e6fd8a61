"""Sending cases over https and judging what comes back."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import httptools

from benchmarks.fuzz.requests import Case
from benchmarks.https_client import Server

PATIENCE: Final = 20.0
"""Seconds after which an answer that has not come counts as stuck."""
_FORBIDDEN: Final = (b"Traceback (most recent call last)", b'File "')


@dataclass(slots=True)
class Answer:
    """What came back, as far as it came."""

    status: int = 0
    """0: the connection was closed without an answer."""
    body: bytearray = field(default_factory=bytearray)
    headers: dict[str, str] = field(default_factory=dict)
    complete: bool = False

    # What httptools calls.

    def on_header(self, name: bytes, value: bytes) -> None:
        """Remember the header."""
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        """Remember the piece."""
        self.body += body

    def on_message_complete(self) -> None:
        """The answer has ended."""
        self.complete = True


@dataclass(frozen=True, slots=True)
class Fault:
    """An answer that must not be."""

    case: Case
    reason: str


@dataclass(slots=True)
class Outcome:
    """What happened to all cases."""

    sent: int = 0
    statuses: dict[tuple[str, int], int] = field(default_factory=dict)
    """How often each (label, status) was seen."""
    faults: list[Fault] = field(default_factory=list)


async def run(server: Server, cases: Iterable[Case], *, connections: int = 8) -> Outcome:
    """Send all `cases`, `connections` at a time."""
    outcome, waiting = Outcome(), iter(cases)

    async def worker() -> None:
        for case in waiting:
            await _judge(server, case, outcome)

    async with asyncio.TaskGroup() as group:
        for number in range(connections):
            group.create_task(worker(), name=f"fuzz {number}")
    return outcome


async def _judge(server: Server, case: Case, outcome: Outcome) -> None:
    answer = Answer()
    reason = ""
    try:
        async with asyncio.timeout(PATIENCE):
            await _exchange(server, case, answer)
        reason = fault(case, answer)
    except TimeoutError:
        reason = "no answer in time"
    except httptools.HttpParserError as error:
        reason = f"the answer is not HTTP: {error}"
    outcome.sent += 1
    key = case.label, answer.status
    outcome.statuses[key] = outcome.statuses.get(key, 0) + 1
    if reason:
        outcome.faults.append(Fault(case, reason))


async def _exchange(server: Server, case: Case, answer: Answer) -> None:
    reader, writer = await asyncio.open_connection(server.host, server.port, ssl=server.context)
    raw = case.raw.replace(b"{host}", f"{server.host}:{server.port}".encode(), 1)
    raw = raw.replace(b"{authorization}", server.authorization.encode(), 1)
    try:
        writer.write(raw)
        if case.ending == "close":
            return
        if case.ending == "half-close":
            # TLS knows no half-closed connection: the server sees the end and may answer or not.
            writer.transport.close()
            return
        await _receive(case, reader, answer)
    except (ConnectionError, ssl.SSLError):
        return
    finally:
        writer.transport.abort()


async def _receive(case: Case, reader: asyncio.StreamReader, answer: Answer) -> None:
    parser = httptools.HttpResponseParser(answer)
    while data := await reader.read(1 << 16):
        try:
            parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            answer.status = parser.get_status_code()
            return
        answer.status = parser.get_status_code()
        if answer.complete or (case.streams and answer.status == 200):
            return
        if case.raw.startswith(b"HEAD ") and answer.headers:
            return


def fault(case: Case, answer: Answer) -> str:
    """What is wrong with `answer`; empty if nothing is."""
    if case.ending != "wait":
        return ""
    if answer.status == 0:
        return "hung up without an answer" if case.is_http else ""
    if answer.status >= 500 and answer.status not in {501, 504}:
        return f"{answer.status}: {bytes(answer.body[:300]).decode(errors='replace')}"
    if any(text in answer.body for text in _FORBIDDEN):
        return "a traceback reached the client"
    if answer.status >= 400 and answer.headers.get("content-type") == "application/json":
        return _status_fault(answer)
    return ""


def _status_fault(answer: Answer) -> str:
    if not answer.body:
        return ""
    try:
        said = json.loads(bytes(answer.body))
    except ValueError as error:
        return f"the Status is not JSON: {error}"
    if said.get("kind") != "Status" or said.get("code") != answer.status:
        return f"not a Status: {bytes(answer.body[:200]).decode(errors='replace')}"
    return ""

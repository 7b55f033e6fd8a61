"""Load runs: starts the generator process, follows its progress, and brings its records home."""

from __future__ import annotations

import base64
import json
import os
import selectors
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import IO, Any, Final

import numpy as np

from knlab._exceptions import MeasureError, UsageError
from knlab.measure.addresses import Resolve, Target, target
from knlab.measure.assignment import Assignment
from knlab.measure.columns import COLUMNS, ErrorClass, Requests
from knlab.measure.fingerprint import fingerprint
from knlab.measure.records import ClientUse, LoadRecord, Workload
from knlab.measure.request import USER_AGENT, check_method

SILENCE: Final = 20.0
"""The generator speaks four times a second; after so much silence it is taken for dead."""
MOST_USERS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is."""

    at: float
    """Seconds into the measured part; negative during the warm-up."""
    requests: int
    failed: int


def run_load(
    workload: Workload,
    *,
    connect_to: str | None = None,
    resolve: Resolve = "local",
    host: str | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> LoadRecord:
    """Every request of `workload`, done by a process of its own; an interrupt ends it early.

    Raises:
        UsageError: if the workload cannot work.
        MeasureError: if the generator died.
    """
    _check(workload)
    aim = target(workload.url, connect_to=connect_to, resolve=resolve, host=host)
    result, columns = _generate(assignment_of(workload, aim), on_progress)
    rows = Requests.of(columns)
    place = aim.destination
    return LoadRecord(
        workload=workload,
        requests=rows,
        elapsed=_elapsed(rows, result["elapsed"]),
        client=ClientUse(cpu_share=result["cpu_share"], lag=result["lag"]),
        started=result["started"],
        interrupted=result["interrupted"],
        world=place.world,
        via=f"{place.ip or aim.name}:{place.port}",
        fingerprint=fingerprint(),
    )


def _check(workload: Workload) -> None:
    check_method(workload.method)
    bounds = {
        "concurrency": (workload.concurrency, 1, MOST_USERS),
        "requests": (workload.requests, 1, sys.maxsize),
    }
    for name, (value, low, high) in bounds.items():
        if value is not None and not low <= value <= high:
            raise UsageError(f"{name}={value}", hint=f"give a number from {low} to {high}")
    if workload.duration is None and workload.requests is None:
        raise UsageError("the run has no end", hint='give duration="10s" or requests=1000')
    if workload.duration is not None and workload.duration <= 0:
        raise UsageError("duration=0", hint='give a duration such as "10s"')
    if workload.timeout <= 0:
        raise UsageError("timeout=0", hint='give the longest that a request may take, as in "30s"')


def assignment_of(workload: Workload, aim: Target) -> Assignment:
    """What the generator is told to do for `workload`."""
    place = aim.destination
    return Assignment(
        ip=place.ip,
        name=aim.name,
        port=place.port,
        tls=aim.tls,
        request=base64.b64encode(wire_request(workload, aim)).decode(),
        head=workload.method.upper() == "HEAD",
        keep_alive=workload.keep_alive,
        concurrency=workload.concurrency,
        duration=workload.duration,
        requests=workload.requests,
        warm_up=workload.warm_up,
        timeout=workload.timeout,
    )


def wire_request(workload: Workload, aim: Target) -> bytes:
    """The bytes of one request.

    Raises:
        UsageError: if a header cannot be sent as it is.
    """
    headers = {"host": aim.host, "user-agent": USER_AGENT, "accept": "*/*"}
    if workload.body:
        headers["content-length"] = str(len(workload.body))
    if not workload.keep_alive:
        headers["connection"] = "close"
    headers |= {name.lower(): value for name, value in workload.headers}
    lines = [f"{workload.method.upper()} {aim.path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if bad := [line for line in lines if not line.isprintable() or not line.isascii()]:
        raise UsageError(f"{bad[0]!r} cannot be sent", hint="use printable ASCII, or encode it")
    return "\r\n".join([*lines, "", ""]).encode() + workload.body


def _elapsed(rows: Requests, fallback: float) -> float:
    """Until the last answer: what was cut off at the end does not stretch the run."""
    answered = rows.measured & (rows.error != ErrorClass.UNFINISHED)
    return float(rows.end[answered].max()) if answered.any() else fallback


def _generate(
    asked: Assignment, on_progress: Callable[[Progress], None] | None
) -> tuple[dict[str, Any], Mapping[str, Any]]:
    with _process() as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(asdict(asked)).encode() + b"\n")
        process.stdin.flush()
        reader = _Reader(process.stdout)
        try:
            result = _follow(reader, on_progress)
        except KeyboardInterrupt:
            process.stdin.close()
            result = _follow(reader, None)
        return result, {
            name: np.frombuffer(reader.exactly(result["rows"] * np.dtype(kind).itemsize), kind)
            for name, kind in COLUMNS.items()
        }


def _follow(reader: _Reader, on_progress: Callable[[Progress], None] | None) -> dict[str, Any]:
    while True:
        line: dict[str, Any] = json.loads(reader.line())
        if "rows" in line:
            return line
        if on_progress is not None:
            on_progress(Progress(line["at"], line["requests"], line["failed"]))


@contextmanager
def _process() -> Iterator[subprocess.Popen[bytes]]:
    # A session of its own: an interrupt at the keyboard is ours to handle, and the end of its stdin
    # ends the generator even if this process is killed.
    process = subprocess.Popen(
        [sys.executable, "-m", "knlab.measure.generator"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        for stream in (process.stdin, process.stdout):
            if stream is not None and not stream.closed:
                _close(stream)
        process.wait()


def _close(stream: IO[bytes]) -> None:
    with suppress(BrokenPipeError):
        stream.close()


class _Reader:
    """Lines and bytes from a pipe whose other end has to keep talking."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._fd = stream.fileno()
        self._buffer = bytearray()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._fd, selectors.EVENT_READ)

    def line(self) -> bytes:
        """The next line."""
        while (end := self._buffer.find(b"\n")) < 0:
            self._more()
        return self._take(end + 1)

    def exactly(self, size: int) -> bytes:
        """The next `size` bytes."""
        while len(self._buffer) < size:
            self._more()
        return self._take(size)

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def _more(self) -> None:
        heard = self._selector.select(SILENCE)
        piece = os.read(self._fd, 1 << 20) if heard else b""
        if not piece:
            why = "ended" if heard else f"was silent for {SILENCE:.0f} s"
            raise MeasureError(
                f"the load generator {why} before it had delivered its records",
                hint="its own message, if any, is on stderr; is the machine out of memory?",
            )
        self._buffer += piece

"""One request, timed phase by phase, with curl's names for the phases.

The name is looked up first and by itself, then the connection goes to the address with the Host
header kept, so that a slow resolver shows as name lookup and as nothing else. Proxies from the
environment are not used and redirects are not followed: what is timed is the server that was named.
`starttransfer` is when the answer's headers were complete, which for any server that sends them in
one piece is its first byte.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import httpx

from knlab._clock import Clock, SystemClock
from knlab._exceptions import TimedOut, Unreachable, UsageError
from knlab._units import format_duration, parse_duration
from knlab.measure.addresses import Resolve, Target, target
from knlab.measure.records import Timing

USER_AGENT: Final = "knlab"
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def request(
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    data: str | bytes | None = None,
    timeout: str | float = "30s",
    connect_to: str | None = None,
    resolve: Resolve = "local",
    host: str | None = None,
) -> Timing:
    """The answer to one request on a connection of its own, with its timing.

    Any HTTP status is a result. Names under a cluster's domain lead to its gateway whatever DNS
    says, and `*.nip.io` and `*.sslip.io` names to the address they carry; `resolve="dns"` asks the
    resolver instead.
    `connect_to="127.0.0.1:8080"` overrides where to connect, `host` overrides the Host header.

    Raises:
        UsageError: if an argument cannot work.
        Unreachable: if no answer came: unknown name, refused, TLS, not HTTP, connection lost.
        TimedOut: if the answer was not complete after `timeout`.
    """
    aim = target(url, connect_to=connect_to, resolve=resolve, host=host)
    return _Exchange(aim, parse_duration(timeout, name="timeout"), SystemClock()).run(
        check_method(method), dict(headers or {}), data.encode() if isinstance(data, str) else data
    )


def check_method(method: str) -> str:
    """`method` in capitals.

    Raises:
        UsageError: if HTTP has no such method, or it would not be answered like a request.
    """
    if method.upper() not in _METHODS:
        raise UsageError(f"method={method!r}", hint=f"one of {', '.join(_METHODS)}")
    return method.upper()


class _Exchange:
    """One request under way: when each of its phases ended, in seconds since the beginning."""

    def __init__(self, aim: Target, timeout: float, clock: Clock) -> None:
        self._aim = aim
        self._timeout = timeout
        self._clock = clock
        self._wall = clock.now()
        self._begin = clock.monotonic()
        self._marks: dict[str, float] = {}

    def run(self, method: str, headers: dict[str, str], data: bytes | None) -> Timing:
        # Reading the trusted certificates takes longer than a request: before the clock starts.
        trusted = True if self._aim.tls else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        with httpx.HTTPTransport(trust_env=False, verify=trusted) as transport:
            self._begin = self._clock.monotonic()
            ip = self._look_up()
            looked_up = self._elapsed()
            with self._translated():
                asked = self._request(method, ip, headers, data)
                answer = transport.handle_request(asked)
                try:
                    body = self._read(answer)
                finally:
                    answer.close()
        return self._timing(answer, body, ip, looked_up)

    def _request(
        self, method: str, ip: str, headers: dict[str, str], data: bytes | None
    ) -> httpx.Request:
        named = httpx.Headers({"host": self._aim.host, "user-agent": USER_AGENT})
        named.update(headers)
        patience = httpx.Timeout(max(1e-3, self._timeout - self._elapsed()))
        return httpx.Request(
            method,
            self._address(ip),
            headers=named,
            content=data,
            extensions={
                "trace": self._trace,
                "sni_hostname": self._aim.name,
                "timeout": patience.as_dict(),
            },
        )

    def _look_up(self) -> str:
        place = self._aim.destination
        if place.ip and place.resolver != "given":
            return place.ip
        name = place.ip or self._aim.name
        try:
            found = socket.getaddrinfo(name, place.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise Unreachable(
                f"the name {name} has no address ({error})",
                hint="connect to the cluster first, or say where with connect_to='host:port'",
            ) from error
        return str(found[0][4][0])

    def _address(self, ip: str) -> str:
        scheme = "https" if self._aim.tls else "http"
        literal = f"[{ip}]" if ":" in ip else ip
        return f"{scheme}://{literal}:{self._aim.destination.port}{self._aim.path}"

    def _read(self, answer: httpx.Response) -> bytes:
        parts = []
        for part in answer.iter_bytes():
            parts.append(part)
            if self._elapsed() > self._timeout:
                raise self._late()
        return b"".join(parts)

    def _timing(self, answer: httpx.Response, body: bytes, ip: str, looked_up: float) -> Timing:
        total = self._elapsed()
        connected = self._marks.get("connect_tcp.complete", looked_up)
        version = answer.extensions.get("http_version", b"").decode()
        server = answer.headers.get("server", "")
        place = self._aim.destination
        return Timing(
            namelookup=looked_up,
            connect=connected,
            appconnect=self._marks.get("start_tls.complete", 0.0),
            pretransfer=self._marks.get("send_request_headers.started", connected),
            starttransfer=self._marks.get("receive_response_headers.complete", total),
            total=total,
            url=self._aim.url,
            status=answer.status_code,
            body=body,
            headers=tuple(answer.headers.multi_items()),
            resolver=place.resolver,
            via=" ".join(filter(None, [f"{ip}:{place.port}", version, server])),
            world=place.world,
            started=self._wall,
        )

    def _trace(self, event: str, _details: Mapping[str, Any]) -> None:
        self._marks[event.partition(".")[2]] = self._elapsed()

    def _elapsed(self) -> float:
        return self._clock.monotonic() - self._begin

    def _late(self) -> TimedOut:
        return TimedOut(
            f"an answer from {self._aim.host}",
            after=self._timeout,
            last_seen=next(reversed(self._marks), "nothing").replace("_", " ").replace(".", " "),
            hint="give it longer with timeout='60s', or look at the pods",
        )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        place = self._aim.destination
        asked = place.ip or self._aim.name
        try:
            yield
        except httpx.TimeoutException as error:
            raise self._late() from error
        except httpx.ConnectError as error:
            raise Unreachable(
                f"nobody answers for {self._aim.host} at {asked}:{place.port} ({error})",
                hint=_remedy(error),
            ) from error
        except httpx.DecodingError as error:
            raise Unreachable(
                f"{self._aim.host} sent a body that cannot be decoded ({error})"
            ) from error
        except httpx.TransportError as error:
            raise Unreachable(
                f"{self._aim.host} broke off after {format_duration(self._elapsed())} ({error})",
                hint="the program behind it may have crashed: look at its log",
            ) from error


def _remedy(error: httpx.ConnectError) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return "the certificate is not trusted here, or the port does not speak TLS"
        cause = cause.__cause__ or cause.__context__
    return "is the cluster up? `knlab status` says so, `knlab up` starts one"

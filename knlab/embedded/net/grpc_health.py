"""The gRPC health check (`grpc.health.v1.Health/Check`) as one request over HTTP/2."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from knlab.embedded.net._wire import phrase
from knlab.embedded.net.http import Request, Response, find_header, whole_body

OK: Final = 0
UNIMPLEMENTED: Final = 12
UNAVAILABLE: Final = 14
CODES: Final = (
    "OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound",
    "AlreadyExists", "PermissionDenied", "ResourceExhausted", "FailedPrecondition", "Aborted",
    "OutOfRange", "Unimplemented", "Internal", "Unavailable", "DataLoss", "Unauthenticated",
)  # fmt: skip
"""The names of gRPC's status codes, as Go writes them."""
SERVING: Final = "SERVING"

_STATUSES: Final = ("UNKNOWN", SERVING, "NOT_SERVING", "SERVICE_UNKNOWN")
_BY_HTTP_STATUS: Final = {400: 13, 401: 16, 403: 7, 404: 12, 429: 14, 502: 14, 503: 14, 504: 14}
_UNKNOWN: Final = 2


@dataclass(frozen=True, slots=True)
class Health:
    """What a server said: a status if the call succeeded, else why it did not."""

    status: str = ""
    code: int = OK
    text: str = ""

    def error(self) -> str:
        """The failure of the call as Go prints it; empty if it succeeded."""
        if self.code == OK:
            return ""
        name = CODES[self.code] if self.code < len(CODES) else f"Code({self.code})"
        return f"rpc error: code = {name} desc = {self.text}"


async def check_health(
    call: Callable[[Request], Awaitable[Response]], service: str, host: str, user_agent: str
) -> Health:
    """What the server that `call` reaches says about `service`; empty is the server as a whole.

    Raises:
        OSError: if nobody answers.
    """
    name = service.encode()
    message = b"\n" + _varint(len(name)) + name if name else b""
    headers = [
        (b"host", host.encode()),
        (b"content-type", b"application/grpc"),
        (b"te", b"trailers"),
        (b"user-agent", user_agent.encode()),
    ]
    body = b"\0" + len(message).to_bytes(4) + message
    target = "/grpc.health.v1.Health/Check"
    response = await call(Request("POST", target, headers, body, http2=True))
    return _decode(response, await whole_body(response.body))


def _decode(response: Response, body: bytes) -> Health:
    lines = [*(response.trailers or ()), *response.headers]
    code = find_header(lines, "grpc-status")
    if code is None or not code.isdigit():
        shown = f"{response.status} ({phrase(response.status)})"
        text = f"unexpected HTTP status code received from server: {shown}"
        return Health(code=_BY_HTTP_STATUS.get(response.status, _UNKNOWN), text=text)
    if int(code) != OK:
        escaped = find_header(lines, "grpc-message") or ""
        text = unquote_to_bytes(escaped.encode("latin-1")).decode(errors="replace")
        return Health(code=int(code), text=text)
    # The message has one field, a small number; without it the number is 0
    number = body[6] if len(body) >= 7 and body[5] == 0x08 else 0
    return Health(status=_STATUSES[number] if number < len(_STATUSES) else str(number))


def _varint(number: int) -> bytes:
    """`number` as protobuf writes lengths."""
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])

"""What a load generator is told to do, and what it calls the ways in which that can fail."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass

from knlab.measure.columns import ErrorClass


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """What the parent asks for; durations in seconds."""

    ip: str
    """Empty: ask the resolver for `name`, once for every connection."""
    name: str
    port: int
    tls: bool
    request: str
    """The bytes to send, in base64."""
    head: bool
    """Whether answers have no body by definition."""
    keep_alive: bool
    concurrency: int
    duration: float | None
    requests: int | None
    warm_up: float
    timeout: float


def class_of(error: Exception, *, shaking_hands: bool) -> ErrorClass:
    """The class of an error that came up while connecting, during the TLS handshake or before."""
    if shaking_hands and not isinstance(error, TimeoutError):
        return ErrorClass.TLS  # a server that speaks no TLS often just hangs up
    classes: tuple[tuple[type[Exception], ErrorClass], ...] = (
        (TimeoutError, ErrorClass.TIMEOUT),
        (socket.gaierror, ErrorClass.DNS),
        (UnicodeError, ErrorClass.DNS),
        (ssl.SSLError, ErrorClass.TLS),
        (ConnectionRefusedError, ErrorClass.REFUSED),
        (ConnectionError, ErrorClass.RESET),
    )
    return next(
        (found for kind, found in classes if isinstance(error, kind)), ErrorClass.UNREACHABLE
    )

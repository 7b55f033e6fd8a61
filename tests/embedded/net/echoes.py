"""A handler that tells what it was asked, and the type of the fixture that connects to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from knlab.embedded.net.http import Request, Response, whole_body

Connect = Callable[[tuple[str, int]], Awaitable[Any]]


async def echo(request: Request) -> Response:
    """Method, target and body of the request."""
    body = await whole_body(request.body)
    return Response(200, [(b"X-Target", request.target.encode())], request.method.encode() + body)

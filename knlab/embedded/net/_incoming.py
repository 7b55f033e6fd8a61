"""One request on its way into a server."""

from __future__ import annotations

from typing import Final

from knlab.embedded.net._connection import Inflow
from knlab.embedded.net.http import Body, Header, Request, find_header

HEAD_LIMIT: Final = 60 * 1024
"""The largest request head, and 100 lines: Envoy's defaults. More is answered by 431."""
LINE_LIMIT: Final = 100


class Refused(Exception):  # noqa: N818 - a status, raised through the parser
    """Leads a status out of the parser."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Incoming:
    """A request on its way in, and what its answer must know about it."""

    __slots__ = (
        "expects",
        "head_complete",
        "headers",
        "inflow",
        "keep_alive",
        "method",
        "old",
        "parts",
        "refused",
        "size",
        "target",
    )

    def __init__(self) -> None:
        self.method = "GET"
        self.target = b""
        self.headers: list[Header] = []
        self.parts: list[bytes] = []
        self.inflow: Inflow | None = None
        self.head_complete = False
        self.keep_alive = True
        self.old = False
        self.expects = False
        self.refused = 0
        self.size = 0

    def request(self, body: Body, peer: str) -> Request:
        """The request as a handler sees it."""
        return Request(self.method, self.target.decode("latin-1"), self.headers, body, peer)

    def refusal(self, arrived: int, *, upgrade: bool) -> int | None:
        """The status that a complete head deserves at once; None for a good one.

        `arrived` bytes came together, so a small number needs no adding up.
        """
        headers = self.headers
        if (len(headers) > LINE_LIMIT or arrived > HEAD_LIMIT) and too_large(headers):
            return 431
        if upgrade and (
            find_header(headers, "content-length") not in {None, "0"}
            or find_header(headers, "transfer-encoding") is not None
        ):
            return 400
        return None


def too_large(headers: list[Header]) -> bool:
    """Whether a head with `headers` is to be answered by 431."""
    return len(headers) > LINE_LIMIT or sum(len(n) + len(v) for n, v in headers) > HEAD_LIMIT

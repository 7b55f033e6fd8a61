"""How connections leave HTTP: who asks, in which protocol, and how it is refused."""

from __future__ import annotations

import pytest

from knlab.embedded.net.http import Duplex, Request
from knlab.embedded.net.upgrade import asks_for_spdy, splice, to_spdy, to_websocket
from tests.embedded.net.fake_duplex import FakeDuplex
from tests.embedded.net.test_websocket import request

SPDY = {"Upgrade": "SPDY/3.1", "Connection": "Upgrade"}


async def run(protocol: str, duplex: Duplex) -> None:
    await duplex.write(protocol.encode())


def spdy_request(*offers: str) -> Request:
    asked = request("POST", **SPDY)
    asked.headers += [(b"X-Stream-Protocol-Version", each.encode()) for each in offers]
    return asked


@pytest.mark.parametrize(
    ("offer", "protocols", "chosen"),
    [
        pytest.param("v5, v4", ("v5", "v4"), b"v5", id="the best of both"),
        pytest.param("v4, v5", ("v5", "v4"), b"v5", id="in the server's order"),
        pytest.param("v6, v4", ("v5", "v4"), b"v4", id="what the server knows"),
        pytest.param("", ("v4", ""), None, id="none, where that will do"),
    ],
)
@pytest.mark.anyio
async def test_a_websocket_in_a_protocol_that_both_know(
    offer: str, protocols: tuple[str, ...], chosen: bytes | None
) -> None:
    response = to_websocket(request(Sec_WebSocket_Protocol=offer), protocols, run)
    assert response.status == 101
    assert dict(response.headers).get(b"Sec-WebSocket-Protocol") == chosen
    assert response.upgraded is not None
    duplex = FakeDuplex()
    await response.upgraded(duplex)
    assert bytes(duplex.sent) == (chosen or b"")


@pytest.mark.parametrize("offer", ["", "v3", "v3, v2"])
def test_a_websocket_without_a_common_protocol(offer: str) -> None:
    response = to_websocket(request(Sec_WebSocket_Protocol=offer), ("v5", "v4"), run)
    assert (response.status, response.body) == (403, b"")
    assert response.upgraded is None


def test_what_is_no_handshake_is_a_bad_request() -> None:
    assert to_websocket(request(Sec_WebSocket_Key=""), ("",), run).status == 400


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        (spdy_request(), True),
        (request("POST", Upgrade="spdy/3.1"), True),
        (request("POST", Upgrade="h2c"), False),
        (request("POST", Upgrade="SPDY/3.1", Connection="close"), False),
    ],
)
def test_who_asks_for_spdy(asked: Request, wanted: bool) -> None:
    assert asks_for_spdy(asked) == wanted


@pytest.mark.parametrize("offers", [("v4", "v3"), ("v9, v4",), ("v3", "v4")])
def test_spdy_in_a_protocol_that_both_know(offers: tuple[str, ...]) -> None:
    response = to_spdy(spdy_request(*offers), ("v4", "v3"), run)
    assert (response.status, response.header("X-Stream-Protocol-Version")) == (101, "v4")
    assert response.header("Upgrade") == "SPDY/3.1"


def test_spdy_without_a_protocol() -> None:
    response = to_spdy(spdy_request(), ("v4",), run)
    assert response.status == 400
    assert response.body == b"unable to upgrade: X-Stream-Protocol-Version is required\n"


def test_spdy_without_a_common_protocol() -> None:
    response = to_spdy(spdy_request("foo"), ("v4", "v3"), run)
    assert response.status == 403
    assert response.body == (
        b"unable to upgrade: unable to negotiate protocol: client supports [foo],"
        b" server accepts [v4 v3]\n"
    )
    accepted = [v for n, v in response.headers if n == b"X-Accepted-Stream-Protocol-Versions"]
    assert accepted == [b"v4", b"v3"]


@pytest.mark.anyio
async def test_spliced_connections_carry_both_ways_and_end_together() -> None:
    one, other = FakeDuplex(), FakeDuplex()
    one.feed(b"forth")
    other.feed(b"back")
    one.leave()
    await splice(one, other)
    assert bytes(other.sent) == b"forth"
    assert one.closed
    assert other.closed

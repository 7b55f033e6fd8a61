"""Sessions over WebSocket messages: channels of an exec, channels of ports, and a tunnel."""

from __future__ import annotations

import asyncio

import pytest

from knlab.embedded.net import streams
from knlab.embedded.net.channels import ChannelSession, Tunnel
from tests.embedded.net.fake_duplex import FakeDuplex
from tests.embedded.net.test_websocket import from_client

pytestmark = pytest.mark.anyio

NAMES = ("stdin", "stdout", "error")
PING, BINARY, CLOSE = 9, 2, 8
BYE = b"\x88\x02\x03\xe8"


@pytest.fixture
def duplex() -> FakeDuplex:
    return FakeDuplex()


async def all_of(stream: streams.Stream) -> bytes:
    found = b""
    async with asyncio.timeout(5):
        while piece := await stream.read():
            found += piece
    return found


async def test_messages_go_to_their_channels_and_back(duplex: FakeDuplex) -> None:
    async with ChannelSession(duplex, names=NAMES, closable=True) as session:
        opened = await session.named(NAMES)
        assert duplex.sent == b"\x82\x01\x01"  # an empty message on the first output
        duplex.feed(from_client(BINARY, b"\x00in") + from_client(BINARY, b"\x09nobody's"))
        duplex.feed(from_client(BINARY, b"\x00put", fin=False) + from_client(0, b"!"))
        duplex.feed(from_client(BINARY, b"\xff\x00"))
        assert await all_of(opened["stdin"]) == b"input!"
        await opened["stdout"].write(b"out")
        await opened["error"].write(b"err")
        assert duplex.sent.endswith(b"\x82\x04\x01out\x82\x04\x03err")
        duplex.feed(from_client(CLOSE, b"\x03\xe8"))
    assert duplex.sent.endswith(BYE)
    assert duplex.closed


async def test_before_v5_channels_end_with_the_connection_only(duplex: FakeDuplex) -> None:
    async with ChannelSession(duplex, names=NAMES) as session:
        opened = await session.named(NAMES)
        duplex.feed(from_client(BINARY, b"\xff\x00") + from_client(BINARY, b"\x00x"))
        duplex.leave()
        assert await all_of(opened["stdin"]) == b"x"
        assert session.gone.is_set()
        with pytest.raises(ConnectionResetError):
            await opened["stdout"].write(b"too late")


async def test_pings_are_answered(duplex: FakeDuplex) -> None:
    async with ChannelSession(duplex, names=NAMES):
        duplex.feed(from_client(PING, b"hello"))
        await duplex.until_sent(b"\x8a\x05hello")
        duplex.leave()


async def test_a_client_that_breaks_the_rules_is_told_and_gone(duplex: FakeDuplex) -> None:
    async with ChannelSession(duplex, names=NAMES) as session:
        duplex.feed(b"\x82\x01x")
        async with asyncio.timeout(5):
            await session.gone.wait()
    assert duplex.sent.endswith(b"\x88\x02\x03\xea")
    assert duplex.closed


async def test_large_writes_are_cut(duplex: FakeDuplex) -> None:
    async with ChannelSession(duplex, names=NAMES) as session:
        opened = await session.named(NAMES)
        await opened["stdout"].write(bytes(streams.PIECE + 1))
        assert duplex.sent.endswith(b"\x82\x02\x01\x00")
        duplex.leave()


async def test_a_session_stops_reading_while_nobody_reads_from_it(duplex: FakeDuplex) -> None:
    async with ChannelSession(duplex, names=NAMES) as session:
        opened = await session.named(NAMES)
        for _ in range(20):
            duplex.feed(from_client(BINARY, b"\x00" + bytes(streams.UNREAD_LIMIT // 10)))
        duplex.feed(from_client(PING, b"?"))
        for _ in range(200):
            await asyncio.sleep(0)
        assert duplex.reads < 15
        total = 0
        async with asyncio.timeout(5):
            while total < 20 * (streams.UNREAD_LIMIT // 10):
                total += len(await opened["stdin"].read())
        await duplex.until_sent(b"\x8a\x01?")
        duplex.leave()


async def test_a_session_that_does_not_read_knocks(duplex: FakeDuplex) -> None:
    async with ChannelSession(duplex, names=NAMES, knock_every=0.01) as session:
        await session.named(NAMES)
        duplex.feed(from_client(BINARY, b"\x00" + bytes(streams.UNREAD_LIMIT + 1)))
        await duplex.until_sent(b"\x89\x00")
        await duplex.until_sent(b"\x89\x00")
        duplex.leave()


async def test_ports_have_two_channels_each_that_begin_with_the_port(duplex: FakeDuplex) -> None:
    async with ChannelSession(duplex, ports=[80, 8080]) as session:
        opened = [each async for each in session.forwardings()]
        greeted = b"".join(
            b"\x82\x03" + bytes((channel,)) + port.to_bytes(2, "little")
            for channel, port in enumerate([80, 80, 8080, 8080])
        )
        assert duplex.sent == greeted
        duplex.feed(from_client(BINARY, b"\x02to the second"))
        assert await opened[1].data.read() == b"to the second"
        await opened[1].error.write(b"no")
        assert duplex.sent.endswith(b"\x82\x03\x03no")
        duplex.leave()
    assert [each.port for each in opened] == [80, 8080]


async def test_a_tunnel_carries_bytes_whatever_the_messages(duplex: FakeDuplex) -> None:
    tunnel = Tunnel(duplex)
    duplex.feed(from_client(BINARY, b"ab") + from_client(PING, b"") + from_client(BINARY, b"cd"))
    duplex.feed(from_client(CLOSE, b""))
    assert [await tunnel.read() for _ in range(4)] == [b"ab", b"cd", b"", b""]
    await tunnel.write(b"back")
    assert b"\x8a\x00" in duplex.sent
    assert duplex.sent.endswith(b"\x82\x04back")
    await tunnel.close()
    assert duplex.closed

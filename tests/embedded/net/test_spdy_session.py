"""Sessions over SPDY: streams that the client opens, ends and resets."""

from __future__ import annotations

import asyncio
import zlib
from random import Random

import pytest

from knlab.embedded.net import spdy
from knlab.embedded.net._spdy_dictionary import HEADER_DICTIONARY
from knlab.embedded.net.spdy_session import STREAMS_LIMIT, SpdySession
from knlab.embedded.net.streams import UNREAD_LIMIT
from tests.embedded.net.fake_duplex import FakeDuplex
from tests.embedded.net.test_spdy import EXEC, PORT_FORWARD, block, syn_stream

pytestmark = pytest.mark.anyio

NAMES = ("stdin", "stdout", "stderr", "error")


class Opening:
    """Frames that open streams, compressed as one client does."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(zdict=HEADER_DICTIONARY)

    def __call__(self, stream: int, **headers: str) -> bytes:
        plain = block(*((name.encode(), value.encode()) for name, value in headers.items()))
        return syn_stream(
            stream, self._deflate.compress(plain) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        )


@pytest.fixture
def duplex() -> FakeDuplex:
    return FakeDuplex()


@pytest.fixture
def opening() -> Opening:
    return Opening()


async def test_an_exec_as_kubectl_begins_it(duplex: FakeDuplex) -> None:
    async with SpdySession(duplex) as session:
        duplex.feed(EXEC)
        opened = await session.named(NAMES)
        assert {name: stream.number for name, stream in opened.items()} == {
            "stdin": 3, "stdout": 5, "stderr": 7, "error": 1,
        }  # fmt: skip
        assert await opened["stdin"].read() == b"hi\n"
        assert await opened["stdin"].read() == b""
        assert opened["stdout"].broken.is_set()  # the recording ends with resets
        duplex.leave()
    assert duplex.sent.count(b"\x80\x03\x00\x02") == 4


async def test_what_is_sent_ends_with_a_last_frame_and_the_session_with_a_goaway(
    duplex: FakeDuplex, opening: Opening
) -> None:
    async with SpdySession(duplex) as session:
        duplex.feed(opening(1, streamtype="error") + opening(3, streamtype="stdout"))
        opened = await session.named(("error", "stdout"))
        await opened["stdout"].write(b"out")
        await opened["stdout"].finish()
        duplex.leave()
        await duplex.until_sent(spdy.data(3, b"out") + spdy.data(3, b"", fin=True))
    assert duplex.closed


async def test_a_server_that_is_done_says_so_and_waits_for_the_client(
    duplex: FakeDuplex, opening: Opening
) -> None:
    async def client() -> None:
        await duplex.until_sent(spdy.data(1, b"", fin=True) + spdy.goaway(1))
        duplex.leave()

    async with asyncio.timeout(5), asyncio.TaskGroup() as group, SpdySession(duplex) as session:
        duplex.feed(opening(1, streamtype="error"))
        await session.named(("error",))
        group.create_task(client())


async def test_a_client_that_goes_before_its_streams_are_open(duplex: FakeDuplex) -> None:
    async with SpdySession(duplex) as session:
        duplex.leave()
        with pytest.raises(ConnectionResetError):
            await session.named(NAMES)


async def test_a_client_that_opens_nothing_is_not_waited_for(duplex: FakeDuplex) -> None:
    async with SpdySession(duplex, patience=0.01) as session:
        with pytest.raises(TimeoutError):
            await session.named(NAMES)
        duplex.leave()


async def test_a_port_forward_as_kubectl_begins_it(duplex: FakeDuplex) -> None:
    async with SpdySession(duplex) as session:
        duplex.feed(PORT_FORWARD)
        duplex.leave()
        opened = [each async for each in session.forwardings()]
        assert [(each.port, each.data.number, each.error.number) for each in opened] == [
            (8080, 3, 1)
        ]
        assert await opened[0].data.read() == b"GET"
        assert await opened[0].data.read() == b""


async def test_connections_of_one_port_forward_keep_apart(
    duplex: FakeDuplex, opening: Opening
) -> None:
    async with SpdySession(duplex) as session:
        duplex.feed(opening(1, streamtype="error", requestid="a", port="80"))
        duplex.feed(opening(3, streamtype="error", requestid="b", port="81"))
        duplex.feed(opening(5, streamtype="data", requestid="b", port="81"))
        duplex.feed(opening(7, streamtype="data", requestid="a", port="80"))
        duplex.leave()
        opened = [each async for each in session.forwardings()]
    assert [(each.port, each.error.number, each.data.number) for each in opened] == [
        (81, 3, 5),
        (80, 1, 7),
    ]


async def test_old_clients_name_no_request(duplex: FakeDuplex, opening: Opening) -> None:
    async with SpdySession(duplex) as session:
        duplex.feed(opening(1, streamtype="error", port="80"))
        duplex.feed(opening(3, streamtype="data", port="80"))
        duplex.leave()
        assert len([each async for each in session.forwardings()]) == 1


@pytest.mark.parametrize("port", ["", "x", "65536", "-1", "1.5"])
async def test_a_port_that_is_none_is_0(duplex: FakeDuplex, opening: Opening, port: str) -> None:
    async with SpdySession(duplex) as session:
        duplex.feed(opening(1, streamtype="error", requestid="0"))
        duplex.feed(opening(3, streamtype="data", requestid="0", port=port))
        duplex.leave()
        assert [each.port async for each in session.forwardings()] == [0]


async def test_a_reset_breaks_the_stream_and_frees_what_waited(
    duplex: FakeDuplex, opening: Opening
) -> None:
    async with SpdySession(duplex) as session:
        duplex.feed(opening(1, streamtype="stdin") + opening(3, streamtype="error"))
        stdin = (await session.named(("stdin", "error")))["stdin"]
        duplex.feed(spdy.data(1, bytes(UNREAD_LIMIT)) + spdy.reset(1, spdy.CANCEL))
        async with asyncio.timeout(5):
            await stdin.broken.wait()
        assert await stdin.read() == b""
        with pytest.raises(ConnectionResetError):
            await stdin.write(b"x")
        duplex.feed(spdy.data(1, bytes(UNREAD_LIMIT + 1)) + spdy.ping(1))
        await duplex.until_sent(spdy.ping(1))
        duplex.leave()


async def test_numbers_go_up_and_there_are_not_too_many(
    duplex: FakeDuplex, opening: Opening
) -> None:
    async with SpdySession(duplex):
        duplex.feed(opening(5) + opening(3))
        await duplex.until_sent(spdy.reset(3, spdy.PROTOCOL_ERROR))
        for number in range(STREAMS_LIMIT):
            duplex.feed(opening(2 * number + 7))
        await duplex.until_sent(spdy.reset(2 * STREAMS_LIMIT + 5, spdy.REFUSED_STREAM))
        duplex.leave()


async def test_a_session_that_does_not_read_knocks(duplex: FakeDuplex, opening: Opening) -> None:
    async with SpdySession(duplex, knock_every=0.01):
        duplex.feed(opening(1) + spdy.data(1, bytes(UNREAD_LIMIT + 1)))
        await duplex.until_sent(spdy.ping(2))
        await duplex.until_sent(spdy.ping(4))
        duplex.leave()


async def test_damage_ends_a_session_and_nothing_else() -> None:
    random = Random(4)
    for _ in range(300):
        damaged = bytearray(PORT_FORWARD)
        for _ in range(random.randint(1, 3)):
            damaged[random.randrange(len(damaged))] = random.randrange(256)
        duplex = FakeDuplex()
        async with asyncio.timeout(5), SpdySession(duplex) as session:
            duplex.feed(bytes(damaged))
            duplex.leave()
            async for each in session.forwardings():
                await each.data.read()
        assert duplex.closed


async def test_a_client_that_speaks_something_else_is_gone(duplex: FakeDuplex) -> None:
    async with SpdySession(duplex) as session:
        duplex.feed(b"GET / HTTP/1.1\r\n\r\n" + b"\xff" * 64)
        async with asyncio.timeout(5):
            await session.gone.wait()
    assert duplex.closed

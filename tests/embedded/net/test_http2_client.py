"""Requests passed on over HTTP/2: one connection for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from h2.errors import ErrorCodes
from h2.events import DataReceived, RequestReceived, StreamEnded, StreamReset, TrailersReceived
from h2.settings import SettingCodes

from knlab.embedded.net._http2_frames import GoAway
from knlab.embedded.net.forward import Forwarder
from knlab.embedded.net.http import Address, Request, Response, whole_body
from knlab.embedded.net.server import serve
from tests.embedded.net.http2_peer import Peer, upstream

pytestmark = pytest.mark.anyio

OK = [(b":status", b"200")]


def ask(method: str = "GET", body: bytes | AsyncIterator[bytes] = b"") -> Request:
    return Request(method, "/", [(b"host", b"hello.com")], body, http2=True)


def asking(forwarder: Forwarder, address: Address, request: Request) -> asyncio.Task[Response]:
    return asyncio.ensure_future(forwarder(address, request))


async def answer(peer: Peer, stream: int, data: bytes = b"", *, last: bool = True) -> None:
    peer.http2.send_headers(stream, OK, end_stream=last and not data)
    if data:
        peer.http2.send_data(stream, data, end_stream=last)
    await peer.flush()


async def test_requests_share_one_connection(forwarder: Forwarder) -> None:
    async with upstream() as (server, address):
        tasks = [asking(forwarder, address, ask()) for _ in range(3)]
        peer = await server.accepted()
        streams = [(await peer.heard(RequestReceived)).stream_id for _ in tasks]
        for stream in reversed(streams):
            await answer(peer, stream, b"%d" % stream)
        answers = [await whole_body((await task).body) for task in tasks]
        assert answers == [b"%d" % stream for stream in streams]
        assert len(server.all) == 1


async def test_a_server_that_takes_few_streams_gets_more_connections(
    forwarder: Forwarder,
) -> None:
    async with upstream() as (server, address):
        first = asking(forwarder, address, ask())
        peer = await server.accepted()
        stream = (await peer.heard(RequestReceived)).stream_id
        peer.http2.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: 1})
        await answer(peer, stream, last=False)
        await first
        second = asking(forwarder, address, ask())
        other = await server.accepted()
        await answer(other, (await other.heard(RequestReceived)).stream_id)
        assert (await second).status == 200


async def test_trailers_are_there_when_the_body_has_ended(forwarder: Forwarder) -> None:
    async with upstream() as (server, address):
        task = asking(forwarder, address, ask())
        peer = await server.accepted()
        stream = (await peer.heard(RequestReceived)).stream_id
        await answer(peer, stream, b"one", last=False)
        response = await task
        peer.http2.send_headers(stream, [(b"grpc-status", b"0")], end_stream=True)
        await peer.flush()
        assert await whole_body(response.body) == b"one"
        assert response.trailers == [(b"grpc-status", b"0")]


async def test_a_request_streams_and_ends_with_its_trailers(forwarder: Forwarder) -> None:
    pieces: asyncio.Queue[bytes] = asyncio.Queue()

    async def body() -> AsyncIterator[bytes]:
        while piece := await pieces.get():
            yield piece

    async with upstream() as (server, address):
        request = ask("POST", body())
        request.trailers = [(b"x-sum", b"1")]
        task = asking(forwarder, address, request)
        peer = await server.accepted()
        stream = (await peer.heard(RequestReceived)).stream_id
        for piece in (b"one", b"two"):
            pieces.put_nowait(piece)
            assert await peer.body(3) == piece
        pieces.put_nowait(b"")
        assert (await peer.heard(TrailersReceived)).headers == [(b"x-sum", b"1")]
        await answer(peer, stream)
        assert (await task).status == 200


async def test_a_server_that_does_not_read_stops_the_request_at_its_window(
    forwarder: Forwarder,
) -> None:
    async with upstream() as (server, address):
        task = asking(forwarder, address, ask("POST", b"x" * 100_000))
        peer = await server.accepted()
        await peer.heard(RequestReceived)
        held = 0
        while held < 65_535:
            held += len((await peer.heard(DataReceived)).data)
        assert held == 65_535
        peer.http2.acknowledge_received_data(held, 1)
        await peer.flush()
        assert await peer.body(100_000 - held) == b"x" * (100_000 - held)
        await answer(peer, 1)
        assert (await task).status == 200


async def test_giving_up_resets_the_stream(forwarder: Forwarder) -> None:
    async with upstream() as (server, address):
        task = asking(forwarder, address, ask())
        peer = await server.accepted()
        await peer.heard(RequestReceived)
        task.cancel()
        assert (await peer.heard(StreamReset)).error_code == ErrorCodes.CANCEL
        again = asking(forwarder, address, ask())
        await answer(peer, (await peer.heard(RequestReceived)).stream_id)
        assert (await again).status == 200


async def test_a_body_that_nobody_reads_on_resets_the_stream(forwarder: Forwarder) -> None:
    async with upstream() as (server, address):
        task = asking(forwarder, address, ask())
        peer = await server.accepted()
        await answer(peer, (await peer.heard(RequestReceived)).stream_id, b"a part", last=False)
        body = (await task).body
        assert not isinstance(body, bytes)
        await body.aclose()  # type: ignore[attr-defined]
        assert (await peer.heard(StreamReset)).error_code == ErrorCodes.CANCEL


async def test_a_request_that_breaks_off_fails(forwarder: Forwarder) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"a part"
        raise ConnectionResetError("client disconnected")

    async with upstream() as (_, address):
        with pytest.raises(ConnectionResetError, match="client disconnected"):
            await forwarder(address, ask("POST", body()))


async def test_an_early_answer_ends_the_request(forwarder: Forwarder) -> None:
    closed = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x"
                await asyncio.sleep(0)
        finally:
            closed.set()

    async with upstream() as (server, address):
        task = asking(forwarder, address, ask("POST", endless()))
        peer = await server.accepted()
        await answer(peer, (await peer.heard(RequestReceived)).stream_id, b"enough")
        assert await whole_body((await task).body) == b"enough"
        async with asyncio.timeout(5):
            await closed.wait()
        assert (await peer.heard(StreamReset)).error_code == ErrorCodes.NO_ERROR


@pytest.mark.parametrize("code", [ErrorCodes.PROTOCOL_ERROR, ErrorCodes.CANCEL])
async def test_a_reset_stream_fails_in_gos_words(forwarder: Forwarder, code: ErrorCodes) -> None:
    async with upstream() as (server, address):
        task = asking(forwarder, address, ask())
        peer = await server.accepted()
        peer.http2.reset_stream((await peer.heard(RequestReceived)).stream_id, code)
        await peer.flush()
        text = f"stream error: stream ID 1; {code.name}; received from peer"
        with pytest.raises(ConnectionResetError, match=text):
            await task


async def test_a_refused_request_is_sent_once_more(forwarder: Forwarder) -> None:
    async with upstream() as (server, address):
        task = asking(forwarder, address, ask("POST", b"whole"))
        peer = await server.accepted()
        refused = (await peer.heard(RequestReceived)).stream_id
        peer.http2.reset_stream(refused, ErrorCodes.REFUSED_STREAM)
        await peer.flush()
        await answer(peer, (await peer.heard(RequestReceived)).stream_id)
        assert (await task).status == 200


async def test_a_server_that_goes_finishes_what_it_has_seen(forwarder: Forwarder) -> None:
    async with upstream() as (server, address):
        seen = asking(forwarder, address, ask())
        unseen = asking(forwarder, address, ask())
        peer = await server.accepted()
        first = (await peer.heard(RequestReceived)).stream_id
        peer.writer.write(GoAway(first, 0).encode())
        other = await server.accepted()
        await answer(other, (await other.heard(RequestReceived)).stream_id)
        assert (await unseen).status == 200
        await answer(peer, first, b"as promised")
        assert await whole_body((await seen).body) == b"as promised"
        await peer.closed()


async def test_a_server_that_ends_in_anger_fails_everything(forwarder: Forwarder) -> None:
    async with upstream() as (server, address):
        task = asking(forwarder, address, ask())
        peer = await server.accepted()
        await peer.heard(RequestReceived)
        peer.writer.write(GoAway(1, 11).encode())
        with pytest.raises(ConnectionResetError, match="LastStreamID=1, ErrCode=11"):
            await task


@pytest.mark.parametrize("early", [True, False], ids=["before the head", "in the body"])
async def test_a_connection_that_breaks_fails_its_requests(
    forwarder: Forwarder, early: bool
) -> None:
    async with upstream() as (server, address):
        task = asking(forwarder, address, ask())
        peer = await server.accepted()
        stream = (await peer.heard(RequestReceived)).stream_id
        if not early:
            await answer(peer, stream, b"a part", last=False)
            await task
        await peer.close()
        with pytest.raises(ConnectionResetError, match="unexpected EOF"):
            await whole_body((await task).body)


async def test_a_server_of_http_1_is_told_apart(forwarder: Forwarder) -> None:
    async def old(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(24)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(old, "127.0.0.1", 0)
    async with server:
        text = "note that the frame header looked like an HTTP/1.1 header"
        with pytest.raises(ConnectionError, match=text):
            await forwarder(server.sockets[0].getsockname(), ask())


async def test_nobody_there_is_a_refusal_for_everybody(forwarder: Forwarder) -> None:
    async with upstream() as (_, address):
        pass
    tasks = [asking(forwarder, address, ask()) for _ in range(3)]
    for task in tasks:
        with pytest.raises(ConnectionRefusedError):
            await task


async def test_there_are_no_upgrades(forwarder: Forwarder) -> None:
    async with upstream() as (server, address):
        request = ask()
        request.headers.append((b"upgrade", b"websocket"))
        with pytest.raises(ConnectionError, match=r'invalid Upgrade request header: \["websocket"'):
            await forwarder(address, request)
        await server.accepted()


async def test_closing_ends_what_runs(forwarder: Forwarder) -> None:
    async with upstream() as (server, address):
        task = asking(forwarder, address, ask())
        await (await server.accepted()).heard(RequestReceived)
        await forwarder.close()
        with pytest.raises(ConnectionResetError):
            await task


async def test_answers_that_nobody_reads_do_not_stop_later_ones(forwarder: Forwarder) -> None:
    """The connection's window counts what was thrown away as read."""

    async def big(_: Request) -> Response:
        return Response(200, [], b"x" * 60_000)

    async with serve(big) as address:
        for _ in range(300):
            body = (await forwarder(address, ask())).body
            if not isinstance(body, bytes):
                await body.aclose()  # type: ignore[attr-defined]
        assert await whole_body((await forwarder(address, ask())).body) == b"x" * 60_000


async def test_a_stream_ends_on_both_sides(forwarder: Forwarder) -> None:
    async with upstream() as (server, address):
        task = asking(forwarder, address, ask())
        peer = await server.accepted()
        await peer.heard(StreamEnded)
        await answer(peer, 1)
        await task
        assert peer.http2.open_inbound_streams == 0

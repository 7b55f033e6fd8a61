"""A server whose clients speak HTTP/2 by prior knowledge."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from h2.errors import ErrorCodes
from h2.events import (
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.settings import SettingCodes

from knlab.embedded.net import _http2_server
from knlab.embedded.net._http2_frames import PREFACE, GoAway
from knlab.embedded.net.forward import Forwarder
from knlab.embedded.net.http import Duplex, Request, Response, whole_body
from knlab.embedded.net.server import serve
from tests.embedded.net.http2_peer import GET, Peer, client_of

pytestmark = pytest.mark.anyio

BIG = bytes(range(256)) * 2000


class Program:
    """Different manners under different paths."""

    def __init__(self) -> None:
        self.seen: list[Request] = []
        self.cancelled = asyncio.Event()
        self.go_on = asyncio.Event()

    async def handle(self, request: Request) -> Response:
        self.seen.append(request)
        manner = getattr(self, request.target.strip("/") or "hello")
        answer: Response = await manner(request)
        return answer

    async def hello(self, request: Request) -> Response:
        return Response(200, [(b"X-Method", request.method.encode())], b"hello")

    async def echo(self, request: Request) -> Response:
        return Response(200, [], await whole_body(request.body), trailers=request.trailers)

    async def stream(self, request: Request) -> Response:
        assert not isinstance(request.body, bytes)
        return Response(200, [], request.body, trailers=request.trailers)

    async def early(self, _: Request) -> Response:
        return Response(403, [], b"no")

    async def stuck(self, _: Request) -> Response:
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return Response(200, [], b"at last")

    async def half(self, _: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"half"
            raise ConnectionResetError("crash")

        return Response(200, [], pieces())

    async def fails(self, _: Request) -> Response:
        raise ValueError("a bug")

    async def upgrade(self, _: Request) -> Response:
        async def talk(_: Duplex) -> None:
            raise AssertionError

        return Response(101, upgraded=talk)


@pytest.fixture
async def program(anyio_backend: str) -> Program:
    return Program()


@pytest.fixture
async def peer(program: Program) -> AsyncIterator[Peer]:
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(serve(program.handle, grace=0.2))
        yield await stack.enter_async_context(client_of(address))


def to(path: bytes, method: bytes = b"GET") -> tuple[tuple[bytes, bytes], ...]:
    return ((b":method", method), *GET[1:3], (b":path", path))


async def test_a_request_is_answered(program: Program, peer: Peer) -> None:
    await peer.request()
    answer = await peer.heard(ResponseReceived)
    assert answer.headers == [
        (b":status", b"200"), (b"x-method", b"GET"), (b"content-length", b"5"),
    ]  # fmt: skip
    assert await peer.body(5) == b"hello"
    assert (await peer.heard(StreamEnded)).stream_id == 1
    [seen] = program.seen
    assert (seen.http2, seen.peer, seen.headers) == (True, "127.0.0.1", [(b"host", b"hello.com")])


@pytest.mark.parametrize("size", [1, 5, 16, 23, 24, 30])
async def test_the_preface_may_come_in_parts(program: Program, size: int) -> None:
    async with serve(program.handle) as address:
        peer = Peer(*await asyncio.open_connection(*address), client=True)
        hello = peer.http2.data_to_send()
        assert hello.startswith(PREFACE)
        for at in range(0, len(hello), size):
            peer.writer.write(hello[at : at + size])
            await peer.writer.drain()
            await asyncio.sleep(0.001)
        await peer.request()
        await peer.heard(ResponseReceived)
        await peer.close()


async def test_bodies_of_any_size_come_back(program: Program, forwarder: Forwarder) -> None:
    async with serve(program.handle) as address:
        for body in (b"", b"x", BIG):
            request = Request("POST", "/echo", [], body, http2=True)
            answer = await forwarder(address, request)
            assert (answer.status, await whole_body(answer.body)) == (200, body)


async def test_a_body_streams_both_ways_with_trailers_at_the_end(peer: Peer) -> None:
    stream = await peer.request(*to(b"/stream", b"POST"), more=True)
    for piece in (b"one", b"two"):
        await peer.send(stream, piece)
        assert await peer.body(3) == piece
    peer.http2.send_headers(stream, [(b"x-sum", b"2")], end_stream=True)
    await peer.flush()
    assert (await peer.heard(TrailersReceived)).headers == [(b"x-sum", b"2")]


async def test_streams_do_not_wait_for_each_other(program: Program, peer: Peer) -> None:
    slow = await peer.request(*to(b"/stuck"))
    quick = await peer.request()
    assert (await peer.heard(StreamEnded)).stream_id == quick
    program.go_on.set()
    assert (await peer.heard(StreamEnded)).stream_id == slow


async def test_a_client_that_reads_slowly_gets_only_what_it_takes(peer: Peer) -> None:
    sending = await peer.request(*to(b"/echo", b"POST"), more=True)
    rest = BIG
    while rest:
        room = min(peer.http2.local_flow_control_window(sending), 16_384, len(rest))
        if not room:
            await peer._read()
            continue
        await peer.send(sending, rest[:room], last=room == len(rest))
        rest = rest[room:]
    assert await peer.body(len(BIG)) == BIG


async def test_head_has_no_body(peer: Peer) -> None:
    await peer.request(*to(b"/", b"HEAD"))
    await peer.heard(ResponseReceived)
    await peer.heard(StreamEnded)
    assert peer.http2.open_outbound_streams == 0


async def test_an_answer_before_the_end_of_a_request_stops_the_request(peer: Peer) -> None:
    await peer.request(*to(b"/early", b"POST"), more=True)
    assert (b":status", b"403") in (await peer.heard(ResponseReceived)).headers
    assert (await peer.heard(StreamReset)).error_code == ErrorCodes.NO_ERROR


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ([(b"x", b"y" * 62_000)], b"431"),
        ([(b"x", b"y")] * 101, b"431"),
    ],
    ids=["a large head", "many lines"],
)
async def test_heads_have_limits(
    peer: Peer, lines: list[tuple[bytes, bytes]], status: bytes
) -> None:
    await peer.request(*GET, *lines)
    assert (b":status", status) in (await peer.heard(ResponseReceived)).headers


async def test_there_are_no_tunnels(peer: Peer) -> None:
    await peer.request((b":method", b"CONNECT"), (b":authority", b"a.com:80"))
    assert (b":status", b"501") in (await peer.heard(ResponseReceived)).headers


async def test_a_body_that_breaks_off_resets_its_stream(peer: Peer) -> None:
    await peer.request(*to(b"/half"))
    assert await peer.body(4) == b"half"
    assert (await peer.heard(StreamReset)).error_code == ErrorCodes.INTERNAL_ERROR
    await peer.request()
    assert await peer.body(5) == b"hello", "other streams go on"


async def test_an_upgrade_resets_its_stream(peer: Peer) -> None:
    await peer.request(*to(b"/upgrade"))
    assert (await peer.heard(StreamReset)).error_code == ErrorCodes.INTERNAL_ERROR


async def test_a_bug_is_500(peer: Peer) -> None:
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    await peer.request(*to(b"/fails"))
    assert (b":status", b"500") in (await peer.heard(ResponseReceived)).headers
    assert len(told) == 1


async def test_giving_up_cancels_the_work(program: Program, peer: Peer) -> None:
    stream = await peer.request(*to(b"/stuck"))
    other = await peer.request(*to(b"/stream", b"POST"), more=True)
    await peer.heard(ResponseReceived)
    peer.http2.reset_stream(stream, ErrorCodes.CANCEL)
    await peer.flush()
    async with asyncio.timeout(5):
        await program.cancelled.wait()
    await peer.send(other, b"goes on")
    assert await peer.body(7) == b"goes on"


async def test_leaving_cancels_all_work(program: Program, peer: Peer) -> None:
    await peer.request(*to(b"/stuck"))
    await peer.request()
    await peer.heard(StreamEnded)
    await peer.close()
    async with asyncio.timeout(5):
        await program.cancelled.wait()


async def test_a_client_is_told_how_many_streams_it_may_open(peer: Peer) -> None:
    changed = (await peer.heard(RemoteSettingsChanged)).changed_settings
    assert changed[SettingCodes.MAX_CONCURRENT_STREAMS].new_value == 250


async def test_a_client_that_only_resets_is_sent_away(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_http2_server, "PREMATURE_FROM", 20)
    for _ in range(20):
        stream = await peer.request(*to(b"/stuck"))
        peer.http2.reset_stream(stream, ErrorCodes.CANCEL)
    await peer.flush()
    assert (await peer.heard(GoAway)).code == ErrorCodes.ENHANCE_YOUR_CALM


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\0\0\1\0\0\0\0\0\0x", ErrorCodes.PROTOCOL_ERROR),
        (b"\xff\xff\xff\0\0\0\0\0\1", ErrorCodes.FRAME_SIZE_ERROR),
    ],
    ids=["data of no stream", "a huge frame"],
)
async def test_a_client_that_makes_no_sense_is_sent_away(
    peer: Peer, frame: bytes, code: ErrorCodes
) -> None:
    await peer.heard(RemoteSettingsChanged)
    peer.writer.write(frame)
    assert (await peer.heard(GoAway)).code == code
    await peer.closed()


async def test_a_server_that_ends_lets_running_requests_finish(program: Program) -> None:
    server = serve(program.handle, grace=5)
    async with client_of(await server.__aenter__()) as peer:
        await peer.request(*to(b"/stuck"))
        last = await peer.request()
        await peer.heard(StreamEnded)
        ending = asyncio.create_task(server.__aexit__(None, None, None))
        assert await peer.heard(GoAway) == GoAway(last, ErrorCodes.NO_ERROR)
        late = await peer.request()
        refused = await peer.heard(StreamReset)
        assert (refused.stream_id, refused.error_code) == (late, ErrorCodes.REFUSED_STREAM)
        program.go_on.set()
        assert await peer.body(12) == b"helloat last"
        await peer.closed()
    await ending


async def test_a_client_that_says_goodbye_still_gets_its_answers(
    program: Program, peer: Peer
) -> None:
    await peer.request(*to(b"/stuck"))
    await peer.request()
    await peer.heard(StreamEnded)
    peer.writer.write(GoAway(0, ErrorCodes.NO_ERROR).encode())
    program.go_on.set()
    await peer.heard(StreamEnded)
    await peer.closed()


async def test_a_connection_without_requests_is_closed_after_a_while(program: Program) -> None:
    async with serve(program.handle, idle_timeout=0.05) as address, client_of(address) as peer:
        await peer.request()
        await peer.heard(StreamEnded)
        assert (await peer.heard(GoAway)).code == ErrorCodes.NO_ERROR
        await peer.closed()

"""gRPC, with a stock client and a stock server, through all hops of a revision named h2c."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest

from tests.embedded.dataplane.whole_path import Cluster, get, talk

pytestmark = pytest.mark.anyio

BIG = bytes(range(256)) * 4096


class Echo(grpc.GenericRpcHandler):
    """Unary, streaming both ways, failing, and never answering."""

    def __init__(self) -> None:
        self.cancelled = asyncio.Event()

    def service(
        self, details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        manner = details.method.rpartition("/")[2]
        if manner == "both":
            return grpc.stream_stream_rpc_method_handler(self.both)
        found = getattr(self, manner, None)
        return None if found is None else grpc.unary_unary_rpc_method_handler(found)

    async def one(self, message: bytes, context: Any) -> bytes:
        sent = dict(context.invocation_metadata())
        context.set_trailing_metadata((("x-after", sent.get("x-before", "")),))
        return message

    async def both(self, messages: AsyncIterator[bytes], _context: Any) -> AsyncIterator[bytes]:
        async for message in messages:
            yield message.upper()

    async def fails(self, _message: bytes, context: Any) -> bytes:
        await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not töday")
        raise AssertionError

    async def stuck(self, _message: bytes, _context: Any) -> bytes:
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled.set()
        return b""


class World:
    def __init__(self, cluster: Cluster, echo: Echo, channel: grpc.aio.Channel) -> None:
        self.cluster = cluster
        self.echo = echo
        self.channel = channel

    def unary(self, manner: str) -> grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]:
        """A method of one message each way."""
        return self.channel.unary_unary(f"/echo/{manner}")


@pytest.fixture(params=[True, False], ids=["through the activator", "straight to the pod"])
async def world(request: Any, containers: Any) -> AsyncIterator[World]:
    cluster, echo = Cluster(containers), Echo()
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((echo,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    cluster.stack.push_async_callback(server.stop, None)
    async with cluster.stack:
        await cluster.start()
        await cluster.start_pod(program=("127.0.0.1", port), QUEUE_SERVING_PORT="8013")
        cluster.route(through_activator=request.param, http2=True)
        address = f"{cluster.address[0]}:{cluster.address[1]}"
        options = [("grpc.default_authority", "hello.com")]
        async with grpc.aio.insecure_channel(address, options=options) as channel:
            yield World(cluster, echo, channel)


async def test_a_message_comes_back_with_its_trailers(world: World) -> None:
    call = world.unary("one")(b"hello", metadata=(("x-before", "kept"),))
    assert await call == b"hello"
    assert dict(await call.trailing_metadata())["x-after"] == "kept"
    assert dict(await call.initial_metadata())["server"] == "envoy"


async def test_a_failure_keeps_its_code_and_words(world: World) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await world.unary("fails")(b"")
    assert raised.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert raised.value.details() == "not töday"


async def test_a_method_that_is_not_there_is_unimplemented(world: World) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await world.unary("nothing")(b"")
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_messages_go_both_ways_while_both_are_open(world: World) -> None:
    both: grpc.aio.StreamStreamMultiCallable[bytes, bytes]
    both = world.channel.stream_stream("/echo/both")
    call = both()
    for message in (b"one", b"two", BIG):
        await call.write(message)
        assert await call.read() == message.upper()
    await call.done_writing()
    assert await call.read() is grpc.aio.EOF
    assert await call.code() is grpc.StatusCode.OK


async def test_many_calls_share_a_connection(world: World) -> None:
    one = world.unary("one")
    messages = [f"{number}".encode() * 500 for number in range(300)]
    assert list(await asyncio.gather(*(one(message) for message in messages))) == messages


async def test_giving_up_reaches_the_program(world: World) -> None:
    call = world.unary("stuck")(b"")
    task = asyncio.ensure_future(call.code())
    one = world.unary("one")
    assert await one(b"other calls go on") == b"other calls go on"
    call.cancel()
    assert await task is grpc.StatusCode.CANCELLED
    async with asyncio.timeout(5):
        await world.echo.cancelled.wait()


async def test_a_client_of_http_1_gets_http_2_behind_the_gateway(world: World) -> None:
    client = await talk(world.cluster)
    lines = ["Content-Type: application/grpc", "TE: trailers", "Connection: close"]
    lines.append("Content-Length: 7")
    head = get("/echo/one", *lines).replace("GET", "POST", 1)
    await client.send(head + "\0\0\0\0\2hi")
    assert (await client.head()).startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\0\0\0\0\2hi" in await client.rest(), "the trailers are lost"

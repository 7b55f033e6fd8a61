"""The pod network: functions and sockets under one name, and what ends when a listener ends."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

import pytest

from knlab.embedded.net.forward import Forwarder
from knlab.embedded.net.http import Address, Request, Response, text_response, whole_body
from knlab.embedded.net.network import Network
from knlab.embedded.net.server import serve

pytestmark = pytest.mark.anyio

POD: Address = ("127.77.1.2", 8012)


def request() -> Request:
    return Request("GET", "/", [(b"HOST", b"x")])


async def hello(_: Request) -> Response:
    return text_response(200, "hello")


class Silent:
    """A handler that never answers."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def __call__(self, _: Request) -> Response:
        self.asked.set()
        await asyncio.Event().wait()
        return Response(200)


async def test_a_function_answers_at_an_address(forwarder: Forwarder) -> None:
    network = Network(forwarder)
    with network.listening(POD, hello):
        assert network.is_local(POD)
        assert (await network.call(POD, request())).body == b"hello"
    assert not network.is_local(POD)


async def test_a_call_folds_header_names(forwarder: Forwarder) -> None:
    network = Network(forwarder)

    async def names(asked: Request) -> Response:
        return Response(200, body=asked.headers[0][0])

    with network.listening(POD, names):
        assert (await network.call(POD, request())).body == b"host"


async def test_an_address_belongs_to_one(forwarder: Forwarder) -> None:
    network = Network(forwarder)
    taken = r"address already in use: 127\.77\.1\.2:8012"
    with network.listening(POD, hello):
        for other in (network.listening(POD, hello), network.published(POD, ("127.0.0.1", 1))):
            with pytest.raises(OSError, match=taken), other:
                raise AssertionError("not reached")


async def test_bare_connections_reach_functions_and_sockets(forwarder: Forwarder) -> None:
    network = Network(forwarder, own_addresses=False)
    with network.listening(POD, hello):
        async with network.reached(POD) as real:
            assert (await forwarder(real, request())).body == b"hello"
        with pytest.raises(ConnectionRefusedError):
            await forwarder(real, request())
    with network.published(POD, ("127.0.0.1", 1)):
        async with network.reached(POD) as real:
            assert real == ("127.0.0.1", 1)
    with pytest.raises(ConnectionRefusedError):
        async with network.reached(POD):
            raise AssertionError("not reached")


async def test_a_published_address_is_another_one_in_truth(forwarder: Forwarder) -> None:
    network = Network(forwarder, own_addresses=False)
    async with serve(hello) as real:
        with network.published(POD, real):
            response = await network.call(POD, request())
            assert await whole_body(response.body) == b"hello"
            await network.knock(POD)
        with pytest.raises(ConnectionRefusedError):
            await network.call(POD, request())


async def test_nobody_is_refused(forwarder: Forwarder) -> None:
    for own_addresses in (False, True) if sys.platform == "linux" else (False,):
        network = Network(forwarder, own_addresses=own_addresses)
        with pytest.raises(ConnectionRefusedError):
            await network.call(POD, request())
        with pytest.raises(ConnectionRefusedError):
            await network.knock(POD)


@pytest.mark.skipif(sys.platform != "linux", reason="127.0.0.0/8 is all local on Linux only")
async def test_an_exposed_address_is_reachable_from_the_host(forwarder: Forwarder) -> None:
    network = Network(forwarder)
    async with network.exposed(POD, hello):
        assert (await network.call(POD, request())).body == b"hello"
        assert await whole_body((await forwarder(POD, request())).body) == b"hello"
    with pytest.raises(ConnectionRefusedError):
        await forwarder(POD, request())


async def test_the_end_of_a_listener_breaks_what_runs_there(forwarder: Forwarder) -> None:
    network, silent = Network(forwarder), Silent()
    with network.listening(POD, silent):
        calling = asyncio.create_task(network.call(POD, request()))
        await silent.asked.wait()
    with pytest.raises(ConnectionResetError):
        await calling


async def test_the_end_of_a_listener_breaks_bodies_too(forwarder: Forwarder) -> None:
    network = Network(forwarder)

    async def drip() -> AsyncIterator[bytes]:
        yield b"first"
        await asyncio.Event().wait()

    async def stream(_: Request) -> Response:
        return Response(200, body=drip())

    async def read(response: Response) -> bytes:
        return await whole_body(response.body)

    with network.listening(POD, stream):
        reading = asyncio.create_task(read(await network.call(POD, request())))
        late = await network.call(POD, request())
        await asyncio.sleep(0)
    with pytest.raises(ConnectionResetError):
        await reading
    with pytest.raises(ConnectionResetError):
        await whole_body(late.body)


async def test_a_cancelled_caller_is_cancelled_not_broken(forwarder: Forwarder) -> None:
    network, silent = Network(forwarder), Silent()
    with network.listening(POD, silent):
        calling = asyncio.create_task(network.call(POD, request()))
        await silent.asked.wait()
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling

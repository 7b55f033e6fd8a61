"""The gateway's access log and settings, compared with Envoy under Kourier 1.23."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest

from knlab._clock import ManualClock
from knlab.embedded.dataplane.access_log import FLUSH_LINES, AccessLog, client_of, parse_format
from knlab.embedded.dataplane.gateway import (
    Gateway,
    GatewayOptions,
    GatewaySettings,
    external_hosts,
)
from knlab.embedded.dataplane.routing_table import (
    Path,
    RouteChanges,
    RoutingTable,
    Split,
    VirtualHost,
)
from knlab.embedded.net.http import Address, Handler, Header, Request, Response, whole_body
from knlab.embedded.net.network import Network

pytestmark = pytest.mark.anyio

POD: Address = ("127.1.0.1", 8012)
AGENT = (b"user-agent", b"curl/7.88.1")
ID = (b"x-request-id", b"28154d83")


def _routed(*addresses: Address) -> VirtualHost:
    return VirtualHost(paths=(Path(splits=(Split(backend="ns/rev", addresses=addresses),)),))


HOSTS = {"hello.com": _routed(POD), "empty.com": _routed(), "gone.com": _routed(("127.1.0.9", 1))}


class World:
    """A gateway in front of one pod."""

    def __init__(self, network: Network, containers: Any) -> None:
        self.network = network
        self.clock = ManualClock()
        self.options = GatewayOptions()
        self.lines: list[str] = containers.lines
        table = RoutingTable()
        table.replace(RouteChanges(external=HOSTS))
        container = containers("127.0.9.9")
        self.gateway = Gateway(table, self.options, network, self.clock, Random(3), container)
        self.handler: Handler = self.gateway.handler(external_hosts)
        self.seen: list[Request] = []

    def settings(self, template: str = "", **settings: Any) -> None:
        line = parse_format(template, settings.get("trusted_hops", 0))
        self.options.current = GatewaySettings(access_log=line, **settings)

    async def asked(self, request: Request, answer: Response | OSError | None = None) -> Response:
        """The gateway's answer, read to its end."""

        async def pod(passed: Request) -> Response:
            self.seen.append(passed)
            await whole_body(passed.body)
            self.clock.advance(0.0025)
            if isinstance(answer, OSError):
                raise answer
            return answer or Response(200, [(b"server", b"own")], b"Hello World!\n")

        with self.network.listening(POD, pod):
            response = await self.handler(request)
            response.body = await whole_body(response.body)
        return response

    def logged(self) -> list[str]:
        self.gateway.log.flush()
        return [line for text in self.lines for line in text.split("\n")]


@pytest.fixture
def world(network: Network, containers: Any) -> World:
    return World(network, containers)


def ask(target: str = "/", *headers: Header, host: str = "hello.com", **more: Any) -> Request:
    lines = [(b"host", host.encode()), *headers]
    return Request(more.pop("method", "GET"), target, lines, peer="10.0.0.1", **more)


async def _pieces(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


UUID = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"


@pytest.mark.parametrize(
    ("request_", "answer", "line"),
    [
        pytest.param(
            ask("/x?tag=def1", AGENT, ID),
            None,
            ' "GET /x?tag=def1 HTTP/1.1" 200 - 0 13 2 2 "-" "curl/7.88.1" "28154d83" "hello.com"'
            ' "127.1.0.1:8012"',
            id="an answer of the pod",
        ),
        pytest.param(
            ask("/posted", AGENT, ID, method="POST", body=b"abcd"),
            None,
            ' "POST /posted HTTP/1.1" 200 - 4 13 2 2 "-" "curl/7.88.1" "28154d83" "hello.com"'
            ' "127.1.0.1:8012"',
            id="a request with a body",
        ),
        pytest.param(
            ask("/xff", ID, (b"x-forwarded-for", b"9.9.9.9"), body=_pieces(b"ab", b"c")),
            Response(201, body=_pieces(b"1", b"2345")),
            ' "GET /xff HTTP/1.1" 201 - 3 5 2 2 "9.9.9.9" "-" "28154d83" "hello.com"'
            ' "127.1.0.1:8012"',
            id="streamed bodies, somebody in front",
        ),
        pytest.param(
            ask("/", ID, method="HEAD"),
            None,
            ' "HEAD / HTTP/1.1" 200 - 0 0 2 2 "-" "-" "28154d83" "hello.com" "127.1.0.1:8012"',
            id="no body is sent for HEAD",
        ),
        pytest.param(
            ask("/", ID, http2=True),
            None,
            ' "GET / HTTP/2" 200 - 0 13 2 2 "-" "-" "28154d83" "hello.com" "127.1.0.1:8012"',
            id="HTTP/2",
        ),
        pytest.param(
            ask("/", ID, host="nosuch"),
            None,
            ' "GET / HTTP/1.1" 404 NR 0 0 0 - "-" "-" "28154d83" "nosuch" "-"',
            id="no route",
        ),
        pytest.param(
            ask("/", ID, host="empty.com"),
            None,
            ' "GET / HTTP/1.1" 503 UH 0 19 0 - "-" "-" "28154d83" "empty.com" "-"',
            id="no endpoint",
        ),
        pytest.param(
            ask("/", ID, host="gone.com"),
            None,
            ' "GET / HTTP/1.1" 503 UF 0 167 0 - "-" "-" "28154d83" "gone.com" "127.1.0.9:1"',
            id="connection refused",
        ),
        pytest.param(
            ask("/", ID),
            ConnectionResetError("gone"),
            ' "GET / HTTP/1.1" 503 UC 0 95 2 - "-" "-" "28154d83" "hello.com" "127.1.0.1:8012"',
            id="connection broken",
        ),
        pytest.param(
            ask("/", ID, (b"upgrade", b"foo"), (b"connection", b"upgrade")),
            None,
            ' "GET / HTTP/1.1" 403 - 0 0 0 - "-" "-" "28154d83" "hello.com" "-"',
            id="an upgrade that may not be",
        ),
    ],
)
async def test_a_line_of_the_log(
    world: World, request_: Request, answer: Response | OSError | None, line: str
) -> None:
    await world.asked(request_, answer)
    assert world.logged() == [f"[2023-11-14T22:13:20.000Z]{line}"]


@pytest.mark.parametrize("host", ["hello.com", "nosuch"])
async def test_the_log_shows_the_id_that_the_gateway_gives(world: World, host: str) -> None:
    await world.asked(ask(host=host))
    assert re.search(f'" "{UUID}" "', world.logged()[0])


async def test_a_client_that_leaves_leaves_a_line_without_a_code(world: World) -> None:
    begun = asyncio.Event()

    async def stuck(_: Request) -> Response:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    with world.network.listening(POD, stuck):
        asking = asyncio.ensure_future(world.handler(ask("/", ID)))
        await begun.wait()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    assert ' 0 DC 0 0 0 - "-" "-" "28154d83" "hello.com" "127.1.0.1:8012"' in world.logged()[0]


async def test_without_a_log_there_is_none(world: World) -> None:
    world.options.current = GatewaySettings(access_log=None)
    await world.asked(ask())
    assert world.logged() == []


@pytest.mark.parametrize(
    ("template", "line"),
    [
        ("no newline %RESPONSE_CODE% %REQ(NOSUCH)%", "no newline 200 -"),
        ("%REQ(NOSUCH?:AUTHORITY):5% %PROTOCOL% %BYTES_SENT%", "hello HTTP/1.1 13"),
        ("%START_TIME% %DURATION% %RESPONSE_FLAGS%", "2023-11-14T22:13:20.000Z 2 -"),
        ("%REQ(:METHOD)% %REQ(:PATH)% %REQ(:SCHEME)% %RESP(:STATUS)%", "GET / http 200"),
        ("%RESP(X-Own)% %UPSTREAM_HOST% %BYTES_RECEIVED%", "yes 127.1.0.1:8012 0"),
        ("%DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_DIRECT_REMOTE_ADDRESS%", "5.6.7.8:0 10.0.0.1:0"),
        (
            (
                "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"
                " %DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%"
            ),
            "5.6.7.8 10.0.0.1",
        ),
        ("100%%", "100%"),
    ],
)
async def test_a_format_of_ones_own(world: World, template: str, line: str) -> None:
    world.settings(template)
    request = ask("/", (b"x-forwarded-for", b"1.2.3.4, 5.6.7.8"))
    await world.asked(request, Response(200, [(b"x-own", b"yes")], b"Hello World!\n"))
    assert world.logged() == [line]


@pytest.mark.parametrize("template", ["%NOSUCH%", "%REQ(%", "%REQ%", "50 % of it"])
def test_an_operator_that_is_not_known_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match="not supported by the embedded gateway: %"):
        parse_format(template)


@pytest.mark.parametrize(
    ("hops", "client"), [(0, b"5.6.7.8"), (1, b"1.2.3.4"), (2, b"")], ids=["last", "before", "none"]
)
def test_who_the_client_is_depends_on_the_hops_that_are_trusted(hops: int, client: bytes) -> None:
    assert client_of(b"1.2.3.4, 5.6.7.8", hops) == client


FORWARDED = ((b"x-forwarded-for", b"1.2.3.4, 5.6.7.8"), (b"x-forwarded-proto", b"https"))


@pytest.mark.parametrize(
    ("settings", "headers", "seen"),
    [
        pytest.param(
            {},
            FORWARDED,
            {"for": "1.2.3.4, 5.6.7.8", "external": None, "proto": "https", "id": "mine"},
            id="not told to: what comes is passed on",
        ),
        pytest.param(
            {"use_remote_address": True},
            FORWARDED,
            {"for": "1.2.3.4, 5.6.7.8,10.0.0.1", "external": "10.0.0.1", "proto": "http"},
            id="told to: nothing that comes is believed",
        ),
        pytest.param(
            {"use_remote_address": True},
            (),
            {"for": "10.0.0.1", "external": "10.0.0.1", "proto": "http"},
            id="told to: nobody in front",
        ),
        pytest.param(
            {"use_remote_address": True, "trusted_hops": 1},
            FORWARDED,
            {"for": "1.2.3.4, 5.6.7.8,10.0.0.1", "external": "5.6.7.8", "proto": "https"},
            id="one trusted hop tells the client and the scheme",
        ),
        pytest.param(
            {"use_remote_address": True, "trusted_hops": 1},
            (),
            {"for": "10.0.0.1", "external": "10.0.0.1", "proto": "http"},
            id="one trusted hop that was not there",
        ),
        pytest.param(
            {"trusted_hops": 1},
            FORWARDED,
            {"for": "1.2.3.4, 5.6.7.8", "external": None, "proto": "https", "id": "mine"},
            id="trusted hops alone change no header",
        ),
    ],
)
async def test_what_a_pod_reads_of_the_client(
    world: World, settings: dict[str, Any], headers: tuple[Header, ...], seen: dict[str, str | None]
) -> None:
    world.settings(**settings)
    await world.asked(ask("/", (b"x-request-id", b"mine"), *headers))
    [request] = world.seen
    assert request.header("x-forwarded-for") == seen["for"]
    assert request.header("x-envoy-external-address") == seen["external"]
    assert request.header("x-forwarded-proto") == seen["proto"]
    wanted = seen.get("id") or UUID
    assert re.fullmatch(wanted, request.header("x-request-id") or "")


@pytest.mark.parametrize(
    ("hidden", "answer", "server"),
    [
        (False, None, "envoy"),
        (True, None, "own"),
        (True, Response(200), None),
    ],
    ids=["Envoy's own name", "the program's name", "no name"],
)
async def test_the_server_header(
    world: World, *, hidden: bool, answer: Response | None, server: str | None
) -> None:
    world.settings(server_header=not hidden)
    assert (await world.asked(ask(), answer)).header("server") == server


async def _stuck() -> AsyncIterator[bytes]:
    yield b"first"
    await asyncio.Event().wait()


async def test_a_stream_that_pauses_before_its_answer_is_a_504(world: World) -> None:
    world.settings(stream_idle_timeout=0.01)

    async def stuck(_: Request) -> Response:
        await asyncio.Event().wait()
        raise AssertionError

    with world.network.listening(POD, stuck):
        answer = await world.handler(ask("/slow", ID))
    assert (answer.status, answer.body) == (504, b"stream timeout")
    assert '504 SI 0 14 0 - "-" "-" "28154d83" "hello.com" "127.1.0.1:8012"' in world.logged()[0]


async def test_a_stream_that_pauses_in_its_answer_breaks(world: World) -> None:
    world.settings(stream_idle_timeout=0.01)

    async def drip(_: Request) -> Response:
        return Response(200, body=_stuck())

    with world.network.listening(POD, drip):
        answer = await world.handler(ask())
        assert not isinstance(answer.body, bytes)
        assert await anext(answer.body) == b"first"
        with pytest.raises(ConnectionResetError):
            await anext(answer.body)


async def test_a_stream_that_keeps_moving_may_take_longer_than_a_pause(world: World) -> None:
    world.settings(stream_idle_timeout=0.2)

    async def slowly() -> AsyncIterator[bytes]:
        for _ in range(5):
            await asyncio.sleep(0.06)
            yield b"x"

    answer = await world.asked(ask(body=slowly()))
    assert answer.status == 200


async def test_a_full_buffer_is_written_at_once() -> None:
    written: list[str] = []
    log = AccessLog(written.append)
    for _ in range(FLUSH_LINES - 1):
        log.add(b"line\n")
    assert not written
    log.add(b"last\n")
    assert written[0].endswith("line\nlast")
    log.flush()
    assert len(written) == 1


async def test_a_line_does_not_wait_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("knlab.embedded.dataplane.access_log.FLUSH_PERIOD", 0.001)
    written: asyncio.Queue[str] = asyncio.Queue()
    AccessLog(written.put_nowait).add(b"line\n")
    async with asyncio.timeout(5):
        assert await written.get() == "line"

"""Three timeouts: what a client reads when one is exceeded, before and after the response began."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from knlab.embedded.dataplane.timeouts import Limits, Timeouts
from knlab.embedded.net.http import Duplex, Response, whole_body

pytestmark = pytest.mark.anyio

FOREVER = 60.0
SHORT = 0.03


async def never() -> Response:
    await asyncio.Event().wait()
    return Response(200)


async def now(response: Response) -> Response:
    return response


async def slowly(*pieces: bytes, pause: float) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
        await asyncio.sleep(pause)


def test_the_smallest_limit_that_is_on_counts_until_the_start() -> None:
    assert Limits(300).until_start == 300
    assert Limits(300, 20, 10).until_start == 10
    assert Limits(300, 20).until_start == 20


@pytest.mark.parametrize(
    "limits",
    [Limits(SHORT), Limits(FOREVER, SHORT), Limits(FOREVER, 0, SHORT)],
    ids=["request", "response start", "idle"],
)
async def test_no_response_in_time_is_a_504(limits: Limits) -> None:
    answer = await Timeouts("request timeout").within(limits, never())
    assert (answer.status, answer.body) == (504, b"request timeout")


async def test_a_response_in_time_passes_untouched() -> None:
    response = Response(200, body=b"x")
    assert await Timeouts("t").within(Limits(SHORT), now(response)) is response
    await asyncio.sleep(SHORT * 2)


async def test_many_requests_expire_each_at_its_own_time() -> None:
    timeouts, limits = Timeouts("t"), Limits(0.1)

    async def later(delay: float) -> float:
        await asyncio.sleep(delay)
        begin = asyncio.get_running_loop().time()
        assert (await timeouts.within(limits, never())).status == 504
        return asyncio.get_running_loop().time() - begin

    took = await asyncio.gather(*(later(at * 0.02) for at in range(5)))
    assert all(0.09 < each < 0.3 for each in took)


BODIES = [
    (None, b"abrequest timeout", "a stream without length: the text is appended"),
    (b"100", b"abrequest timeout", "a length with room for the text: appended, then cut"),
    (b"4", b"ab", "a length without room: cut"),
]


@pytest.mark.parametrize(
    ("length", "body"), [row[:2] for row in BODIES], ids=[row[2] for row in BODIES]
)
@pytest.mark.parametrize("limits", [Limits(0.1), Limits(FOREVER, 0, 0.05)], ids=["request", "idle"])
async def test_a_started_response_ends_with_the_text(
    limits: Limits, length: bytes | None, body: bytes
) -> None:
    headers = [(b"content-length", length)] if length else []
    response = Response(200, headers, slowly(b"ab", b"c", pause=FOREVER))
    answer = await Timeouts("request timeout").within(limits, now(response))
    assert answer.status == 200
    assert await whole_body(answer.body) == body


async def test_a_response_that_began_is_not_bound_by_the_start_limit() -> None:
    response = Response(200, body=slowly(b"a", b"b", b"c", pause=SHORT))
    answer = await Timeouts("t").within(Limits(FOREVER, SHORT), now(response))
    assert await whole_body(answer.body) == b"abc"


async def test_writes_restart_the_idle_limit() -> None:
    response = Response(200, body=slowly(b"a", b"b", b"c", b"d", pause=0.05))
    answer = await Timeouts("t").within(Limits(FOREVER, 0, 0.15), now(response))
    assert await whole_body(answer.body) == b"abcd"


async def test_a_cancelled_request_is_cancelled_not_timed_out() -> None:
    waiting = asyncio.create_task(Timeouts("t").within(Limits(FOREVER), never()))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_of_two_layers_that_expire_together_the_outer_one_answers() -> None:
    inner, outer = Timeouts("inner"), Timeouts("outer")
    limits = Limits(SHORT)
    work = inner.within(limits, never())
    answer = await outer.within(limits, work)
    assert (answer.status, answer.body) == (504, b"outer")


async def test_an_upgraded_connection_is_cut_in_silence() -> None:
    class Quiet:
        closed = False

        async def read(self) -> bytes:
            await asyncio.Event().wait()
            return b""

        async def write(self, data: bytes) -> None:
            raise AssertionError(data)

        async def close(self) -> None:
            self.closed = True

    async def talk(duplex: Duplex) -> None:
        await duplex.read()

    response = await Timeouts("t").within(Limits(SHORT), now(Response(101, upgraded=talk)))
    assert response.upgraded is not None
    duplex = Quiet()
    await response.upgraded(duplex)
    assert duplex.closed

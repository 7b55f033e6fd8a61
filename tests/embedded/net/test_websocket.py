"""WebSocket frames and handshakes: what clients send, and what must be refused."""

from __future__ import annotations

from random import Random

import pytest

from knlab.embedded.net import websocket
from knlab.embedded.net.http import Request
from knlab.embedded.net.websocket import Closed, FrameReader, Opcode, Piece, Ping, WebSocketError

MASK = b"\x11\x22\x33\x44"


def from_client(opcode: int, payload: bytes, *, fin: bool = True, size: int | None = None) -> bytes:
    """A masked frame that claims `size`."""
    size = len(payload) if size is None else size
    first = (0x80 if fin else 0) | opcode
    if size < 126:
        head = bytes((first, 0x80 | size))
    elif size < 1 << 16:
        head = bytes((first, 0xFE)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, 0xFF)) + size.to_bytes(8, "big")
    return head + MASK + bytes(byte ^ MASK[at % 4] for at, byte in enumerate(payload))


def messages(events: list[websocket.Event]) -> list[bytes]:
    """Whole messages out of pieces."""
    found: list[bytes] = []
    whole = b""
    for event in events:
        assert isinstance(event, Piece)
        assert event.first == (not whole and bool(event.data))
        whole += event.data
        if event.last:
            found.append(whole)
            whole = b""
    return found


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 200_000])
def test_a_message_of_any_size_arrives_and_goes(size: int) -> None:
    payload = Random(size).randbytes(size)
    assert messages(FrameReader().feed(from_client(2, payload))) == [payload]
    sent = websocket.frame(Opcode.BINARY, payload)
    assert sent.endswith(payload)
    assert len(sent) - size == (2 if size < 126 else 4 if size < 1 << 16 else 10)


@pytest.mark.parametrize("cut", [1, 2, 3, 5, 11])
def test_the_cut_does_not_matter(cut: int) -> None:
    stream = from_client(2, b"\0hello") + from_client(1, b"", fin=False) + from_client(0, b"\1x")
    reader = FrameReader()
    pieces = [stream[at : at + cut] for at in range(0, len(stream), cut)]
    events = [event for piece in pieces for event in reader.feed(piece)]
    assert messages(events) == [b"\0hello", b"\1x"]


def test_control_frames_come_between_the_parts_of_a_message() -> None:
    stream = (
        from_client(2, b"ab", fin=False)
        + from_client(9, b"ping")
        + from_client(10, b"pong")
        + from_client(0, b"cd")
        + from_client(8, b"\x03\xe8")
        + from_client(2, b"after the end")
    )
    assert FrameReader().feed(stream) == [
        Piece(b"ab", first=True, last=False),
        Ping(b"ping"),
        Piece(b"cd", first=False, last=True),
        Closed(),
    ]


def test_data_passes_as_it_comes_whatever_length_the_frame_claims() -> None:
    reader = FrameReader()
    first = reader.feed(from_client(2, b"\0abc", size=(1 << 63) - 1))
    assert first == [Piece(b"\0abc", first=True, last=False)]
    masked = bytes(byte ^ MASK[at % 4] for at, byte in enumerate(b"def"))
    assert reader.feed(masked) == [Piece(b"def", first=False, last=False)]


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(b"\x82\x01x", id="without a mask"),
        pytest.param(b"\xc2\x80" + MASK, id="compressed"),
        pytest.param(from_client(3, b""), id="an unknown type"),
        pytest.param(from_client(11, b""), id="an unknown control type"),
        pytest.param(from_client(9, b"", fin=False), id="a ping in parts"),
        pytest.param(from_client(8, bytes(126)), id="a close that is too long"),
        pytest.param(from_client(0, b"x"), id="the rest of nothing"),
        pytest.param(from_client(2, b"", fin=False) + from_client(2, b""), id="one in another"),
        pytest.param(b"\x82\xff" + b"\xff" * 8 + MASK, id="a length beyond 63 bits"),
    ],
)
def test_what_is_not_websocket_is_refused_at_once(frame: bytes) -> None:
    with pytest.raises(WebSocketError):
        FrameReader().feed(frame)


def test_damage_leads_to_events_or_an_error_and_nothing_else() -> None:
    random = Random(4)
    sound = from_client(2, b"\0abc") + from_client(9, b"x") + from_client(1, bytes(300))
    for _ in range(3000):
        damaged = bytearray(sound)
        for _ in range(random.randint(1, 4)):
            damaged[random.randrange(len(damaged))] = random.randrange(256)
        reader = FrameReader()
        try:
            for at in range(0, len(damaged), 40):
                reader.feed(bytes(damaged[at : at + 40]))
        except WebSocketError:
            pass


def request(method: str = "GET", **headers: str) -> Request:
    lines = {
        "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }  # fmt: skip
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(method, "/", [(n.encode(), v.encode()) for n, v in lines.items() if v])


class TestHandshake:
    def test_the_proof_is_that_of_the_rfcs_example(self) -> None:
        headers = dict(websocket.handshake(request(), "p") or [])
        assert headers[b"Sec-WebSocket-Accept"] == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        assert headers[b"Sec-WebSocket-Protocol"] == b"p"

    def test_without_a_protocol_none_is_named(self) -> None:
        assert b"Sec-WebSocket-Protocol" not in dict(websocket.handshake(request(), "") or [])

    @pytest.mark.parametrize(
        "asked",
        [
            pytest.param(request(Sec_WebSocket_Key=""), id="no key"),
            pytest.param(request(Sec_WebSocket_Key="c2hvcnQ="), id="a short key"),
            pytest.param(request(Sec_WebSocket_Key="***"), id="not a key"),
            pytest.param(request(Sec_WebSocket_Version="8"), id="an old version"),
            pytest.param(request("POST"), id="another method"),
        ],
    )
    def test_what_is_no_handshake(self, asked: Request) -> None:
        assert websocket.handshake(asked, "p") is None

    @pytest.mark.parametrize(
        ("asked", "wanted"),
        [
            (request(), True),
            (request(Connection="keep-alive, Upgrade"), True),
            (request(Upgrade="WebSocket"), True),
            (request(Connection="close"), False),
            (request(Upgrade="SPDY/3.1"), False),
        ],
    )
    def test_who_asks(self, asked: Request, wanted: bool) -> None:
        assert websocket.asks_for_websocket(asked) == wanted

    def test_offers_come_in_one_line_or_in_several(self) -> None:
        asked = request(Sec_WebSocket_Protocol="a, b")
        asked.headers.append((b"sec-websocket-protocol", b"c"))
        assert websocket.offered_protocols(asked) == ["a", "b", "c"]

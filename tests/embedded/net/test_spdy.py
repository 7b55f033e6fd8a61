"""SPDY/3.1 frames: what stock clients send, and what must be refused."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from random import Random

import pytest

from knlab.embedded.net import spdy
from knlab.embedded.net._spdy_dictionary import HEADER_DICTIONARY
from knlab.embedded.net.spdy import Data, Finished, GoneAway, Opened, Ping, Reset

RECORDED = Path(__file__).parents[2] / "data/real/streams"
EXEC = bytes.fromhex((RECORDED / "exec.hex").read_text())
PORT_FORWARD = bytes.fromhex((RECORDED / "port-forward.hex").read_text())
EXEC_EVENTS = [
    Opened(1, {"streamtype": "error"}),
    Opened(3, {"streamtype": "stdin"}),
    Opened(5, {"streamtype": "stdout"}),
    Opened(7, {"streamtype": "stderr"}),
    Data(3, b"hi\n"),
    Finished(3),
    Reset(1),
    Reset(5),
    Reset(7),
]


def control(kind: int, payload: bytes, *, flags: int = 0, version: int = 3) -> bytes:
    return struct.pack(">HHI", 0x8000 | version, kind, flags << 24 | len(payload)) + payload


def syn_stream(stream: int, block: bytes, *, flags: int = 0) -> bytes:
    return control(1, struct.pack(">IIH", stream, 0, 0) + block, flags=flags)


def deflated(plain: bytes) -> bytes:
    deflate = zlib.compressobj(zdict=HEADER_DICTIONARY)
    return deflate.compress(plain) + deflate.flush(zlib.Z_SYNC_FLUSH)


def block(*pairs: tuple[bytes, bytes]) -> bytes:
    texts = [text for pair in pairs for text in pair]
    listed = b"".join(struct.pack(">I", len(text)) + text for text in texts)
    return struct.pack(">I", len(pairs)) + listed


def test_the_dictionary_is_the_one_whose_checksum_the_streams_of_every_peer_name() -> None:
    assert len(HEADER_DICTIONARY) == 1423
    assert zlib.adler32(HEADER_DICTIONARY) == 0xE3C6A7C2


def test_what_kubectl_sends_for_exec() -> None:
    assert spdy.FrameReader().feed(EXEC) == EXEC_EVENTS


def test_what_kubectl_sends_for_a_port_forward() -> None:
    named = {"requestid": "0", "port": "8080"}
    assert spdy.FrameReader().feed(PORT_FORWARD) == [
        Opened(1, named | {"streamtype": "error"}),
        Finished(1),
        Opened(3, named | {"streamtype": "data"}),
        Data(3, b"GET"),
        Finished(3),
    ]


def joined(events: list[spdy.Event]) -> list[spdy.Event]:
    """`events` with neighbouring pieces of one stream in one."""
    found: list[spdy.Event] = []
    for event in events:
        last = found[-1] if found else None
        if isinstance(event, Data) and isinstance(last, Data) and last.stream == event.stream:
            found[-1] = Data(event.stream, last.data + event.data)
        else:
            found.append(event)
    return found


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_the_cut_does_not_matter(size: int) -> None:
    reader = spdy.FrameReader()
    pieces = [EXEC[at : at + size] for at in range(0, len(EXEC), size)]
    assert joined([event for piece in pieces for event in reader.feed(piece)]) == EXEC_EVENTS


@pytest.mark.parametrize(
    ("frame", "events"),
    [
        pytest.param(spdy.ping(7), [Ping(7)], id="ping"),
        pytest.param(spdy.goaway(3), [GoneAway()], id="goaway"),
        pytest.param(spdy.reset(5, 1), [Reset(5)], id="reset"),
        pytest.param(spdy.data(5, b"abc", fin=True), [Data(5, b"abc"), Finished(5)], id="last"),
        pytest.param(spdy.data(5, b"", fin=True), [Finished(5)], id="nothing, and last"),
        pytest.param(spdy.data(5, b""), [], id="nothing"),
        pytest.param(control(9, b"\0\0\0\1\0\0\1\0"), [], id="WINDOW_UPDATE means nothing here"),
        pytest.param(control(4, b"\0\0\0\0"), [], id="SETTINGS mean nothing here"),
        pytest.param(control(77, b"?"), [], id="unknown frames are read over"),
        pytest.param(
            syn_stream(1, deflated(block((b"A", b"1"))), flags=1),
            [Opened(1, {"a": "1"}), Finished(1)],
            id="a stream that only listens",
        ),
    ],
)
def test_frames(frame: bytes, events: list[spdy.Event]) -> None:
    assert spdy.FrameReader().feed(frame) == events


def test_headers_of_other_frames_keep_the_compression_in_step() -> None:
    deflate = zlib.compressobj(zdict=HEADER_DICTIONARY)

    def part(plain: bytes) -> bytes:
        return deflate.compress(plain) + deflate.flush(zlib.Z_SYNC_FLUSH)

    reader = spdy.FrameReader()
    reader.feed(syn_stream(1, part(block((b"x", b"1")))))
    assert reader.feed(control(8, b"\0\0\0\1" + part(block((b"x", b"2"))))) == []
    again = reader.feed(syn_stream(3, part(block((b"x", b"3")))))
    assert again == [Opened(3, {"x": "3"})]


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(control(6, b"\0\0\0\1", version=2), id="another version"),
        pytest.param(control(6, b"\0"), id="a ping that is too short"),
        pytest.param(control(1, b"\0\0\0\1"), id="an opening that is too short"),
        pytest.param(struct.pack(">II", 0x8003_0001, 0xFF_FFFF), id="a huge control frame"),
        pytest.param(spdy.data(0, b"x"), id="data for no stream"),
        pytest.param(syn_stream(2, deflated(block())), id="a number of the server's"),
        pytest.param(syn_stream(1, b"rubbish, not zlib"), id="bad zlib"),
        pytest.param(syn_stream(1, zlib.compress(block())), id="without the dictionary"),
        pytest.param(syn_stream(1, deflated(b"\xff\xff\xff\xff")), id="more headers than bytes"),
        pytest.param(
            syn_stream(1, deflated(b"\0\0\0\1\xff\xff\xff\xff")), id="a name of four gigabytes"
        ),
        pytest.param(syn_stream(1, deflated(bytes(10_000_000))), id="a zip bomb"),
    ],
)
def test_what_is_not_spdy_is_refused_at_once(frame: bytes) -> None:
    with pytest.raises(spdy.SpdyError):
        spdy.FrameReader().feed(frame)


def test_data_passes_as_it_comes_whatever_length_the_frame_claims() -> None:
    reader = spdy.FrameReader()
    assert reader.feed(struct.pack(">II", 5, 0xFF_FFFF) + b"abc") == [Data(5, b"abc")]
    assert reader.feed(b"def") == [Data(5, b"def")]


def test_damage_leads_to_events_or_an_error_and_nothing_else() -> None:
    random = Random(4)
    for _ in range(2000):
        damaged = bytearray(EXEC + PORT_FORWARD)
        for _ in range(random.randint(1, 6)):
            damaged[random.randrange(len(damaged))] = random.randrange(256)
        reader = spdy.FrameReader()
        try:
            for at in range(0, len(damaged), 50):
                reader.feed(bytes(damaged[at : at + 50]))
        except spdy.SpdyError:
            pass


def test_replies_share_one_compression_that_clients_can_follow() -> None:
    writer = spdy.FrameWriter()
    inflate = zlib.decompressobj(zdict=HEADER_DICTIONARY)
    for stream in (1, 3, 5):
        frame = writer.reply(stream)
        kind, length, number = struct.unpack_from(">III", frame)
        assert (kind, length, number) == (0x8003_0002, len(frame) - 8, stream)
        assert inflate.decompress(frame[12:]) == bytes(4)

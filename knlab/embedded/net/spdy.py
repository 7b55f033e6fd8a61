"""SPDY/3.1 without I/O, as far as streams of bytes need it: frames in, frames out; server side.

Kubernetes' clients upgrade to it for exec (kubectl up to 1.29) and for every port-forward. Data
passes in the pieces it arrives in, whatever length a frame claims; control frames and header
blocks have limits. Flow control is left to the connection beneath: the one implementation that
these clients use, moby/spdystream, knows no windows and never sends a WINDOW_UPDATE, so whoever
honoured them would stop after 64 KiB.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, TypeAlias

from knlab.embedded.net._spdy_dictionary import HEADER_DICTIONARY

CONTROL_LIMIT: Final = 64 * 1024
"""The largest control frame, and the largest header block after decompression."""
PROTOCOL_ERROR: Final = 1
REFUSED_STREAM: Final = 3
CANCEL: Final = 5
"""Reasons to reset a stream."""

_VERSION: Final = 3
_CONTROL: Final = 0x8000_0000
_FIN: Final = 0x01
_HEAD: Final = struct.Struct(">II")
_LONG: Final = struct.Struct(">I")
_LENGTH_MASK: Final = 0xFF_FFFF
_STREAM_MASK: Final = 0x7FFF_FFFF
_SYN_STREAM_EXTRA: Final = 10
"""Bytes before a SYN_STREAM's headers: two stream ids, priority, slot."""


class SpdyError(Exception):
    """The peer does not speak SPDY/3.1; the connection is of no use any more."""


class Kind(IntEnum):
    """Types of control frames."""

    SYN_STREAM = 1
    SYN_REPLY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PING = 6
    GOAWAY = 7
    HEADERS = 8
    WINDOW_UPDATE = 9


@dataclass(frozen=True, slots=True)
class Opened:
    """The peer has opened a stream; names of headers are in lower case."""

    stream: int
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Data:
    """A piece of a stream."""

    stream: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Finished:
    """The peer sends no more on a stream; it may still listen."""

    stream: int


@dataclass(frozen=True, slots=True)
class Reset:
    """The peer has given a stream up, in both directions."""

    stream: int


@dataclass(frozen=True, slots=True)
class Ping:
    """The peer wants to see this number again."""

    number: int


@dataclass(frozen=True, slots=True)
class GoneAway:
    """The peer opens no more streams."""


Event: TypeAlias = Opened | Data | Finished | Reset | Ping | GoneAway


class FrameReader:
    """Turns what arrives into events."""

    def __init__(self) -> None:
        self._unread = bytearray()
        self._stream = 0
        self._left = 0
        self._fin = False
        self._inflate = zlib.decompressobj(zdict=HEADER_DICTIONARY)

    def feed(self, data: bytes) -> list[Event]:
        """The events in `data`, and in what was left of earlier pieces.

        Raises:
            SpdyError: if this is not SPDY/3.1; nothing can be read after that.
        """
        self._unread += data
        events: list[Event] = []
        while self._step(events):
            pass
        return events

    def _step(self, events: list[Event]) -> bool:
        """Whether anything could be read."""
        if self._left:
            return self._read_data(events)
        if len(self._unread) < _HEAD.size:
            return False
        word, tail = _HEAD.unpack_from(self._unread)
        flags, length = tail >> 24, tail & _LENGTH_MASK
        if word & _CONTROL:
            return self._read_control(word, flags, length, events)
        del self._unread[: _HEAD.size]
        self._stream, self._left, self._fin = word, length, bool(flags & _FIN)
        if self._stream == 0:
            raise SpdyError("data for stream 0")
        if self._fin and not length:
            events.append(Finished(self._stream))
        return True

    def _read_data(self, events: list[Event]) -> bool:
        piece = bytes(self._unread[: self._left])
        if not piece:
            return False
        del self._unread[: len(piece)]
        self._left -= len(piece)
        events.append(Data(self._stream, piece))
        if self._fin and not self._left:
            events.append(Finished(self._stream))
        return True

    def _read_control(self, word: int, flags: int, length: int, events: list[Event]) -> bool:
        if (word & ~_CONTROL) >> 16 != _VERSION:
            raise SpdyError("another version than 3")
        if length > CONTROL_LIMIT:
            raise SpdyError(f"a control frame of {length} bytes")
        if len(self._unread) < _HEAD.size + length:
            return False
        payload = bytes(self._unread[_HEAD.size : _HEAD.size + length])
        del self._unread[: _HEAD.size + length]
        read = _READERS.get(word & 0xFFFF)
        if read is not None:
            events += read(self, payload, bool(flags & _FIN))
        return True

    def _syn_stream(self, payload: bytes, fin: bool) -> list[Event]:  # noqa: FBT001
        stream = _number(payload)
        headers = self._headers(payload[_SYN_STREAM_EXTRA:])
        if stream % 2 == 0:
            raise SpdyError(f"a client cannot open stream {stream}")
        opened: list[Event] = [Opened(stream, headers)]
        return [*opened, Finished(stream)] if fin else opened

    def _more_headers(self, payload: bytes, fin: bool) -> list[Event]:  # noqa: FBT001
        """Headers that nobody waits for; reading them keeps the decompression in step."""
        stream = _number(payload)
        self._headers(payload[_LONG.size :])
        return [Finished(stream)] if fin else []

    def _rst_stream(self, payload: bytes, _: bool) -> list[Event]:  # noqa: FBT001
        return [Reset(_number(payload))]

    def _ping(self, payload: bytes, _: bool) -> list[Event]:  # noqa: FBT001
        return [Ping(_number(payload))]

    def _goaway(self, _payload: bytes, _: bool) -> list[Event]:  # noqa: FBT001
        return [GoneAway()]

    def _headers(self, block: bytes) -> dict[str, str]:
        try:
            text = self._inflate.decompress(block, CONTROL_LIMIT)
        except zlib.error as error:
            raise SpdyError(f"damaged headers: {error}") from error
        if self._inflate.unconsumed_tail or self._inflate.eof:
            raise SpdyError("a header block without end")
        return _pairs(text)


_READERS: Final[Mapping[int, Callable[[FrameReader, bytes, bool], list[Event]]]] = {
    Kind.SYN_STREAM: FrameReader._syn_stream,
    Kind.SYN_REPLY: FrameReader._more_headers,
    Kind.HEADERS: FrameReader._more_headers,
    Kind.RST_STREAM: FrameReader._rst_stream,
    Kind.PING: FrameReader._ping,
    Kind.GOAWAY: FrameReader._goaway,
}
"""Everything else is read over."""


class FrameWriter:
    """Builds the frames that a server sends."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(zdict=HEADER_DICTIONARY)

    def reply(self, stream: int) -> bytes:
        """A stream is accepted: must go out before anything else on it, in the order of calls."""
        none = _LONG.pack(0)
        block = self._deflate.compress(none) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        return control(Kind.SYN_REPLY, _LONG.pack(stream) + block)


def control(kind: Kind, payload: bytes) -> bytes:
    """A control frame."""
    return _HEAD.pack(_CONTROL | _VERSION << 16 | kind, len(payload)) + payload


def data(stream: int, payload: bytes, *, fin: bool = False) -> bytes:
    """A piece of a stream, shorter than 16 MiB; with `fin` the last one."""
    return _HEAD.pack(stream, (_FIN if fin else 0) << 24 | len(payload)) + payload


def reset(stream: int, why: int) -> bytes:
    """A stream is given up."""
    return control(Kind.RST_STREAM, _HEAD.pack(stream, why))


def ping(number: int) -> bytes:
    """A ping, or the answer to one: a server's own numbers are even."""
    return control(Kind.PING, _LONG.pack(number))


def goaway(last_stream: int) -> bytes:
    """No stream after `last_stream` will be answered, because all is done."""
    return control(Kind.GOAWAY, _HEAD.pack(last_stream, 0))


def _number(payload: bytes) -> int:
    if len(payload) < _LONG.size:
        raise SpdyError("a control frame that is too short")
    return int(_LONG.unpack_from(payload)[0]) & _STREAM_MASK


def _pairs(block: bytes) -> dict[str, str]:
    count, at = _long(block, 0)
    found: dict[str, str] = {}
    for _ in range(count):
        name, at = _text(block, at)
        value, at = _text(block, at)
        found[name.lower()] = value
    return found


def _text(block: bytes, at: int) -> tuple[str, int]:
    length, at = _long(block, at)
    if len(block) - at < length:
        raise SpdyError("headers that end too early")
    return block[at : at + length].decode("latin-1"), at + length


def _long(block: bytes, at: int) -> tuple[int, int]:
    if len(block) - at < _LONG.size:
        raise SpdyError("headers that end too early")
    return int(_LONG.unpack_from(block, at)[0]), at + _LONG.size

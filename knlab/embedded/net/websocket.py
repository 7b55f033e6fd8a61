"""WebSocket (RFC 6455) without I/O: the opening handshake, frames in, frames out; server side.

The data of a message passes in the pieces it arrives in, whatever length a frame claims, so that
nobody can make us keep more than arrived in one read. No extensions.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, TypeAlias

from knlab.embedded.net.http import Header, Request

NORMAL: Final = 1000
PROTOCOL_ERROR: Final = 1002
"""Codes of close frames."""

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY_BYTES: Final = 16
_VERSION: Final = "13"
_CONTROL_LIMIT: Final = 125
_FIN, _RESERVED, _CONTROL, _MASKED = 0x80, 0x70, 0x08, 0x80
_SHORT_LENGTH, _LONG_LENGTH = 126, 127


class WebSocketError(Exception):
    """The peer broke the protocol; answer with a close frame of code 1002."""


class Opcode(IntEnum):
    """Types of frames."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a message; text and binary look the same."""

    data: bytes
    first: bool
    """Whether the message begins with it."""
    last: bool
    """Whether the message ends with it."""


@dataclass(frozen=True, slots=True)
class Ping:
    """The peer wants a pong with the same data."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Closed:
    """The peer sends no more, and wants a close frame."""


Event: TypeAlias = Piece | Ping | Closed


def asks_for_websocket(request: Request) -> bool:
    """Whether `request` wants to go on as a WebSocket."""
    wanted = {word.strip().lower() for word in (request.header("Connection") or "").split(",")}
    return "upgrade" in wanted and (request.header("Upgrade") or "").lower() == "websocket"


def offered_protocols(request: Request) -> list[str]:
    """The sub-protocols that the client speaks, the ones it prefers first."""
    lines = [
        value.decode("latin-1")
        for name, value in request.headers
        if name.lower() == b"sec-websocket-protocol"
    ]
    return [word.strip() for line in lines for word in line.split(",") if word.strip()]


def handshake(request: Request, protocol: str) -> list[Header] | None:
    """The headers of the 101 that accepts `request`; None if it is not a sound handshake."""
    key = request.header("Sec-WebSocket-Key") or ""
    try:
        sound = len(base64.b64decode(key, validate=True)) == _KEY_BYTES
    except binascii.Error:
        sound = False
    if not sound or request.header("Sec-WebSocket-Version") != _VERSION or request.method != "GET":
        return None
    proof = hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()
    headers = [
        (b"Upgrade", b"websocket"),
        (b"Connection", b"Upgrade"),
        (b"Sec-WebSocket-Accept", base64.b64encode(proof)),
    ]
    return [*headers, (b"Sec-WebSocket-Protocol", protocol.encode())] if protocol else headers


def frame(opcode: Opcode, payload: bytes) -> bytes:
    """A whole message or a control frame, as a server sends it."""
    size = len(payload)
    if size < _SHORT_LENGTH:
        head = bytes((_FIN | opcode, size))
    elif size <= 0xFFFF:
        head = bytes((_FIN | opcode, _SHORT_LENGTH)) + size.to_bytes(2, "big")
    else:
        head = bytes((_FIN | opcode, _LONG_LENGTH)) + size.to_bytes(8, "big")
    return head + payload


def close_frame(code: int) -> bytes:
    """The last frame."""
    return frame(Opcode.CLOSE, code.to_bytes(2, "big"))


@dataclass(slots=True)
class _Head:
    """What a frame says of itself, and how much of its payload is still to come."""

    opcode: int
    fin: bool
    left: int
    mask: bytes
    size: int
    """Of the head itself, in bytes."""

    @property
    def is_control(self) -> bool:
        return bool(self.opcode & _CONTROL)


class FrameReader:
    """Turns what arrives into events."""

    def __init__(self) -> None:
        self._unread = bytearray()
        self._frame: _Head | None = None
        self._in_message = False
        self._at_start = False
        self._closed = False

    def feed(self, data: bytes) -> list[Event]:
        """The events in `data`, and in what was left of earlier pieces; none after `Closed`.

        Raises:
            WebSocketError: if this is not WebSocket; nothing can be read after that.
        """
        self._unread += data
        events: list[Event] = []
        while not self._closed:
            event = self._next()
            if event is None:
                break
            if not isinstance(event, Piece) or event.data or event.last:
                events.append(event)
        return events

    def _next(self) -> Event | None:
        """The next event; None if there is not enough yet, a Piece of nothing for a mere step."""
        if self._frame is None:
            head = _read_head(self._unread)
            if head is None:
                return None
            self._check(head)
            del self._unread[: head.size]
            self._frame = head
        return self._control() if self._frame.is_control else self._data()

    def _check(self, head: _Head) -> None:
        if head.is_control:
            if not head.fin or head.left > _CONTROL_LIMIT:
                raise WebSocketError("a control frame in parts, or too long")
            if head.opcode not in {Opcode.CLOSE, Opcode.PING, Opcode.PONG}:
                raise WebSocketError(f"opcode {head.opcode}")
            return
        if head.opcode not in {Opcode.CONTINUATION, Opcode.TEXT, Opcode.BINARY}:
            raise WebSocketError(f"opcode {head.opcode}")
        if (head.opcode == Opcode.CONTINUATION) != self._in_message:
            raise WebSocketError("a message inside another, or the rest of none")
        if not self._in_message:
            self._in_message = self._at_start = True

    def _control(self) -> Event | None:
        head = self._frame
        assert head is not None
        if len(self._unread) < head.left:
            return None
        payload = _unmasked(bytes(self._unread[: head.left]), head.mask)
        del self._unread[: head.left]
        self._frame = None
        if head.opcode == Opcode.PING:
            return Ping(payload)
        if head.opcode == Opcode.CLOSE:
            self._closed = True
            return Closed()
        return Piece(b"", first=False, last=False)

    def _data(self) -> Event | None:
        head = self._frame
        assert head is not None
        payload = bytes(self._unread[: head.left])
        if head.left and not payload:
            return None
        del self._unread[: len(payload)]
        head.left -= len(payload)
        plain = _unmasked(payload, head.mask)
        turn = len(payload) % 4
        head.mask = head.mask[turn:] + head.mask[:turn]
        ended = not head.left
        piece = Piece(plain, first=self._at_start and bool(plain), last=ended and head.fin)
        if plain:
            self._at_start = False
        if ended:
            self._frame = None
            self._in_message = not head.fin
        return piece


def _read_head(data: bytearray) -> _Head | None:
    """The head of the frame that `data` begins with; None if it is not complete."""
    if len(data) < 2:
        return None
    first, second = data[0], data[1]
    if first & _RESERVED:
        raise WebSocketError("reserved bits are set")
    if not second & _MASKED:
        raise WebSocketError("a client must mask what it sends")
    length = second & ~_MASKED
    extra = {_SHORT_LENGTH: 2, _LONG_LENGTH: 8}.get(length, 0)
    size = 2 + extra + 4
    if len(data) < size:
        return None
    if extra:
        length = int.from_bytes(data[2 : 2 + extra], "big")
    if length >> 63:
        raise WebSocketError("a length beyond 63 bits")
    fin, opcode = bool(first & _FIN), first & 0x0F
    return _Head(opcode, fin, length, bytes(data[size - 4 : size]), size)


def _unmasked(data: bytes, mask: bytes) -> bytes:
    """`data` combined with `mask`, over and over."""
    size = len(data)
    key = (mask * (size // 4 + 1))[:size]
    number = int.from_bytes(data, "little") ^ int.from_bytes(key, "little")
    return number.to_bytes(size, "little")

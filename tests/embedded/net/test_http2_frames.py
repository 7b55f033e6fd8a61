"""HTTP/2 heads and frames as values."""

from __future__ import annotations

import pytest
from h2.exceptions import FrameTooLargeError
from hyperframe.frame import DataFrame, Frame, GoAwayFrame, PingFrame, SettingsFrame

from knlab.embedded.net._http2_frames import (
    PREFACE,
    Frames,
    GoAway,
    Lines,
    preface_rest,
    request_from,
    request_lines,
    response_from,
    response_lines,
)
from knlab.embedded.net.http import Header, Request, Response

ADDRESS = ("127.0.0.1", 80)


def frames(*given: Frame) -> bytes:
    return b"".join(frame.serialize() for frame in given)


STREAM = (
    SettingsFrame(0),
    DataFrame(1, b"x" * 300),
    GoAwayFrame(0, last_stream_id=7, error_code=2, additional_data=b"because"),
    PingFrame(0, b"12345678"),
    GoAwayFrame(0, last_stream_id=9),
)
OTHERS = frames(*(frame for frame in STREAM if not isinstance(frame, GoAwayFrame)))


@pytest.mark.parametrize("size", [1, 2, 8, 9, 10, 17, 100, 1000])
def test_goaways_are_found_however_the_bytes_arrive(size: int) -> None:
    whole, cutter = frames(*STREAM), Frames()
    parts = [
        part for at in range(0, len(whole), size) for part in cutter.cut(whole[at : at + size])
    ]
    assert [part for part in parts if isinstance(part, GoAway)] == [GoAway(7, 2), GoAway(9, 0)]
    assert b"".join(part for part in parts if isinstance(part, bytes)) == OTHERS


def test_what_comes_before_a_goaway_is_given_before_it() -> None:
    assert list(Frames().cut(frames(*STREAM)))[1:2] == [GoAway(7, 2)]


def test_a_frame_that_is_too_large_is_refused_when_it_begins() -> None:
    assert list(Frames().cut(b"\0\x40\0\0\0\0\0\0\1")) == [b"\0\x40\0\0\0\0\0\0\1"]
    with pytest.raises(FrameTooLargeError):
        list(Frames().cut(b"\0\x40\1\0\0\0\0\0\1"))


def test_a_goaway_is_written_as_it_is_read() -> None:
    assert list(Frames().cut(GoAway(5, 0).encode())) == [GoAway(5, 0)]


@pytest.mark.parametrize("begin", range(len(PREFACE)))
def test_the_rest_of_a_preface_is_found_wherever_it_was_cut(begin: int) -> None:
    rest = SettingsFrame(0).serialize()
    assert preface_rest(PREFACE[begin:] + rest) == rest


HEAD: Lines = [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/a?b")]


@pytest.mark.parametrize(
    ("lines", "headers"),
    [
        ([(b":authority", b"a.com")], [(b"host", b"a.com")]),
        ([(b":authority", b"a.com"), (b"host", b"b.com")], [(b"host", b"a.com")]),
        ([(b"host", b"b.com"), (b"x", b"1")], [(b"host", b"b.com"), (b"x", b"1")]),
        ([(b"cookie", b"a=1"), (b"x", b"1"), (b"cookie", b"b=2")],
         [(b"x", b"1"), (b"cookie", b"a=1; b=2")]),
    ],
    ids=["the authority is the host", "and wins", "without it the host stays", "cookies in one"],
)  # fmt: skip
def test_a_head_becomes_a_request(lines: list[Header], headers: list[Header]) -> None:
    assert request_from(HEAD + lines) == ("GET", "/a?b", headers)


@pytest.mark.parametrize(
    ("headers", "body", "lines"),
    [
        ([], b"", []),
        ([(b"connection", b"x-mine, close"), (b"x-mine", b"1"), (b"x", b"2")], b"", [(b"x", b"2")]),
        ([(b"te", b"gzip"), (b"expect", b"100-continue")], b"", []),
        ([(b"te", b"trailers")], b"", [(b"te", b"trailers")]),
        ([(b"content-length", b"9")], b"abc", [(b"content-length", b"3")]),
        ([(b"X-Case", b" a ")], b"", [(b"x-case", b"a")]),
    ],
    ids=["nothing", "what ends with the connection", "expectations", "te: trailers stays",
         "the length of a whole body", "names are folded"],
)  # fmt: skip
def test_a_request_becomes_a_head(headers: list[Header], body: bytes, lines: list[Header]) -> None:
    request = Request("POST", "/x", [(b"host", b"a.com"), *headers], body)
    begin = [(b":method", b"POST"), (b":scheme", b"http"), (b":authority", b"a.com")]
    assert request_lines(request, ADDRESS) == [*begin, (b":path", b"/x"), *lines]


def test_a_request_without_host_is_for_the_address() -> None:
    assert (b":authority", b"127.0.0.1:80") in request_lines(Request("GET", "/", []), ADDRESS)


@pytest.mark.parametrize(
    ("response", "method", "lines"),
    [
        (Response(200, [], b"abc"), "GET", [(b"content-length", b"3")]),
        (Response(200, [], b""), "GET", [(b"content-length", b"0")]),
        (Response(204, [], b""), "GET", []),
        (Response(200, [(b"content-length", b"7")]), "HEAD", [(b"content-length", b"7")]),
        (Response(200, [], b"abc", trailers=[(b"t", b"1")]), "GET", []),
        (Response(200, [(b"transfer-encoding", b"chunked")], b""), "HEAD", []),
    ],
    ids=["a length", "also of nothing", "none without a body", "HEAD keeps what it would be",
         "none before trailers", "no transfer encoding"],
)  # fmt: skip
def test_a_response_becomes_a_head(response: Response, method: str, lines: list[Header]) -> None:
    head = response_lines(response, method)
    assert head == [(b":status", b"%d" % response.status), *lines]
    assert response_from(head) == (response.status, lines)

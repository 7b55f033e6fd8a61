"""Small rules about headers and Go's error texts."""

from __future__ import annotations

import pytest

from knlab.embedded.dataplane.headers import (
    forwarded,
    forwarded_for,
    http_error,
    is_kubelet_probe,
    network_probe_answer,
    transport_error,
)
from knlab.embedded.net.http import Header, Request

FORWARDED: list[tuple[dict[str, str], str | None, str]] = [
    ({}, None, "nothing to make it from"),
    ({"forwarded": "for=x", "x-forwarded-for": "1.1.1.1"}, None, "it is there already"),
    ({"x-forwarded-for": "127.0.0.1"}, "for=127.0.0.1", "one node"),
    ({"x-forwarded-for": "127.0.0.1, ::1"}, 'for=127.0.0.1, for="[::1]"', "IPv6 is quoted"),
    (
        {"x-forwarded-for": "1.1.1.1,2.2.2.2", "x-forwarded-host": "h", "x-forwarded-proto": "p"},
        "for=1.1.1.1;host=h;proto=p, for=2.2.2.2",
        "host and proto belong to the first node",
    ),
    ({"x-forwarded-host": "h"}, "host=h", "host alone"),
    ({"x-forwarded-proto": "p"}, "proto=p", "proto alone"),
    ({"x-forwarded-host": "h", "x-forwarded-proto": "p"}, "host=h;proto=p", "without node"),
    ({"x-forwarded-for": "1.1.1.1,,"}, "for=1.1.1.1, for=", "empty parts stay, but the last"),
]


@pytest.mark.parametrize(
    ("given", "expected"), [row[:2] for row in FORWARDED], ids=[row[2] for row in FORWARDED]
)
def test_the_forwarded_header_is_made_from_its_predecessors(
    given: dict[str, str], expected: str | None
) -> None:
    fields = {name.encode(): value.encode() for name, value in given.items()}
    made = forwarded(fields)
    assert (None if made is None else made.decode()) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], b"10.0.0.9"),
        ([b"1.1.1.1"], b"1.1.1.1, 10.0.0.9"),
        ([b"1.1.1.1", b"2.2.2.2, 3.3.3.3"], b"1.1.1.1, 2.2.2.2, 3.3.3.3, 10.0.0.9"),
    ],
)
def test_a_proxy_adds_whom_the_request_came_from(given: list[bytes], expected: bytes) -> None:
    headers: list[Header] = [(b"x-forwarded-for", value) for value in given]
    request = Request("GET", "/", headers, peer="10.0.0.9")
    assert forwarded_for(request, dict(headers)) == (b"x-forwarded-for", expected)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({b"user-agent": b"kube-probe/1.34"}, True),
        ({b"k-kubelet-probe": b""}, True),
        ({b"user-agent": b"curl/8"}, False),
        ({}, False),
    ],
)
def test_the_kubelet_is_known_by_its_headers(fields: dict[bytes, bytes], expected: bool) -> None:
    assert is_kubelet_probe(fields) is expected


def test_a_network_probe_gets_its_hash_back() -> None:
    answer = network_probe_answer({b"k-network-hash": b"abc"})
    assert (answer.status, answer.header("k-network-hash"), answer.body) == (200, "abc", b"")


def test_a_network_probe_without_hash_is_refused() -> None:
    answer = network_probe_answer({})
    text = b'a probe request must contain a non-empty "K-Network-Hash" header\n'
    assert (answer.status, answer.body) == (400, text)


def test_errors_are_written_as_go_does() -> None:
    answer = http_error(503, "shutting down")
    assert answer.body == b"shutting down\n"
    assert answer.header("content-type") == "text/plain; charset=utf-8"
    assert answer.header("x-content-type-options") == "nosniff"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ConnectionRefusedError(), "dial tcp 1.2.3.4:80: connect: connection refused"),
        (ConnectionResetError("EOF"), "EOF"),
    ],
)
def test_transport_errors_are_worded_as_in_go(error: OSError, text: str) -> None:
    assert transport_error(error, ("1.2.3.4", 80)) == text

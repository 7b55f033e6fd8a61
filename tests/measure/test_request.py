"""One request with its timing."""

from __future__ import annotations

import shutil
import socket
import subprocess

import pytest

from knlab._exceptions import TimedOut, Unreachable, UsageError
from knlab.measure import addresses
from knlab.measure.curl import FORMAT_FILE, from_curl
from knlab.measure.request import request


def test_a_routed_name_is_answered_through_its_gateway(server: str) -> None:
    host, _, port = server.partition(":")
    addresses.route("test.invalid", host, int(port), world="embedded")
    try:
        answer = request("http://hello.test.invalid/x")
    finally:
        addresses.forget("test.invalid")
    assert answer.text == "GET /x at hello.test.invalid\n"
    assert (answer.status, answer.ok, answer.resolver) == (200, True, "local")
    assert answer.world == "embedded"
    assert answer.via == f"{server} HTTP/1.1 test"
    assert answer.header("Server") == "test"


def test_the_phases_add_up_and_follow_each_other(server: str) -> None:
    answer = request(f"http://{server}/slow?=0.05")
    assert sum(answer.phases.values()) == pytest.approx(answer.total, abs=1e-9)
    assert all(spent >= 0 for spent in answer.phases.values())
    assert 0.05 <= answer.wait < answer.total
    assert answer.phases["tls"] == 0


def test_host_method_and_body_are_sent(server: str) -> None:
    answer = request(f"http://{server}/", method="put", host="other.example")
    assert answer.text == "PUT / at other.example\n"


def test_connect_to_overrides_the_place(server: str) -> None:
    answer = request("http://nowhere.invalid/", connect_to=server)
    assert answer.text == "GET / at nowhere.invalid\n"
    assert answer.resolver == "given"


def test_an_error_status_is_a_result(server: str) -> None:
    answer = request(f"http://{server}/missing")
    assert (answer.status, answer.ok) == (404, False)


@pytest.mark.parametrize("path", ["/garbage", "/cut"])
def test_an_answer_that_is_not_whole_http_is_unreachable(server: str, path: str) -> None:
    with pytest.raises(Unreachable, match="broke off"):
        request(f"http://{server}{path}")


def test_an_unknown_name_says_what_to_do() -> None:
    with pytest.raises(Unreachable, match=r"nosuch\.invalid has no address") as caught:
        request("http://nosuch.invalid")
    assert "connect" in caught.value.hint


def test_nobody_listening_says_so() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(Unreachable, match="nobody answers") as caught:
            request(f"http://{place}")
    assert "knlab status" in caught.value.hint


def test_a_port_without_tls_says_so(server: str) -> None:
    with pytest.raises(Unreachable) as caught:
        request(f"https://{server}")
    assert "TLS" in caught.value.hint


def test_silence_ends_at_the_timeout(server: str) -> None:
    with pytest.raises(TimedOut, match="waited 0 s for an answer"):
        request(f"http://{server}/hang", timeout="200ms")


def test_an_unknown_method_is_refused(server: str) -> None:
    with pytest.raises(UsageError, match="method='BREW'"):
        request(f"http://{server}", method="BREW")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_agrees_about_the_same_server(server: str) -> None:
    url = f"http://{server}/slow?=0.2"
    said = subprocess.run(
        ["curl", "-s", "--noproxy", "*", "-w", f"@{FORMAT_FILE}", url],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    theirs, ours = from_curl(said.stdout), request(url)
    assert theirs.text == ours.text.strip("\n")
    assert theirs.wait == pytest.approx(ours.wait, abs=0.1)
    assert theirs.wait >= 0.2
    assert ours.wait >= 0.2

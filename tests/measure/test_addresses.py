"""Where names lead."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from knlab._exceptions import UsageError
from knlab.measure.addresses import AddressBook, address_in, forget, route, target


@pytest.mark.parametrize(
    ("host", "address"),
    [
        pytest.param("hello.default.10.104.46.103.nip.io", "10.104.46.103", id="the article's"),
        pytest.param("10.0.0.1.sslip.io", "10.0.0.1", id="nothing before the address"),
        pytest.param("hello-10-0-0-1.sslip.io", "10.0.0.1", id="dashes"),
        pytest.param("Hello.127.0.0.1.SSLIP.io.", "127.0.0.1", id="case and a final dot"),
        pytest.param("app.localhost", "127.0.0.1", id="localhost"),
        pytest.param("hello.999.0.0.1.nip.io", "", id="no address"),
        pytest.param("hello.default.example.com", "", id="an ordinary name"),
        pytest.param("10.0.0.1.nip.io.example.com", "", id="the suffix must be last"),
    ],
)
def test_a_name_may_carry_its_address(host: str, address: str) -> None:
    assert address_in(host) == address


def test_the_longest_domain_wins_and_only_whole_labels_count() -> None:
    book = AddressBook()
    book.route("example.com", "127.0.0.1", 8080, world="embedded")
    book.route("hello.example.com", "127.0.0.1", 9090)
    assert book.destination("a.hello.example.com", None, 80).port == 9090
    assert book.destination("other.example.com", None, 80).port == 8080
    assert book.destination("notexample.com", None, 80).resolver == "system"


def test_a_port_in_the_url_wins_over_the_book() -> None:
    book = AddressBook()
    book.route("example.com", "127.0.0.1", 8080)
    assert book.destination("hello.example.com", 1234, 80).port == 1234


def test_a_forgotten_domain_is_looked_up_again() -> None:
    book = AddressBook()
    book.route("example.com", "127.0.0.1", 8080)
    book.forget("example.com")
    book.forget("example.com")
    assert book.find("example.com") is None


@pytest.fixture
def routed() -> Iterator[None]:
    route("default.127.0.0.1.sslip.io", "127.0.0.1", 8123, world="embedded")
    yield
    forget("default.127.0.0.1.sslip.io")


@pytest.mark.usefixtures("routed")
def test_a_routed_name_keeps_its_host_header() -> None:
    found = target("http://hello.default.127.0.0.1.sslip.io/a?b=1")
    assert (found.destination.ip, found.destination.port) == ("127.0.0.1", 8123)
    assert found.host == "hello.default.127.0.0.1.sslip.io"
    assert found.path == "/a?b=1"
    assert found.destination.world == "embedded"


@pytest.mark.usefixtures("routed")
def test_dns_asks_the_resolver_and_keeps_the_port() -> None:
    place = target("http://hello.default.127.0.0.1.sslip.io", resolve="dns").destination
    assert (place.ip, place.port, place.resolver) == ("", 8123, "system")


@pytest.mark.usefixtures("routed")
def test_a_host_header_says_which_world_is_meant() -> None:
    found = target("http://127.0.0.1:99", host="hello.default.127.0.0.1.sslip.io")
    assert found.destination.world == "embedded"
    assert found.destination.port == 99


def test_connect_to_overrides_everything() -> None:
    found = target("https://example.com/x", connect_to="[::1]:8443")
    assert (found.destination.ip, found.destination.port) == ("::1", 8443)
    assert (found.name, found.tls) == ("example.com", True)


@pytest.mark.parametrize(
    "url",
    ["hello", "ftp://x", "http://", "http://x:99999", "http://x:0", "http://x/a b", "http://u:p@x"],
)
def test_a_url_that_cannot_work_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        target(url)


@pytest.mark.parametrize("place", ["localhost", "x:0", "x:99999", ":80", "x:http"])
def test_a_place_that_cannot_work_is_refused(place: str) -> None:
    with pytest.raises(UsageError):
        target("http://x", connect_to=place)

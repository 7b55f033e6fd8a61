"""An address for each pod."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from knlab._exceptions import ClusterError
from knlab.embedded.pods.addresses import PodAddresses, own_addresses


@pytest.fixture
def addresses() -> Iterator[PodAddresses]:
    claimed = PodAddresses.claim()
    yield claimed
    claimed.close()


def test_every_pod_has_its_own(addresses: PodAddresses) -> None:
    taken = [addresses.take() for _ in range(300)]
    assert len(set(taken)) == 300
    assert all(ip.startswith("127.") and not ip.startswith("127.0.") for ip in taken)


def test_a_pod_gets_its_old_address_back_unless_it_is_taken(addresses: PodAddresses) -> None:
    first, second = addresses.take(), addresses.take()
    addresses.release(first)
    assert addresses.take(first) == first
    assert addresses.take(second) != second
    assert addresses.take("10.0.0.1").startswith("127.")


def test_a_released_address_is_not_the_next_one(addresses: PodAddresses) -> None:
    first = addresses.take()
    addresses.release(first)
    assert addresses.take() != first


def test_two_clusters_have_different_ranges_and_keep_them(addresses: PodAddresses) -> None:
    other = PodAddresses.claim()
    ip = other.take()
    assert ip.split(".")[1] != addresses.take().split(".")[1]
    other.close()
    again = PodAddresses.claim([ip])
    assert again.take(ip) == ip
    again.close()


@pytest.mark.skipif(not own_addresses(), reason="127.0.0.0/8 is not this machine's own here")
def test_a_kubelet_on_all_addresses_leaves_no_range(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as kubelet:
        kubelet.bind(("", 0))
        kubelet.listen()
        port = kubelet.getsockname()[1]
        monkeypatch.setattr("knlab.embedded.pods.addresses.KUBELET_PORT", port)
        with pytest.raises(ClusterError, match=f"port {port} is taken on all addresses") as refused:
            PodAddresses.claim()
    assert refused.value.hint == "stop what listens there, or run knlab in a container"


@pytest.mark.skipif(not own_addresses(), reason="127.0.0.0/8 is not this machine's own here")
def test_a_program_that_can_binds_the_pods_address(addresses: PodAddresses) -> None:
    ip = addresses.take()
    assert addresses.binding(ip, 8080, own_address=True) == (ip, 8080)
    with socket.create_server((ip, 8080)):
        host, port = addresses.binding(ip, 8080, own_address=True)
        assert host == "127.0.0.1"
        assert port != 8080


def test_other_programs_get_a_port_that_is_free(addresses: PodAddresses) -> None:
    ip = addresses.take()
    first = addresses.binding(ip, 8080, own_address=False)
    second = addresses.binding(ip, 8080, own_address=False)
    assert first[0] == "127.0.0.1"
    assert first != second
    with socket.create_server(("", first[1])):
        pass

"""What the cluster keeps on the machine: ports, token, secrets; and what it learns from it."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from knlab._exceptions import StateError
from knlab.embedded.host import (
    Ports,
    bearer_token,
    check_ports,
    node_facts,
    remember_ports,
    remembered_ports,
    write_secret,
)
from knlab.embedded.net.ports import LOOPBACK, held_port


@pytest.fixture
def free() -> Ports:
    with held_port(0) as api, held_port(0) as gateway:
        return Ports(api, gateway)


def test_ports_are_remembered(tmp_path: Path, free: Ports) -> None:
    assert remembered_ports(tmp_path, Ports(0, 0)) == Ports(0, 0)
    remember_ports(tmp_path, free)
    assert remembered_ports(tmp_path, Ports(0, 0)) == free
    assert remembered_ports(tmp_path, Ports(0, 8080)) == Ports(free.api, 8080)


def test_a_remembered_port_that_somebody_took_is_given_up(tmp_path: Path, free: Ports) -> None:
    remember_ports(tmp_path, free)
    with socket.create_server((LOOPBACK, free.gateway)):
        assert remembered_ports(tmp_path, Ports(0, 0)) == Ports(free.api, 0)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"api": 1}'])
def test_a_damaged_memory_is_no_memory(tmp_path: Path, text: str) -> None:
    (tmp_path / "ports.json").write_text(text)
    assert remembered_ports(tmp_path, Ports(0, 0)) == Ports(0, 0)


def test_ports_that_can_be_had_are_not_refused(free: Ports) -> None:
    check_ports(free)
    check_ports(Ports(0, 0))


@pytest.mark.parametrize("name", ["api", "gateway"])
def test_a_port_in_use_is_named_with_the_option_to_change(name: str) -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        ports = Ports(**({"api": 0, "gateway": 0} | {name: port}))
        with pytest.raises(StateError, match=f"port {port} for the {name}.*in use") as refused:
            check_ports(ports)
    assert f"--{name}-port" in refused.value.hint


def test_secrets_are_for_their_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text("old and open")
    path.chmod(0o644)
    write_secret(path, "new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["kubeconfig"]


def test_the_token_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "token"
    token = bearer_token(path)
    assert len(token) >= 32
    assert bearer_token(path) == token
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_node_is_this_machine(tmp_path: Path) -> None:
    facts = node_facts(tmp_path)
    assert facts.cpus >= 1
    assert facts.memory_bytes > 2**28
    assert facts.address == "127.0.0.1"
    assert facts.machine_id == node_facts(tmp_path).machine_id
    assert facts.boot_id != node_facts(tmp_path).boot_id

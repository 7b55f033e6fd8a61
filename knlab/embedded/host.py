"""What the embedded cluster keeps on and learns from the machine it runs on."""

from __future__ import annotations

import json
import os
import platform
import secrets
import shutil
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from knlab._exceptions import StateError
from knlab.embedded.builtin.boot import NodeFacts
from knlab.embedded.net.ports import LOOPBACK, obstacle

MIN_CPUS: Final = 2
"""What the node offers at least: Knative's components alone ask for more than one."""
_PORTS: Final = "ports.json"
_TOKEN_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Ports:
    """Where a cluster listens; 0 is any free port."""

    api: int
    gateway: int


def check_ports(wanted: Ports) -> None:
    """Refuse ports on which nobody can listen.

    Raises:
        StateError: with the port and how to choose another.
    """
    for name, port in asdict(wanted).items():
        if port and (why := obstacle(port, to_hold=name == "gateway")):
            raise StateError(
                f"port {port} for the {name} cannot be had: {why}",
                hint=f"choose another with --{name}-port, or leave it out for any free one",
            )


def remembered_ports(directory: Path, wanted: Ports) -> Ports:
    """`wanted`, with the ports used last on `directory` where it says 0 and they are free."""
    try:
        last = Ports(**json.loads((directory / _PORTS).read_text()))
    except (OSError, ValueError, TypeError):
        last = Ports(0, 0)
    api = 0 if obstacle(last.api) else last.api
    gateway = 0 if obstacle(last.gateway, to_hold=True) else last.gateway
    return Ports(wanted.api or api, wanted.gateway or gateway)


def remember_ports(directory: Path, ports: Ports) -> None:
    """Note the ports, so that kubeconfigs and bookmarks survive a restart."""
    write_secret(directory / _PORTS, json.dumps(asdict(ports)) + "\n")  # in one piece


def bearer_token(path: Path) -> str:
    """The cluster's token, made on first use; only its owner may read the file."""
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        write_secret(path, token)
        return token


def write_secret(path: Path, text: str) -> None:
    """Write `text` in one piece to a file with mode 0600."""
    draft = path.with_suffix(".tmp")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    draft.replace(path)


def node_facts(directory: Path) -> NodeFacts:
    """What the Node object says about this machine; `directory` is on the disk that counts."""
    machine = platform.machine()
    return NodeFacts(
        cpus=max(MIN_CPUS, os.cpu_count() or 1),
        memory_bytes=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        disk_bytes=shutil.disk_usage(directory).total,
        architecture={"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine),
        operating_system=platform.system().lower(),
        os_image=f"{platform.system()} with Python {platform.python_version()}",
        kernel_version=platform.release(),
        machine_id=str(uuid.uuid5(uuid.NAMESPACE_URL, str(directory))),
        boot_id=str(uuid.uuid4()),
        address=LOOPBACK,
    )

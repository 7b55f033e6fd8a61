"""What this machine has for the course: Python, tools, processors, memory, disk, addresses."""

from __future__ import annotations

import os
import platform
import re
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from knlab._html import html_table
from knlab._units import format_bytes

Verdict: TypeAlias = Literal["ok", "missing", "low"]

_TOOL_TIMEOUT = 10.0
_VERSION: Final = re.compile(r"v?(\d+\.\d+(?:\.\d+)?)")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at."""

    name: str
    found: str
    verdict: Verdict
    needed_for: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Preflight:
    """All checks, and what they allow."""

    checks: tuple[Check, ...]

    @property
    def verdict(self) -> str:
        """`full` if a cluster tool and kubectl are here, `embedded only` otherwise."""
        have = {check.name for check in self.checks if check.verdict == "ok"}
        real = {"minikube", "kind", "k3d"} & have
        return "full" if real and {"kubectl", "docker"} <= have else "embedded only"

    def __repr__(self) -> str:
        lines = (f"{c.name:12} {c.found:28} {c.verdict:8} {c.hint}".rstrip() for c in self.checks)
        return "\n".join([*lines, f"verdict: {self.verdict}"])

    def _repr_html_(self) -> str:
        rows = [(c.name, c.found, c.verdict, c.needed_for, c.hint) for c in self.checks]
        header = ("what", "found", "verdict", "needed for", "if you want it")
        return html_table(header, rows, caption=f"verdict: {self.verdict}")


_TOOLS: Final = (
    # name, arguments that print the version, needed for, where to get it
    ("kubectl", ("version", "--client"), "typing the commands yourself",
     "https://kubernetes.io/docs/tasks/tools/"),
    ("kn", ("version",), "typing the commands yourself", "https://knative.dev/docs/client/install-kn/"),
    ("hey", (), "comparing with the article's tool", "https://github.com/rakyll/hey"),
    ("curl", ("--version",), "comparing with the article's tool", "your system's packages"),
    ("docker", ("--version",), "a real cluster on this machine", "https://docs.docker.com/get-docker/"),
    ("minikube", ("version",), "a real cluster on this machine",
     "https://minikube.sigs.k8s.io/docs/start/"),
    ("kind", ("version",), "a real cluster on this machine", "https://kind.sigs.k8s.io/"),
)  # fmt: skip


def preflight() -> Preflight:
    """Everything that the course can use on this machine, without changing anything."""
    checks = [_python(), _cpus(), _memory(), _disk(), _loopback()]
    return Preflight((*checks, *(_tool(*tool) for tool in _TOOLS)))


def _python() -> Check:
    ok = sys.version_info >= (3, 11)
    return Check(
        "Python",
        platform.python_version(),
        "ok" if ok else "low",
        "everything",
        "" if ok else "3.11 or newer",
    )


def _cpus() -> Check:
    count = os.cpu_count() or 1
    return Check("processors", str(count), "ok" if count >= 2 else "low", "50 users at once")


def _memory() -> Check:
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Check("memory", format_bytes(total), "ok" if total >= 2**31 else "low", "everything")


def _disk() -> Check:
    free = shutil.disk_usage(".").free
    return Check("free disk", format_bytes(free), "ok" if free >= 2**30 else "low", "everything")


def _loopback() -> Check:
    """Whether 127.0.0.2 can be bound: Linux has all of 127.0.0.0/8, macOS only 127.0.0.1."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.2", 0))
        except OSError:
            return Check("loopback", "127.0.0.1 only", "ok", "pods", "pods share one address")
    return Check("loopback", "127.0.0.0/8", "ok", "pods: an address for each")


def _tool(name: str, arguments: tuple[str, ...], needed_for: str, where: str) -> Check:
    path = shutil.which(name)
    if path is None:
        return Check(name, "not found", "missing", needed_for, where)
    if not arguments:
        return Check(name, "found", "ok", needed_for)
    try:
        said = subprocess.run(
            [path, *arguments], capture_output=True, text=True, timeout=_TOOL_TIMEOUT, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return Check(name, "does not run", "missing", needed_for, where)
    version = _VERSION.search(said)
    return Check(name, version.group(1) if version else "found", "ok", needed_for)

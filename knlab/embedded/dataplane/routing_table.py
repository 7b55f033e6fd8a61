"""What the data plane knows of the cluster: one immutable snapshot, replaced as a whole.

The control plane makes it from Ingresses, Endpoints and Revisions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, TypeAlias

from knlab.embedded.net.http import Address, Header


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A share of the requests and where it goes."""

    backend: str
    """`namespace/name` of the Kubernetes Service, for round robin and messages."""
    addresses: tuple[Address, ...] = ()
    """Ready endpoints: pods of the revision, or activators."""
    percent: int = 100
    append_headers: tuple[Header, ...] = ()
    """Put over headers of the same name; names in lower case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """A route of a host: taken when path and headers match; the first match wins."""

    splits: tuple[Split, ...]
    prefix: str = "/"
    headers: tuple[Header, ...] = ()
    """Exact matches; names in lower case. Routes with more of them come first."""
    append_headers: tuple[Header, ...] = ()
    rewrite_host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualHost:
    """All routes of one host."""

    paths: tuple[Path, ...]
    redirect_to_https: bool = False
    """The Ingress says `httpOption: Redirected`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionBackends:
    """What an activator knows of one revision."""

    container_concurrency: int = 0
    timeout: float = 300.0
    response_start_timeout: float = 0.0
    idle_timeout: float = 0.0
    protocol: str = "http1"
    ready: frozenset[Address] = frozenset()
    """Pods in the private Endpoints that Kubernetes calls ready: (address, 8012)."""
    not_ready: frozenset[Address] = frozenset()
    only_ready: bool = False
    """Only pods that Kubernetes calls ready count: exec readiness probe or startup probe."""
    activators: tuple[str, ...] = ()
    """Addresses in the public Endpoints, if those are activators."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingTable:
    """Everything at one moment. Hosts in lower case; revisions by `namespace/name`."""

    external: Mapping[str, VirtualHost] = field(default_factory=lambda: MappingProxyType({}))
    internal: Mapping[str, VirtualHost] = field(default_factory=lambda: MappingProxyType({}))
    revisions: Mapping[str, RevisionBackends] = field(default_factory=lambda: MappingProxyType({}))


EMPTY: Final = RoutingTable()

Listener: TypeAlias = Callable[[RoutingTable], None]


class RoutingTables:
    """Holds the current snapshot and tells listeners of the next one."""

    def __init__(self) -> None:
        self.current = EMPTY
        self._listeners: list[Listener] = []

    def replace(self, table: RoutingTable) -> None:
        """From now on `table` holds; listeners hear of it before this returns."""
        self.current = table
        for listener in tuple(self._listeners):
            listener(table)

    @contextmanager
    def heard_by(self, listener: Listener) -> Iterator[None]:
        """`listener` is called with the current table and with every new one."""
        self._listeners.append(listener)
        try:
            listener(self.current)
            yield
        finally:
            self._listeners.remove(listener)


def find_host(hosts: Mapping[str, VirtualHost], host: str) -> VirtualHost | None:
    """The virtual host for a Host header: without its port, in any case; None if unknown."""
    return hosts.get(host) or hosts.get(host.lower().partition(":")[0])


def find_path(host: VirtualHost, path: str, headers: Mapping[bytes, bytes]) -> Path | None:
    """The first route of `host` that matches; None without one."""
    for candidate in host.paths:
        if path.startswith(candidate.prefix) and _match(candidate.headers, headers):
            return candidate
    return None


def _match(wanted: tuple[Header, ...], headers: Mapping[bytes, bytes]) -> bool:
    return not wanted or all(headers.get(name) == value for name, value in wanted)


def choose_split(splits: tuple[Split, ...], draw: float) -> Split | None:
    """The split that `draw` (0 ≤ draw < 1) falls into, by weight; None without any weight."""
    if len(splits) == 1:
        return splits[0]
    left = draw * sum(split.percent for split in splits)
    for split in splits:
        left -= split.percent
        if left < 0:
            return split
    return None

"""What the data plane knows of the cluster: immutable records in one table.

The control plane makes the records from Ingresses, Endpoints and Revisions, and sends only those
that are new: a change costs the same however many Services there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from knlab.embedded.net.http import Address, Header

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A share of the requests and where it goes."""

    backend: str
    """`namespace/name` of the Kubernetes Service, for round robin and messages."""
    addresses: tuple[Address, ...] = ()
    """Ready endpoints: pods of the revision, or activators."""
    percent: int = 100
    http2: bool = False
    """Whether requests go on over HTTP/2, and otherwise over HTTP/1.1, however they came."""
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
class RouteChanges:
    """Records by host in lower case and revision as `namespace/name`; None for one that is gone."""

    external: Mapping[str, VirtualHost | None] = field(default_factory=dict)
    internal: Mapping[str, VirtualHost | None] = field(default_factory=dict)
    revisions: Mapping[str, RevisionBackends | None] = field(default_factory=dict)


Listener: TypeAlias = Callable[[Mapping[str, RevisionBackends | None]], None]
"""Hears of the revisions that are different now."""


class RoutingTable:
    """What holds now, and who wants to hear of changes."""

    def __init__(self) -> None:
        self.external: dict[str, VirtualHost] = {}
        self.internal: dict[str, VirtualHost] = {}
        self.revisions: dict[str, RevisionBackends] = {}
        self._listeners: list[Listener] = []

    def apply(self, changes: RouteChanges) -> None:
        """From now on `changes` hold too; listeners hear of revisions before this returns."""
        _write(self.external, changes.external)
        _write(self.internal, changes.internal)
        revisions = _write(self.revisions, changes.revisions)
        for listener in tuple(self._listeners) if revisions else ():
            listener(revisions)

    def replace(self, changes: RouteChanges) -> None:
        """From now on `changes` hold, and nothing else."""
        self.apply(
            RouteChanges(
                external=dict.fromkeys(self.external) | dict(changes.external),
                internal=dict.fromkeys(self.internal) | dict(changes.internal),
                revisions=dict.fromkeys(self.revisions) | dict(changes.revisions),
            )
        )

    @contextmanager
    def heard_by(self, listener: Listener) -> Iterator[None]:
        """`listener` is called with all revisions that are known, and with every change."""
        self._listeners.append(listener)
        try:
            listener(dict(self.revisions))
            yield
        finally:
            self._listeners.remove(listener)


def _write(
    known: dict[str, Record], changes: Mapping[str, Record | None]
) -> dict[str, Record | None]:
    """Make `known` what `changes` say; those of them that were news."""
    news = {key: record for key, record in changes.items() if known.get(key) != record}
    for key, record in news.items():
        if record is None:
            del known[key]
        else:
            known[key] = record
    return news


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

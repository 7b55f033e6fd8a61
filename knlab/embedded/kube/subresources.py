"""What the platform adds to the server: subresources of its own, and resources that only answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from knlab.embedded.kube.backing import WriteOptions
from knlab.embedded.kube.discovery import Listed
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.paths import Parameters
from knlab.embedded.kube.registry import Resource
from knlab.embedded.net.http import Request, Response


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asks, as the server authenticated them."""

    name: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SubresourceRequest:
    """A request for a subresource that the platform answers."""

    request: Request
    parameters: Parameters
    row: Resource
    namespace: str
    """Empty for kinds without namespaces."""
    name: str
    rest: str
    """What follows the subresource in the path, for proxies; usually empty."""
    options: WriteOptions
    body: Object = field(default_factory=dict)
    """The object in the body; empty without one."""


SubresourceHandler: TypeAlias = Callable[[SubresourceRequest], Awaitable[Response]]
"""Answers, or raises a StatusError. The object itself may not exist: the handler looks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subresource:
    """One subresource that the platform answers, and what discovery says about it."""

    handler: SubresourceHandler
    verbs: tuple[str, ...] = ("get",)
    kind: str = ""
    """Kind of what it speaks; empty: the kind of the resource itself."""
    group: str | None = None
    """Group of that kind; None: that of the resource."""
    version: str = ""

    def listed(self, row: Resource, name: str) -> Listed:
        """The entry of discovery for this subresource of `row`."""
        group = row.group if self.group is None else self.group
        return Listed(name, group, self.version or row.version, self.kind or row.kind, self.verbs)


SubresourceKey: TypeAlias = tuple[str, str, str]
"""Group, plural and name of a subresource."""
Subresources: TypeAlias = Mapping[SubresourceKey, Subresource]


@dataclass(frozen=True, slots=True)
class Virtual:
    """A resource of which nothing is stored: a create is a question, `answer` completes it."""

    row: Resource
    answer: Callable[[Object, Requester], Object]

"""What the platform adds to the server: subresources of its own, and resources that only answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from knlab.embedded.kube.backing import Page, WriteOptions
from knlab.embedded.kube.discovery import Listed
from knlab.embedded.kube.errors import NotFound
from knlab.embedded.kube.listing import Query, selectors
from knlab.embedded.kube.objects import Object, key_of
from knlab.embedded.kube.paths import Parameters
from knlab.embedded.kube.registry import Resource
from knlab.embedded.net.http import Request, Response


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asks, as the server authenticated them."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What else the authentication says, by key."""

    def user_info(self) -> Object:
        """The UserInfo of reviews."""
        info: Object = {"username": self.name, "groups": list(self.groups)}
        if self.uid:
            info["uid"] = self.uid
        if self.extra:
            info["extra"] = {key: list(values) for key, values in self.extra.items()}
        return info


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
    """The object in the body, as the subresource `takes` it; empty without one."""


SubresourceHandler: TypeAlias = Callable[[SubresourceRequest], Awaitable[Response]]
"""Answers, or raises a StatusError. The object itself may not exist: the handler looks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subresource:
    """One subresource that the platform answers, and what discovery says about it."""

    handler: SubresourceHandler
    verbs: tuple[str, ...] = ("get",)
    kind: str = ""
    """Kind of its options; empty: that of its bodies, or of the resource itself."""
    takes: Resource | None = None
    """What is in the bodies of its requests; None: they have none that is read."""

    def listed(self, row: Resource, name: str) -> Listed:
        """The entry of discovery for this subresource of `row`."""
        said = self.takes or row
        return Listed(name, said.group, said.version, self.kind or said.kind, self.verbs)


SubresourceKey: TypeAlias = tuple[str, str, str]
"""Group, plural and name of a subresource."""
Subresources: TypeAlias = Mapping[SubresourceKey, Subresource]


def _echo(obj: Object, _requester: Requester, _options: WriteOptions) -> Object:
    return obj


@dataclass(frozen=True, slots=True)
class Virtual:
    """A resource of which nothing is stored, with the verbs that its row has.

    A create is a question, `answer` completes it; a list or get shows of `items` what it asks for.
    """

    row: Resource
    answer: Callable[[Object, Requester, WriteOptions], Object] = _echo
    items: Callable[[], list[Object]] = list
    """What there is now, sorted by namespace and name."""

    def page(self, namespace: str | None, query: Query, version: int) -> Page:
        """What there is in a namespace (None: in all) that `query` selects, all of it."""
        labels, fields = selectors(self.row, query)
        found = [
            item
            for item in self.items()
            if namespace in {None, item["metadata"].get("namespace")}
            and labels.matches_object(item)
            and fields.matches(item)
        ]
        return Page(items=found, version=version)

    def find(self, namespace: str, name: str) -> Object:
        """The one of that name.

        Raises:
            NotFound: there is none.
        """
        for item in self.items():
            if key_of(item) == (namespace, name):
                return item
        raise NotFound.of(self.row.name, f"{namespace}/{name}" if namespace else name)

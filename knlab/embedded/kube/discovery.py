"""What the server serves, told to clients: groups, versions, resources, in both forms they use.

Legacy: `/api`, `/apis`, `/apis/G`, `/apis/G/V`. Aggregated (`apidiscovery.k8s.io/v2`): all of it in
two documents. Everything is computed from the registry's rows.
"""

from __future__ import annotations

import base64
import hashlib
import platform
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.registry import Resource

GIT_VERSION: Final = "v1.34.4+knlab"
"""A real version number, because clients choose their behaviour by it, and who it really is."""

AGGREGATED_TYPE: Final = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

CUSTOM_GROUP_PRIORITY: Final = 1000
"""Priority of the groups that CustomResourceDefinitions bring."""

_MACHINES: Final = {"x86_64": "amd64", "aarch64": "arm64"}
_VERSION: Final = re.compile(r"v(\d+)(?:(alpha|beta)(\d+))?")
_STATUS_VERBS: Final = ("get", "patch", "update")


@dataclass(frozen=True, slots=True)
class Listed:
    """A subresource as discovery lists it: its name, what it speaks, what can be done with it."""

    name: str
    group: str
    version: str
    kind: str
    verbs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Offer:
    """One row with its subresources."""

    row: Resource
    subresources: tuple[Listed, ...] = ()


def standard_subresources(row: Resource) -> list[Listed]:
    """The subresources that the server itself answers for `row`."""
    found = []
    if row.scale is not None:
        found.append(Listed("scale", "autoscaling", "v1", "Scale", _STATUS_VERBS))
    if row.has_status:
        found.append(Listed("status", row.group, row.version, row.kind, _STATUS_VERBS))
    return found


def version_info() -> Object:
    """The answer to `/version`."""
    major, minor = GIT_VERSION.removeprefix("v").split(".")[:2]
    machine = platform.machine()
    return {
        "major": major,
        "minor": minor,
        "emulationMajor": major,
        "emulationMinor": minor,
        "minCompatibilityMajor": major,
        "minCompatibilityMinor": str(int(minor) - 1),
        "gitVersion": GIT_VERSION,
        "gitCommit": "",
        "gitTreeState": "",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "none",
        "compiler": f"{sys.implementation.name} {platform.python_version()}",
        "platform": f"{sys.platform}/{_MACHINES.get(machine, machine)}",
    }


def version_rank(version: str) -> tuple[int, ...]:
    """Sorts versions by what clients should prefer: `v2`, `v1`, `v1beta1`, `v1alpha1`, others."""
    match = _VERSION.fullmatch(version)
    if match is None:
        return (3,)
    number, stage, step = match.groups()
    stages = {None: 0, "beta": 1, "alpha": 2}
    return (stages[stage], -int(number), -int(step or 0))


class Discovery:
    """The documents for one set of offers."""

    def __init__(
        self, offers: Sequence[Offer], priorities: Mapping[str, int] | None = None
    ) -> None:
        """`priorities` of groups: the highest come first; groups without one have 1000."""
        self._priorities = priorities or {}
        storing = (offer.row for offer in offers if offer.row.is_storage_version)
        self._stored = {row.storage: row for row in storing}
        groups: dict[str, dict[str, list[Offer]]] = {}
        for offer in offers:
            versions = groups.setdefault(offer.row.group, {})
            versions.setdefault(offer.row.version, []).append(offer)
        self._groups = {
            group: {version: groups[group][version] for version in _best_first(groups[group])}
            for group in sorted(groups, key=lambda name: (-self._priority(name), name))
        }

    def _priority(self, group: str) -> int:
        return self._priorities.get(group, CUSTOM_GROUP_PRIORITY)

    def core_versions(self, address: str) -> Object:
        """`/api`; `address` is this server as host:port."""
        return {
            "kind": "APIVersions",
            "versions": list(self._groups.get("", {"v1": ()})),
            "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
        }

    def groups(self) -> Object:
        """`/apis`."""
        names = sorted(filter(None, self._groups), key=self._legacy_order)
        listed = [_group(name, self._groups[name]) for name in names]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}

    def _legacy_order(self, group: str) -> tuple[object, ...]:
        best = next(iter(self._groups[group]))
        return -self._priority(group), version_rank(best), group

    def group(self, name: str) -> Object | None:
        """`/apis/NAME`; None if there is no such group."""
        versions = self._groups.get(name)
        if not name or versions is None:
            return None
        return {"kind": "APIGroup", "apiVersion": "v1"} | _group(name, versions)

    def resources(self, group: str, version: str) -> Object | None:
        """`/api/VERSION` or `/apis/GROUP/VERSION`; None if nobody serves that."""
        offers = self._groups.get(group, {}).get(version)
        if offers is None:
            return None
        listed = [entry for offer in offers for entry in self._entries(offer)]
        listed.sort(key=lambda entry: str(entry["name"]))
        head = {"kind": "APIResourceList"} | ({"apiVersion": "v1"} if group else {})
        return head | {"groupVersion": _join(group, version), "resources": listed}

    def _entries(self, offer: Offer) -> list[Object]:
        row = offer.row
        entry: Object = {
            "name": row.plural,
            "singularName": row.singular or row.kind.lower(),
            "namespaced": row.namespaced,
            "kind": row.kind,
            "verbs": list(row.verbs),
        }
        if row.short_names:
            entry["shortNames"] = list(row.short_names)
        if row.categories:
            entry["categories"] = list(row.categories)
        if "get" in row.verbs:
            entry["storageVersionHash"] = _storage_hash(self._stored.get(row.storage, row))
        return [entry, *(_sub_entry(row, item) for item in offer.subresources)]

    def aggregated(self, *, core: bool) -> Object:
        """`/api` (`core`) or `/apis` in the aggregated form."""
        items = [
            _aggregated_group(name, versions)
            for name, versions in self._groups.items()
            if core == (not name)
        ]
        return {
            "kind": "APIGroupDiscoveryList",
            "apiVersion": "apidiscovery.k8s.io/v2",
            "metadata": {},
            "items": items,
        }

    def paths(self) -> list[str]:
        """Every path under which there is a discovery document."""
        found = ["/api", "/apis"]
        for group, versions in self._groups.items():
            prefix = f"/apis/{group}" if group else "/api"
            found += [prefix] if group else []
            found += [f"{prefix}/{version}" for version in versions]
        return sorted(found)


def _best_first(versions: Iterable[str]) -> list[str]:
    return sorted(versions, key=version_rank)


def _join(group: str, version: str) -> str:
    return f"{group}/{version}" if group else version


def _group(name: str, versions: Iterable[str]) -> Object:
    listed = [{"groupVersion": _join(name, item), "version": item} for item in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def _sub_entry(row: Resource, item: Listed) -> Object:
    entry: Object = {
        "name": f"{row.plural}/{item.name}",
        "singularName": "",
        "namespaced": row.namespaced,
        "kind": item.kind,
        "verbs": list(item.verbs),
    }
    if (item.group, item.version) != (row.group, row.version):
        entry |= {"group": item.group, "version": item.version}
    return entry


def _storage_hash(row: Resource) -> str:
    digest = hashlib.sha256(f"{row.group}/{row.version}/{row.kind}".encode()).digest()
    return base64.b64encode(digest[:8]).decode()


def _aggregated_group(name: str, versions: Mapping[str, Sequence[Offer]]) -> Object:
    return {
        "metadata": {"name": name} if name else {},
        "versions": [
            {
                "version": version,
                "resources": [_aggregated(offer) for offer in _by_plural(offers)],
                "freshness": "Current",
            }
            for version, offers in versions.items()
        ],
    }


def _by_plural(offers: Sequence[Offer]) -> list[Offer]:
    return sorted(offers, key=lambda offer: offer.row.plural)


def _aggregated(offer: Offer) -> Object:
    row = offer.row
    entry: Object = {
        "resource": row.plural,
        "responseKind": {"group": row.group, "version": row.version, "kind": row.kind},
        "scope": "Namespaced" if row.namespaced else "Cluster",
        "singularResource": row.singular or row.kind.lower(),
        "verbs": list(row.verbs),
    }
    if row.short_names:
        entry["shortNames"] = list(row.short_names)
    if row.categories:
        entry["categories"] = list(row.categories)
    if offer.subresources:
        entry["subresources"] = [
            {
                "subresource": item.name,
                "responseKind": {
                    "group": item.group,
                    "version": item.version,
                    "kind": item.kind,
                },
                "verbs": list(item.verbs),
            }
            for item in offer.subresources
        ]
    return entry

"""From spec.traffic of a Route to revisions: which can take requests, and who gets how much."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from knlab.embedded.kube.controller import View
from knlab.embedded.kube.objects import Object
from knlab.embedded.serving import keys, views
from knlab.embedded.serving.domains import DEFAULT_TARGET
from knlab.embedded.serving.go_text import quoted
from knlab.embedded.serving.kinds import CONFIGURATIONS, REVISIONS


@dataclass(frozen=True, slots=True)
class BadTarget:
    """An entry of spec.traffic that cannot be routed: how AllTrafficAssigned must say so."""

    status: Literal["Unknown", "False"]
    reason: str
    message: str

    @property
    def is_failure(self) -> bool:
        """Whether waiting does not help."""
        return self.status == "False"


@dataclass(frozen=True, slots=True)
class RevisionTarget:
    """One entry of spec.traffic, resolved to a revision."""

    revision: str
    configuration: str
    percent: int
    latest: bool
    tag: str
    protocol: str


@dataclass(frozen=True, slots=True)
class TrafficPlan:
    """What a Route's spec.traffic resolves to; `bad` means that nothing may change."""

    targets: tuple[RevisionTarget, ...] = ()
    """As status.traffic lists them."""
    groups: dict[str, tuple[RevisionTarget, ...]] = field(default_factory=dict)
    """By tag (empty for the default): who shares the requests; percents sum to 100."""
    bad: BadTarget | None = None


def resolve_traffic(view: View, route: Object) -> TrafficPlan:
    """The plan for spec.traffic of `route`; the last failing entry decides, else the first bad."""
    bad: BadTarget | None = None
    found: list[RevisionTarget] = []
    for entry in route["spec"].get("traffic") or ():
        target = _resolve(view, route, entry)
        if isinstance(target, RevisionTarget):
            found.append(target)
        elif bad is None or target.is_failure:
            bad = target
    if bad is not None:
        return TrafficPlan(bad=bad)
    return TrafficPlan(targets=tuple(_merged(found)), groups=_groups(found))


def _resolve(view: View, route: Object, entry: Object) -> RevisionTarget | BadTarget:
    if entry.get("revisionName"):
        return _pinned(view, route, entry)
    return _latest(view, route["metadata"]["namespace"], entry)


def _latest(view: View, namespace: str, entry: Object) -> RevisionTarget | BadTarget:
    name = entry.get("configurationName", "")
    configuration = view.find(CONFIGURATIONS, namespace, name)
    if configuration is None:
        return _missing("Configuration", name)
    latest = (configuration.get("status") or {}).get("latestReadyRevisionName", "")
    if not latest:
        if views.ready_status(configuration) == "False":
            text = f"Configuration {quoted(name)} does not have any ready Revision."
            return BadTarget("False", "RevisionMissing", text)
        text = f"Configuration {quoted(name)} is waiting for a Revision to become ready."
        return BadTarget("Unknown", "RevisionMissing", text)
    revision = view.find(REVISIONS, namespace, latest)
    if revision is None:
        return _missing("Revision", latest)
    return _unready(revision) or _target(entry, revision, name)


def _pinned(view: View, route: Object, entry: Object) -> RevisionTarget | BadTarget:
    namespace, name = route["metadata"]["namespace"], entry["revisionName"]
    revision = view.find(REVISIONS, namespace, name)
    if revision is None:
        return _missing("Revision", name)
    service = keys.labels_of(route).get(keys.SERVICE, "")
    actual = keys.labels_of(revision).get(keys.SERVICE, "")
    if service and service != actual:
        return _not_owned(name, service, actual)
    if (bad := _unready(revision)) is not None:
        return bad
    configuration = keys.labels_of(revision).get(keys.CONFIGURATION, "")
    if configuration and view.find(CONFIGURATIONS, namespace, configuration) is None:
        return _missing("Configuration", configuration)
    return _target(entry, revision, configuration)


def _missing(kind: str, name: str) -> BadTarget:
    text = f"{kind} {quoted(name)} referenced in traffic not found."
    return BadTarget("False", f"{kind}Missing", text)


def _not_owned(name: str, service: str, actual: str) -> BadTarget:
    if actual:
        text = f"belongs to Service {quoted(actual)}, not Service {quoted(service)}."
    else:
        text = f"does not belong to Service {quoted(service)}."
    return BadTarget("False", "RevisionNotOwned", f"Revision {quoted(name)} {text}")


def _unready(revision: Object) -> BadTarget | None:
    name = quoted(revision["metadata"]["name"])
    if views.is_ready(revision):
        return None
    if views.ready_status(revision) == "False":
        text = f"Revision {name} failed to become ready."
        return BadTarget("False", "RevisionMissing", text)
    return BadTarget("Unknown", "RevisionMissing", f"Revision {name} is not yet ready.")


def _target(entry: Object, revision: Object, configuration: str) -> RevisionTarget:
    return RevisionTarget(
        revision=revision["metadata"]["name"],
        configuration=configuration,
        percent=entry.get("percent") or 0,
        latest=bool(entry.get("latestRevision")),
        tag=entry.get("tag", ""),
        protocol=views.protocol(revision["spec"]),
    )


def _merged(targets: list[RevisionTarget]) -> list[RevisionTarget]:
    merged: dict[tuple[str, str, bool], RevisionTarget] = {}
    for target in targets:
        same = target.tag, target.revision, target.latest
        known = merged.get(same)
        total = target.percent + (known.percent if known else 0)
        merged[same] = replace(known or target, percent=total)
    return list(merged.values())


def _groups(targets: list[RevisionTarget]) -> dict[str, tuple[RevisionTarget, ...]]:
    groups: dict[str, list[RevisionTarget]] = {}
    for target in targets:
        groups.setdefault(DEFAULT_TARGET, []).append(target)
        if target.tag:
            groups.setdefault(target.tag, []).append(target)
    return {tag: _consolidated(members) for tag, members in groups.items()}


def _consolidated(members: list[RevisionTarget]) -> tuple[RevisionTarget, ...]:
    by_revision: dict[str, RevisionTarget] = {}
    for member in members:
        known = by_revision.get(member.revision)
        total = member.percent + (known.percent if known else 0)
        by_revision[member.revision] = replace(known or member, percent=total)
    if len(by_revision) == 1:
        return tuple(replace(only, percent=100) for only in by_revision.values())
    return tuple(by_revision.values())

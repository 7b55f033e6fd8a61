"""A Knative Service in a cluster, as lessons handle it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, Unpack
from urllib.parse import urlsplit

import yaml

from knlab._exceptions import ImagePullFailed, NotReady, UsageError
from knlab._html import html_table
from knlab.cluster import kubernetes as k8s
from knlab.cluster.diagnose import root_cause
from knlab.cluster.graph import KINDS, ObjectGraph, graph
from knlab.cluster.kubernetes import Kubernetes
from knlab.cluster.listing import Listing, command_line, listing
from knlab.cluster.manifest import (
    LATEST,
    Scaling,
    environment,
    scaling_annotations,
    traffic_targets,
)
from knlab.cluster.waiting import wait_until

Object: TypeAlias = dict[str, Any]

_SERVICE_LABEL = "serving.knative.dev/service"
_REVISION_LABEL = "serving.knative.dev/revision"
_GIVE_UP_AFTER = 2.0
"""Seconds that Ready may stay False before a wait believes it (as `kn` does)."""


@dataclass(frozen=True, slots=True)
class Transition:
    """One step on the way to Ready: seconds since the wait began, and what the Service said."""

    at: float
    status: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Readiness:
    """How a Service became ready."""

    service: str
    steps: tuple[Transition, ...]

    @property
    def seconds(self) -> float:
        """From the beginning of the wait to Ready."""
        return self.steps[-1].at

    def __repr__(self) -> str:
        return f"<{self.service} ready after {self.seconds:.1f} s, {len(self.steps)} steps>"

    def _repr_html_(self) -> str:
        rows = [(f"{s.at:.2f} s", s.status, s.reason, s.message) for s in self.steps]
        return html_table(("after", "Ready", "reason", "message"), rows, caption=repr(self)[1:-1])


class Service:
    """One Knative Service: what it says, and what can be done to it."""

    def __init__(
        self, api: Kubernetes, name: str, namespace: str, *, route: Callable[[str], None]
    ) -> None:
        """`route(host)` makes a host name of this Service reachable for measurements."""
        self._api = api
        self._route = route
        self.name = name
        self.namespace = namespace

    def __repr__(self) -> str:
        found = self._api.find(k8s.SERVICE, self.name, self.namespace)
        if found is None:
            return f"<Service {self.name}: deleted>"
        status, reason, _ = _ready(found)
        url = found.get("status", {}).get("url", "no URL yet")
        return f"<Service {self.name}: {url}, Ready {status}{reason and ' ' + reason}>"

    def _repr_html_(self) -> str:
        return self.show("ksvc")._repr_html_()

    # ── what it says ─────────────────────────────────────────────────────────────────────────

    @property
    def object(self) -> Object:
        """The Service as the cluster has it now."""
        return self._api.get(k8s.SERVICE, self.name, self.namespace)

    @property
    def ready(self) -> bool:
        """Whether its condition Ready is True now."""
        return _ready(self.object)[0] == "True"

    @property
    def url(self) -> str:
        """`status.url`; from now on `knlab.request` and `knlab.load` find the way to it."""
        return self._reachable(str(self.object.get("status", {}).get("url", "")))

    @property
    def tag_urls(self) -> dict[str, str]:
        """Tag → URL for every tagged target of the traffic."""
        targets = self.object.get("status", {}).get("traffic") or ()
        return {
            target["tag"]: self._reachable(target["url"]) for target in targets if "tag" in target
        }

    def _reachable(self, url: str) -> str:
        if not url:
            raise NotReady(f"Service {self.name} has no URL yet", hint="call wait_ready() first")
        self._route(urlsplit(url).hostname or "")
        return url

    @property
    def latest_revision(self) -> str:
        """Name of the latest ready revision; empty before there is one."""
        return str(self.object.get("status", {}).get("latestReadyRevisionName", ""))

    @property
    def traffic(self) -> dict[str, int]:
        """Revision → percent, as the Route says it works."""
        shares: dict[str, int] = {}
        for target in self.object.get("status", {}).get("traffic") or ():
            name = target["revisionName"]
            shares[name] = shares.get(name, 0) + int(target.get("percent", 0))
        return shares

    @property
    def scaling(self) -> dict[str, str]:
        """The autoscaling annotations of the template."""
        metadata = self.object["spec"]["template"].get("metadata", {})
        annotations = metadata.get("annotations") or {}
        prefix = "autoscaling.knative.dev/"
        return {
            key.removeprefix(prefix): value
            for key, value in annotations.items()
            if key.startswith(prefix)
        }

    @property
    def selector(self) -> str:
        """The label selector of everything that belongs to this Service."""
        return f"{_SERVICE_LABEL}={self.name}"

    def pods(self) -> list[Object]:
        """Its pods, the terminating ones too."""
        return self._api.items(k8s.POD, self.namespace, labels=self.selector)

    def show(self, what: str, *, wide: bool = False) -> Listing:
        """What `kubectl get WHAT -l serving.knative.dev/service=NAME` prints."""
        if what == "ksvc":
            found = listing(self._api, "ksvc", namespace=self.namespace, wide=wide)
            rows = tuple(row for row in found.rows if row[0] == self.name)
            command = command_line(what, namespace=self.namespace, name=self.name, wide=wide)
            return Listing(command, found.header, rows)
        return listing(self._api, what, namespace=self.namespace, labels=self.selector, wide=wide)

    @property
    def conditions(self) -> Listing:
        """Its conditions: what holds, since when, and why not."""
        fields = ("type", "status", "reason", "message", "lastTransitionTime")
        found = self.object.get("status", {}).get("conditions") or ()
        command = f"{command_line('ksvc', namespace=self.namespace, name=self.name)} -o yaml"
        rows = tuple(tuple(str(each.get(name, "")) for name in fields) for each in found)
        return Listing(command, ("TYPE", "STATUS", "REASON", "MESSAGE", "SINCE"), rows)

    @property
    def manifest(self) -> str:
        """The YAML that was applied last: what somebody asked for, before any default."""
        applied = self.object["metadata"].get("annotations", {}).get(k8s.LAST_APPLIED, "{}")
        return yaml.safe_dump(json.loads(applied), sort_keys=False)

    def graph(self) -> ObjectGraph:
        """What Knative made of it, by owner references."""
        found = (self._api.items(kind, self.namespace) for kind in KINDS)
        return graph(self.object, [obj for each in found for obj in each])

    # ── what can be done to it ───────────────────────────────────────────────────────────────

    def update(
        self,
        *,
        image: str | None = None,
        env: Mapping[str, str] | None = None,
        revision: str | None = None,
        concurrency: int | None = None,
        traffic: Mapping[str, int] | None = None,
        **scaling: Unpack[Scaling],
    ) -> Service:
        """The Service with a changed template: whatever is given replaces what was there.

        Any change of the template makes a new revision, called `revision` or numbered.
        """
        template = self.object["spec"]["template"]
        container = template["spec"]["containers"][0]
        if image is not None:
            container = container | {"image": image}
        if env is not None:
            container = container | {"env": environment(env)}
        spec: Object = {"containers": [container, *template["spec"]["containers"][1:]]}
        if concurrency is not None:
            spec["containerConcurrency"] = concurrency
        metadata = {"name": revision, "annotations": scaling_annotations(scaling)}
        change: Object = {"spec": {"template": {"metadata": metadata, "spec": spec}}}
        if traffic is not None:
            change["spec"]["traffic"] = traffic_targets(traffic)
        self._api.patch(k8s.SERVICE, self.name, change, self.namespace)
        return self

    def split(self, shares: Mapping[str, int], *, tags: Mapping[str, str] | None = None) -> Service:
        """The Service with its traffic split: revision (or `@latest`) → percent, tag → revision.

        Raises:
            UsageError: if the percentages do not sum to 100.
        """
        if sum(shares.values()) != 100:
            raise UsageError(
                f"the percentages sum to {sum(shares.values())}, not 100",
                hint=f'for example {{"{LATEST}": 50, "{self.name}-00001": 50}}',
            )
        change = {"spec": {"traffic": traffic_targets(shares, tags)}}
        self._api.patch(k8s.SERVICE, self.name, change, self.namespace)
        return self

    def delete(self) -> bool:
        """Whether there was a Service to delete; its pods drain for a while."""
        return self._api.delete(k8s.SERVICE, self.name, self.namespace)

    # ── waiting ──────────────────────────────────────────────────────────────────────────────

    def wait_ready(self, timeout: str = "2m") -> Readiness:
        """The steps to Ready, once the current generation is.

        Raises:
            ImagePullFailed: if the image cannot be had.
            NotReady: if Ready stays False.
            TimedOut: after `timeout`, with the last reason and message.
        """
        began = time.monotonic()
        steps: list[Transition] = []

        def look() -> Readiness | None:
            found = self.object
            current = found.get("status", {}).get("observedGeneration")
            seen = _ready(found) if current == found["metadata"]["generation"] else ("", "", "")
            if not steps or (steps[-1].status, steps[-1].reason, steps[-1].message) != seen:
                steps.append(Transition(time.monotonic() - began, *seen))
            if seen[0] == "True":
                return Readiness(self.name, tuple(steps))
            if time.monotonic() - began - steps[-1].at > _GIVE_UP_AFTER:
                if seen[0] == "False":
                    raise _failure(self.name, *root_cause(found))
                self._check_pulls(found)
            return None

        return wait_until(
            f"Service {self.name} to be ready",
            look,
            timeout=timeout,
            last_seen=lambda: " ".join((steps[-1].reason, steps[-1].message)),
            hint="cluster.diagnose() looks for the cause",
        )

    def _check_pulls(self, found: Object) -> None:
        """Give up on an image that cannot be pulled; Knative itself waits ten minutes for it."""
        latest = found.get("status", {}).get("latestCreatedRevisionName")
        for pod in self.pods():
            if pod["metadata"]["labels"].get(_REVISION_LABEL) == latest:
                for container in pod.get("status", {}).get("containerStatuses") or ():
                    waiting = container["state"].get("waiting") or {}
                    if waiting.get("reason") == "ImagePullBackOff":
                        raise _failure(self.name, "ImagePullBackOff", _words(waiting))

    def wait_domain(self, domain: str, timeout: str = "1m") -> str:
        """The URL, once it is under `domain` and requests get there.

        Raises:
            TimedOut: after `timeout`, with the URL that it has.
        """

        def look() -> str | None:
            found = self.object
            host = urlsplit(found.get("status", {}).get("url", "")).hostname or ""
            under = host.endswith(f".{domain}") and _ready(found)[0] == "True"
            return self.url if under else None

        return wait_until(
            f"the URL of Service {self.name} to be under {domain}",
            look,
            timeout=timeout,
            last_seen=lambda: str(self.object.get("status", {}).get("url", "no URL")),
            hint="is the domain in cluster.configuration('config-domain')?",
        )

    def wait_scaled_to_zero(self, timeout: str = "4m") -> float:
        """Seconds until no pod is left, not even a terminating one.

        Raises:
            TimedOut: after `timeout`.
        """
        began = time.monotonic()
        return wait_until(
            f"Service {self.name} to scale to zero",
            lambda: None if self.pods() else time.monotonic() - began,
            timeout=timeout,
            last_seen=lambda: f"{len(self.pods())} pods",
            hint="is something still sending requests, or is min-scale set?",
        )


def _ready(obj: Object) -> tuple[str, str, str]:
    """Status, reason and message of the Ready condition."""
    for condition in obj.get("status", {}).get("conditions") or ():
        if condition["type"] == "Ready":
            return condition["status"], condition.get("reason", ""), condition.get("message", "")
    return "Unknown", "", ""


def _words(waiting: Object) -> str:
    return f"{waiting['reason']} {waiting.get('message', '')}".strip()


def _failure(name: str, reason: str, message: str) -> NotReady | ImagePullFailed:
    if "Unable to fetch image" in message or "ImagePullBackOff" in message:
        return ImagePullFailed(
            f"Service {name}: {message}",
            hint="check the reference; knlab.images names the images that this cluster has",
        )
    return NotReady(f"Service {name} is not ready: {reason} {message}", hint="cluster.diagnose()")

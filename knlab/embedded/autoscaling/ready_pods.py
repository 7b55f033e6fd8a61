"""Which pods of each revision take requests, kept up to date change by change."""

from __future__ import annotations

from collections.abc import Iterable

from knlab.embedded.kube.objects import Key, Object
from knlab.embedded.serving.conditions import instant
from knlab.embedded.serving.scaling import revision_of_pod, takes_requests


class ReadyPods:
    """The pods that take requests, by revision, and since when they run."""

    def __init__(self, pods: Iterable[Object] = ()) -> None:
        self._started: dict[Key, dict[str, float]] = {}
        for pod in pods:
            self.see(pod)

    def see(self, pod: Object, *, gone: bool = False) -> None:
        """Take note of what `pod` is now."""
        name = pod["metadata"]["name"]
        for key in revision_of_pod(pod):
            started = self._started.setdefault(key, {})
            started.pop(name, None)
            if takes_requests(pod) and not gone:
                since = pod["status"].get("startTime") or pod["metadata"]["creationTimestamp"]
                started[name] = instant(since)
            if not started:
                del self._started[key]

    def count(self, key: Key) -> int:
        """How many pods of the revision take requests."""
        return len(self._started.get(key, ()))

    def ages(self, key: Key, now: float) -> dict[str, float]:
        """Seconds since each of them started, by name."""
        return {name: now - since for name, since in self._started.get(key, {}).items()}

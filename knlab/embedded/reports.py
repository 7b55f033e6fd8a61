"""The latest report of every queue-proxy, as the autoscaler reads them once a second."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from knlab.kpa.stat import Stat


class Reports:
    """Who reported what last; a pod that is gone reports no more."""

    def __init__(self, on_requests: Callable[[], None]) -> None:
        """`on_requests` is called whenever a report counts requests."""
        self._on_requests = on_requests
        self._latest: dict[str, dict[str, Stat]] = {}

    @contextmanager
    def reporter(self) -> Iterator[Callable[[Stat], None]]:
        """Where one queue-proxy puts its reports while the block runs."""
        last: list[Stat] = []

        def publish(stat: Stat) -> None:
            self._latest.setdefault(stat.revision, {})[stat.pod] = stat
            last[:] = [stat]
            if stat.request_count:
                self._on_requests()

        try:
            yield publish
        finally:
            for stat in last:
                self._latest.get(stat.revision, {}).pop(stat.pod, None)

    def read(self, revision: str) -> Sequence[Stat]:
        """The latest report of each pod of `revision` (`namespace/name`)."""
        return tuple(self._latest.get(revision, {}).values())

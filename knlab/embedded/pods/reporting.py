"""The status of one pod on its way into the store, where it stays as the kubelet says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from knlab.embedded.builtin.kinds import PODS
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.backing import WriteOptions
from knlab.embedded.kube.errors import InternalError, NotFound
from knlab.embedded.kube.objects import Object, copy_json, key_of

AS_KUBELET: Final = WriteOptions(field_manager="kubelet")
"""How the kubelet writes."""
AGAIN: Final = 1.0
"""Seconds until a write that the store refused is tried again."""


class StatusReport:
    """Writes what `status()` says of `pod` when it has changed, or somebody else wrote another."""

    def __init__(self, api: Api, pod: Object, status: Callable[[], Object]) -> None:
        self._api, self._status = api, status
        self._uid: str = pod["metadata"]["uid"]
        self._namespace, self._name = key_of(pod)
        self._kept: Object | None = None
        """What the store had after our last write."""
        self._is_due = self._is_closed = False

    def changed(self) -> None:
        """Have it written, once for all changes of this turn of the event loop."""
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._write_if_due)

    def write(self) -> None:
        """Write it now."""
        self._is_due = True
        self._write_if_due()

    def observe(self, pod: Object) -> None:
        """Take note of the Pod as it is now; a status that is not ours is put right."""
        if self._kept is not None and pod.get("status") != self._kept:
            self.changed()

    def close(self) -> None:
        """Write no more."""
        self._is_closed = True

    def _write_if_due(self) -> None:
        if not self._is_due or self._is_closed:
            return
        self._is_due = False
        status = self._status()

        def with_status(pod: Object) -> Object:
            if pod["metadata"]["uid"] == self._uid:
                pod["status"] = copy_json(status)
            return pod

        where = PODS, self._namespace, self._name
        try:
            written = self._api.patch(*where, with_status, AS_KUBELET, "status")
        except NotFound:
            return
        except InternalError:  # the disk is full
            asyncio.get_running_loop().call_later(AGAIN, self.changed)
        else:
            self._kept = written.object.get("status")

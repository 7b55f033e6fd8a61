"""What every cluster has: written when it starts, and written again if somebody deletes it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from functools import partial
from typing import Final

from knlab._clock import Clock
from knlab.embedded.builtin.boot import (
    NODE,
    NodeFacts,
    api_objects,
    boot_objects,
    lease,
    node_status,
)
from knlab.embedded.builtin.kinds import NODES
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.backing import WriteOptions
from knlab.embedded.kube.errors import StatusError
from knlab.embedded.kube.metadata import timestamp
from knlab.embedded.kube.objects import Object, key_of
from knlab.embedded.pods.reporting import AS_KUBELET

LOG: Final = logging.getLogger(__name__)
HEARTBEAT: Final = 10.0
"""Seconds between two looks."""
_AS_API_SERVER: Final = WriteOptions(field_manager="kube-apiserver")


def establish(api: Api, now: float, facts: NodeFacts, address: str, port: int) -> None:
    """Bring what every cluster has up to date; its API is at `address` and `port`."""
    for obj in boot_objects(timestamp(now), facts, address, port):
        _write(api, obj, _AS_API_SERVER)
    node = api.get(NODES, "", NODE)
    status = node_status(timestamp(now), facts, since=timestamp(now))
    api.update(NODES, node | {"status": status}, AS_KUBELET, "status")


async def keep(api: Api, clock: Clock, address: str, port: int) -> None:
    """Do again and again what an API server does for its own objects, and a kubelet for its lease.

    Runs until cancelled.
    """
    while True:
        await asyncio.sleep(HEARTBEAT)
        _write_all(api, api_objects(address, port), _AS_API_SERVER)
        _write_all(api, (lease(timestamp(clock.now())),), AS_KUBELET)


def _write_all(api: Api, objects: Iterable[Object], options: WriteOptions) -> None:
    for obj in objects:
        try:
            _write(api, obj, options)
        except StatusError as error:
            LOG.warning("%s %s is not written: %s", obj["kind"], key_of(obj)[1], error.message)


def _write(api: Api, obj: Object, options: WriteOptions) -> None:
    """Make the object what `obj` says, whether or not it is there."""
    row = api.registry.by_kind(obj["apiVersion"], obj["kind"])
    if row is None:
        raise AssertionError(f"no row for {obj['kind']}")
    if api.find(row, *key_of(obj)) is None:
        api.create(row, obj, options)
    else:
        api.patch(row, *key_of(obj), partial(_respecified, new=obj), options)


def _respecified(live: Object, *, new: Object) -> Object:
    """`live` with everything that `new` says besides metadata and status."""
    said = {key: value for key, value in new.items() if key not in {"metadata", "status"}}
    return live | said

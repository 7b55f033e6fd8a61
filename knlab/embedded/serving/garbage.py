"""Which revisions of a Configuration nobody needs any more."""

from __future__ import annotations

from collections.abc import Sequence

from knlab.embedded.kube.objects import Object, annotations_of
from knlab.embedded.serving import keys, views
from knlab.embedded.serving.conditions import instant
from knlab.embedded.serving.config import GcConfig


def garbage(
    revisions: Sequence[Object], latest_ready: str, config: GcConfig, now: float
) -> list[Object]:
    """Those of a Configuration's `revisions` to delete, oldest first."""
    least, most = config.min_non_active_revisions, config.max_non_active_revisions
    if most is None and _times_disabled(config):
        return []
    if len(revisions) <= least:
        return []
    candidates = sorted(
        (item for item in revisions if not _is_kept(item, latest_ready)), key=last_active
    )
    if len(candidates) <= least:
        return []
    allowed = len(candidates) - least
    stale = [item for item in candidates if _is_stale(item, config, now)][:allowed]
    left = [item for item in candidates if item not in stale]
    if len(stale) == allowed or most is None or len(left) <= most:
        return stale
    return stale + left[: len(left) - most]


def last_active(revision: Object) -> float:
    """When a Route last took up or dropped `revision`, else when it was created."""
    modified = annotations_of(revision).get(keys.ROUTING_STATE_MODIFIED)
    return instant(modified or revision["metadata"]["creationTimestamp"])


def _times_disabled(config: GcConfig) -> bool:
    return config.retain_since_create_time is None and config.retain_since_last_active_time is None


def _is_kept(revision: Object, latest_ready: str) -> bool:
    preserved = annotations_of(revision).get(keys.NO_GC, "").lower() == "true"
    is_latest = revision["metadata"]["name"] == latest_ready
    return is_latest or preserved or views.routing_state(revision) != "reserve"


def _is_stale(revision: Object, config: GcConfig, now: float) -> bool:
    if _times_disabled(config):
        return False
    age = now - instant(revision["metadata"]["creationTimestamp"])
    idle = now - last_active(revision)
    since_create = config.retain_since_create_time
    since_active = config.retain_since_last_active_time
    return (since_create is None or age >= since_create) and (
        since_active is None or idle >= since_active
    )

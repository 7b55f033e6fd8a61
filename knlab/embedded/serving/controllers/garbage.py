"""Configuration → deletion of the revisions that nobody needs any more."""

from __future__ import annotations

from knlab.embedded.kube.controller import NOTHING, Controller, Outcome, View, delete
from knlab.embedded.kube.objects import Key
from knlab.embedded.serving import keys
from knlab.embedded.serving.config import parse_gc, read_config, reading_config
from knlab.embedded.serving.controllers.configuration import configuration_of_revision
from knlab.embedded.serving.garbage import garbage
from knlab.embedded.serving.kinds import CONFIG_MAPS, CONFIGURATIONS, REVISIONS


@reading_config
def sync_garbage(view: View, key: Key, now: float) -> Outcome:
    """One look at the revisions of the Configuration `key`."""
    configuration = view.find(CONFIGURATIONS, *key)
    if configuration is None or configuration["metadata"].get("deletionTimestamp"):
        return NOTHING
    namespace, name = key
    revisions = view.list(REVISIONS, namespace, {keys.CONFIGURATION: name})
    latest = (configuration.get("status") or {}).get("latestReadyRevisionName", "")
    doomed = garbage(revisions, latest, read_config(view, parse_gc), now)
    return Outcome(writes=tuple(delete(REVISIONS, revision) for revision in doomed))


def garbage_controller() -> Controller:
    """The control loop that collects old revisions."""
    return Controller(
        name="revision-gc-controller",
        parent=CONFIGURATIONS,
        sync=sync_garbage,
        watches={REVISIONS: configuration_of_revision},
        resync_on=(CONFIG_MAPS,),
    )

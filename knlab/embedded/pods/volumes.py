"""Which volumes a pod can have here: pure.

Nothing is mounted: a process sees the files of this machine. Tasks of the platform read the API
instead of files, so for them it is enough that what their volumes name exists.
"""

from __future__ import annotations

from collections.abc import Iterable

from knlab.embedded.kube.objects import Object
from knlab.embedded.pods.environment import Find

INJECTED = "kube-api-access-"
"""Prefix of the volume that Kubernetes adds to every pod, with credentials for the API."""


def mount_problem(pod: Object, processes: Iterable[str], find: Find) -> str | None:
    """Why the volumes of `pod` cannot be had, as the kubelet says it; None if they can.

    `processes` are the names of its containers that run as processes.
    """
    volumes: list[Object] = pod["spec"].get("volumes") or []
    mine = [volume for volume in volumes if not volume["name"].startswith(INJECTED)]
    for volume in mine:
        if missing := _missing(volume, find):
            return f'MountVolume.SetUp failed for volume "{volume["name"]}" : {missing}'
    seen = _mounted(pod, set(processes)) & {volume["name"] for volume in mine}
    for volume in mine:
        if volume["name"] in seen:
            return (
                f'MountVolume.SetUp failed for volume "{volume["name"]}" : the embedded cluster'
                " runs programs as plain processes and mounts nothing; use environment variables"
            )
    return None


def _mounted(pod: Object, processes: set[str]) -> set[str]:
    containers = [*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"]]
    return {
        mount["name"]
        for container in containers
        if container["name"] in processes
        for mount in container.get("volumeMounts") or ()
    }


def _missing(volume: Object, find: Find) -> str | None:
    sources: list[Object] = (volume.get("projected") or {}).get("sources") or [volume]
    for source in sources:
        for field, kind in (("configMap", "ConfigMap"), ("secret", "Secret")):
            named = source.get(field) or {}
            name = named.get("name") or named.get("secretName")
            if name and not named.get("optional") and find(kind, name) is None:
                return f'{kind.lower()} "{name}" not found'
    return None

"""Which volumes a pod can have here, and the files in them: pure.

A container of built-in commands, or of a program that ships, gets its volumes as directories of the
pod. A program of the user's own sees the files of this machine, so nothing can be mounted for it.
Tasks of the platform read the API instead of files; it is enough that what they name exists.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from knlab.embedded.kube.objects import Object
from knlab.embedded.pods.environment import ConfigError, Find, pod_field, resource_field
from knlab.embedded.pods.specs import containers_of

INJECTED: Final = "kube-api-access-"
"""Prefix of the volume that Kubernetes adds to every pod, with credentials for the API."""
VolumeFiles: TypeAlias = Mapping[str, bytes]
"""Path in the volume → content."""

_OBJECTS: Final = (("configMap", "ConfigMap"), ("secret", "Secret"))
_SOURCES: Final = frozenset({"configMap", "secret", "downwardAPI"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the content of a pod's volumes is made from."""

    pod: Object
    addresses: Mapping[str, str]
    """`status.podIP` and its like."""
    find: Find


def mount_problem(
    pod: Object, boxed: Collection[str], foreign: Collection[str], find: Find
) -> str | None:
    """Why the volumes of `pod` cannot be had, as the kubelet says it; None if they can.

    `boxed` names its containers that get volumes as directories, `foreign` those of the user's own.
    """
    volumes: list[Object] = pod["spec"].get("volumes") or []
    mine = [volume for volume in volumes if not volume["name"].startswith(INJECTED)]
    by_boxed, by_foreign = _mounted(pod, boxed), _mounted(pod, foreign)
    for volume in mine:
        name = volume["name"]
        problem = _missing(volume, find)
        if problem is None and name in by_foreign:
            problem = (
                "the embedded cluster runs your own programs as plain processes and mounts nothing;"
                " use environment variables"
            )
        if problem is None and name in by_boxed:
            problem = _unknown(volume)
        if problem:
            return f'MountVolume.SetUp failed for volume "{name}" : {problem}'
    return None


def mounted_volumes(pod: Object, containers: Collection[str]) -> list[Object]:
    """The volumes of `pod` that any of `containers` mounts."""
    names = _mounted(pod, containers)
    return [volume for volume in pod["spec"].get("volumes") or () if volume["name"] in names]


def _mounted(pod: Object, names: Collection[str]) -> set[str]:
    return {
        mount["name"]
        for container in containers_of(pod["spec"])
        if container["name"] in names
        for mount in container.get("volumeMounts") or ()
        if not mount["name"].startswith(INJECTED)
    }


def _parts(volume: Object) -> Iterable[Object]:
    sources: list[Object] = (volume.get("projected") or {}).get("sources") or [volume]
    return sources


def _unknown(volume: Object) -> str | None:
    """Why the files of `volume` cannot be made; None if they can."""
    if "emptyDir" in volume:
        return None
    kinds = {key for part in _parts(volume) for key in part if key not in {"name", "projected"}}
    if kinds and kinds <= _SOURCES:
        return None
    unknown = ", ".join(sorted(kinds - _SOURCES)) or "such"
    return f"the embedded cluster has no {unknown} volumes"


def _missing(volume: Object, find: Find) -> str | None:
    for part in _parts(volume):
        for field, kind in _OBJECTS:
            named = part.get(field) or {}
            name = named.get("name") or named.get("secretName")
            if name and not named.get("optional") and find(kind, name) is None:
                return f'{kind.lower()} "{name}" not found'
    return None


def has_files(volume: Object) -> bool:
    """Whether the cluster writes the content of `volume`; an emptyDir is the containers' own."""
    return "emptyDir" not in volume


def volume_files(volume: Object, around: Surroundings) -> VolumeFiles:
    """The files of a volume that has some.

    Raises:
        ConfigError: if something that it is made from is not there.
    """
    found: dict[str, bytes] = {}
    for part in _parts(volume):
        for field, kind in _OBJECTS:
            if field in part:
                found |= _of_object(kind, part[field], around.find)
        for item in (part.get("downwardAPI") or {}).get("items") or ():
            found[item["path"]] = _of_field(item, around).encode()
    for path in found:
        if path.startswith(("/", "..")) or ".." in path.split("/") or "\0" in path:
            raise ConfigError(f"invalid path {path}")
    return found


def _of_object(kind: str, reference: Object, find: Find) -> VolumeFiles:
    name = reference.get("name") or reference.get("secretName") or ""
    obj = find(kind, name)
    if obj is None:
        return {}
    content = _content(kind, obj)
    items: list[Object] = reference.get("items") or []
    if not items:
        return content
    missing = [item["key"] for item in items if item["key"] not in content]
    if missing and not reference.get("optional"):
        raise ConfigError(f"references non-existent {kind.lower()} key: {missing[0]}")
    return {item["path"]: content[item["key"]] for item in items if item["key"] in content}


def _content(kind: str, obj: Object) -> VolumeFiles:
    data = obj.get("data") or {}
    encoded = data if kind == "Secret" else obj.get("binaryData") or {}
    plain = {} if kind == "Secret" else data
    decode: Callable[[str], bytes] = base64.b64decode
    return {key: str(value).encode("utf-8", "surrogateescape") for key, value in plain.items()} | {
        key: decode(value) for key, value in encoded.items()
    }


def _of_field(item: Object, around: Surroundings) -> str:
    if field := item.get("fieldRef"):
        path = field["fieldPath"]
        if path in {"metadata.labels", "metadata.annotations"}:
            entries = around.pod["metadata"].get(path.partition(".")[2]) or {}
            return "\n".join(f"{key}={_go_quoted(entries[key])}" for key in sorted(entries))
        return pod_field(path, around.pod, around.addresses)
    reference = item["resourceFieldRef"]
    return resource_field(reference, {}, around.pod)


def _go_quoted(text: str) -> str:
    r"""`text` as Go's %q has it, for what labels and annotations are made of."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'.replace("\t", "\\t")

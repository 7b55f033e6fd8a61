"""What is refused in the volumes of pods and where containers mount them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from knlab.embedded.builtin.validation.causes import duplicate, invalid, required
from knlab.embedded.kube.errors import Cause
from knlab.embedded.kube.names import label_errors
from knlab.embedded.kube.objects import Object

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_MODE: Final = "must be a number between 0 and 0777 (octal), both inclusive"


def volume_causes(volumes: Iterable[Object], path: str) -> list[Cause]:
    """What is wrong with the volumes of a pod."""
    found: list[Cause] = []
    names: set[str] = set()
    for number, volume in enumerate(volumes):
        name = volume.get("name") or ""
        here = f"{path}[{number}]"
        if not name:
            found.append(required(f"{here}.name"))
        elif name in names:
            found.append(duplicate(f"{here}.name", name))
        found += [invalid(f"{here}.name", name, wrong) for wrong in label_errors(name) if name]
        names.add(name)
        found += _source_causes(volume, here, name_of_secret="secretName")
        projected = volume.get("projected")
        if projected is not None:
            found += _projected_causes(projected, f"{here}.projected")
    return found


def mount_causes(mounts: Iterable[Object], path: str, volumes: set[str]) -> list[Cause]:
    """What is wrong with a container's mounts of `volumes`."""
    found: list[Cause] = []
    places: set[str] = set()
    for number, mount in enumerate(mounts):
        here = f"{path}[{number}]"
        if not mount.get("name"):
            found.append(required(f"{here}.name"))
        elif mount["name"] not in volumes:
            missing = f'Not found: "{mount["name"]}"'
            found.append(Cause(f"{here}.name", missing, "FieldValueNotFound"))
        found += _place_causes(mount.get("mountPath") or "", f"{here}.mountPath", places)
        within, expression = mount.get("subPath") or "", mount.get("subPathExpr") or ""
        if within and expression:
            wrong = "subPathExpr and subPath are mutually exclusive"
            found.append(invalid(f"{here}.subPathExpr", expression, wrong))
        for name, text in (("subPath", within), ("subPathExpr", expression)):
            found += _inside_causes(text, f"{path}.{name}") if text else []
            found += path_causes(text, f"{here}.{name}")
    return found


def path_causes(text: str, path: str) -> list[Cause]:
    """A cause if `text` has letters that no path of a container can have."""
    if _CONTROL.search(text):
        return [invalid(path, text, "must not contain control characters")]
    return []


def _place_causes(place: str, path: str, places: set[str]) -> list[Cause]:
    """What is wrong with a mountPath, after those in `places`, of which it then is one."""
    if not place:
        return [required(path)]
    found = [invalid(path, place, "must be unique")] if place in places else []
    places.add(place)
    if not place.strip("/."):
        found.append(invalid(path, place, "must not be the container's root"))
    return found + path_causes(place, path)


def _source_causes(source: Object, path: str, *, name_of_secret: str) -> list[Cause]:
    """What is wrong with a ConfigMap, Secret or downward API as the source of files."""
    found: list[Cause] = []
    for kind, name in (("configMap", "name"), ("secret", name_of_secret)):
        if (part := source.get(kind)) is None:
            continue
        here = f"{path}.{kind}"
        if not part.get(name):
            found.append(required(f"{here}.{name}"))
        found += _mode_causes(part, "defaultMode", here)
        for number, item in enumerate(part.get("items") or ()):
            found += _item_causes(item, f"{here}.items[{number}]")
    if (part := source.get("downwardAPI")) is not None:
        found += _downward_causes(part, f"{path}.downwardAPI")
    return found


def _item_causes(item: Object, path: str) -> list[Cause]:
    found = [] if item.get("key") else [required(f"{path}.key")]
    found += _file_causes(item.get("path") or "", f"{path}.path")
    return found + _mode_causes(item, "mode", path)


def _downward_causes(part: Object, path: str) -> list[Cause]:
    found = _mode_causes(part, "defaultMode", path)
    for item in part.get("items") or ():
        found += _file_causes(item.get("path") or "", f"{path}.path")
        if not (item.get("fieldRef") or item.get("resourceFieldRef")):
            found.append(required(path, "one of fieldRef and resourceFieldRef is required"))
        found += _mode_causes(item, "mode", path)
    return found


def _projected_causes(projected: Object, path: str) -> list[Cause]:
    found = _mode_causes(projected, "defaultMode", path)
    for number, source in enumerate(projected.get("sources") or ()):
        found += _source_causes(source, f"{path}.sources[{number}]", name_of_secret="name")
    return found


def _file_causes(text: str, path: str) -> list[Cause]:
    """What keeps `text` from being the path of a file in a volume."""
    if not text:
        return [required(path)]
    found = _inside_causes(text, path)
    if text.startswith("..") and not found:
        found.append(invalid(path, text, "must not start with '..'"))
    return found + path_causes(text, path)


def _inside_causes(text: str, path: str) -> list[Cause]:
    found = [invalid(path, text, "must be a relative path")] if text.startswith("/") else []
    if ".." in text.split("/"):
        found.append(invalid(path, text, "must not contain '..'"))
    return found


def _mode_causes(holder: Object, key: str, path: str) -> list[Cause]:
    mode: Any = holder.get(key)
    good = mode is None or 0 <= mode <= 0o777
    return [] if good else [invalid(f"{path}.{key}", mode, _MODE)]

"""Rules for the volumes of a template."""

from __future__ import annotations

from typing import Any, Final

from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.quantities import parse_quantity
from knlab.embedded.serving.config import FeaturesConfig
from knlab.embedded.serving.dns_names import is_label_1123
from knlab.embedded.serving.field_errors import (
    Errors,
    FieldError,
    disallowed,
    generic,
    invalid,
    missing,
    missing_one_of,
    multiple_one_of,
    via,
    via_index,
)
from knlab.embedded.serving.go_quantities import spelled_quantity
from knlab.embedded.serving.go_text import quoted

_ALWAYS: Final = ("secret", "configMap", "projected")
_GATED: Final = {
    "emptyDir": ("kubernetes.podspec-volumes-emptydir", "EmptyDir"),
    "persistentVolumeClaim": ("kubernetes.podspec-persistent-volume-claim", ""),
    "hostPath": ("kubernetes.podspec-volumes-hostpath", "HostPath"),
    "csi": ("kubernetes.podspec-volumes-csi", "CSI"),
    "ephemeral": ("kubernetes.podspec-volumes-ephemeral", "Ephemeral"),
    "image": ("kubernetes.podspec-volumes-image", "Image"),
}
_PULL_POLICIES: Final = ("Always", "IfNotPresent", "Never")
_PROJECTIONS: Final = ("secret", "configMap", "serviceAccountToken", "downwardAPI")


def volume_errors(spec: Object, features: FeaturesConfig) -> Errors:
    """What is wrong with the volumes of the pod spec `spec`."""
    containers = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    mounted = {mount.get("name") for item in containers for mount in item.get("volumeMounts") or ()}
    errors: Errors = []
    seen: set[str] = set()
    for index, volume in enumerate(spec.get("volumes") or ()):
        name = volume.get("name", "")
        found: Errors = []
        if name in seen:
            found += generic(f"duplicate volume name {quoted(name)}", "name")
        if name not in mounted:
            found += generic(f"volume with name {quoted(name)} not mounted", "name")
        seen.add(name)
        errors += via_index(found + _one_volume(volume, features), "volumes", index)
    return errors


def _one_volume(volume: Object, features: FeaturesConfig) -> Errors:
    name = volume.get("name", "")
    errors = _gate_errors(volume, features)
    if not name:
        errors = missing("name")
    elif not is_label_1123(name):
        errors = invalid(name, "name")
    allowed = [kind for kind, (feature, _) in _GATED.items() if features.allows(feature)]
    specified = [kind for kind in (*_ALWAYS, *_GATED) if volume.get(kind) is not None]
    unknown = sorted(
        kind
        for kind, value in volume.items()
        if kind != "name" and value is not None and kind not in (*_ALWAYS, *allowed)
    )
    if unknown:
        errors += disallowed(*unknown)
    errors += _source_errors(volume)
    if not specified:
        enabled = [kind for kind, (feature, _) in _GATED.items() if features.enabled(feature)]
        errors += missing_one_of(*_ALWAYS, *enabled)
    elif len(specified) > 1:
        errors += multiple_one_of(*specified)
    return errors


def _gate_errors(volume: Object, features: FeaturesConfig) -> Errors:
    errors: Errors = []
    claim = volume.get("persistentVolumeClaim")
    if claim is not None:
        name = claim.get("claimName", "")
        if not features.enabled(_GATED["persistentVolumeClaim"][0]):
            text = "Persistent volume claim support is disabled, but found persistent volume claim"
            errors.append(FieldError(f"{text} {name}"))
        writes = features.enabled("kubernetes.podspec-persistent-volume-write")
        if not claim.get("readOnly") and not writes:
            text = "Persistent volume write support is disabled, but found persistent volume claim"
            errors.append(FieldError(f"{text} {name} that is not read-only"))
    for kind, (feature, title) in _GATED.items():
        if title and volume.get(kind) is not None and not features.enabled(feature):
            text = f"{title} volume support is disabled, but found {title} volume"
            errors.append(FieldError(f"{text} {volume.get('name', '')}"))
    return errors


def _source_errors(volume: Object) -> Errors:
    errors: Errors = []
    for kind in ("secret", "configMap"):
        errors += _item_errors(volume.get(kind))
    for index, source in enumerate((volume.get("projected") or {}).get("sources") or ()):
        errors += via_index(_projection_errors(source), "projected", index)
    return errors + _directory_errors(volume) + _image_errors(volume)


def _directory_errors(volume: Object) -> Errors:
    directory = volume.get("emptyDir") or {}
    medium, size = directory.get("medium", ""), directory.get("sizeLimit")
    errors = [] if medium in {"", "Memory"} else invalid(medium, "medium")
    if size is not None and parse_quantity(size) < 0:
        errors += invalid(spelled_quantity(str(size)), "sizeLimit")
    return via(errors, "emptyDir")


def _image_errors(volume: Object) -> Errors:
    image = volume.get("image")
    if image is None:
        return []
    errors = [] if image.get("reference") else missing("reference")
    policy = image.get("pullPolicy", "")
    errors += [] if policy in {"", *_PULL_POLICIES} else invalid(policy, "pullPolicy")
    return via(errors, "image")


def _item_errors(source: Object | None) -> Errors:
    errors: Errors = []
    for index, item in enumerate((source or {}).get("items") or ()):
        found = [] if item.get("key") else missing("key")
        errors += via_index(found + ([] if item.get("path") else missing("path")), "items", index)
    return errors


def _projection_errors(source: Object) -> Errors:
    specified = [kind for kind in _PROJECTIONS if source.get(kind) is not None]
    errors: Errors = []
    for kind in ("secret", "configMap"):
        found: Any = source.get(kind)
        if found is not None:
            unnamed = [] if found.get("name") else missing("name")
            errors += via(unnamed + _item_errors(found), kind)
    token = source.get("serviceAccountToken")
    if token is not None and not token.get("path"):
        errors += via(missing("path"), "serviceAccountToken")
    for index, item in enumerate((source.get("downwardAPI") or {}).get("items") or ()):
        errors += via(via_index(_field_errors(item), "items", index), "downwardAPI")
    if not specified:
        return errors + missing_one_of(*_PROJECTIONS)
    return errors + multiple_one_of(*specified) if len(specified) > 1 else errors


def _field_errors(item: Object) -> Errors:
    given = [name for name in ("fieldRef", "resourceFieldRef") if item.get(name) is not None]
    errors: Errors = []
    if not given:
        errors = missing_one_of("fieldRef", "resourceFieldRef")
    elif len(given) > 1:
        errors = generic("Within a single item, cannot set both", *given)
    return errors + ([] if item.get("path") else missing("path"))

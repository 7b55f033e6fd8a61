"""Two versions of a template, leaf by leaf, in the words of Knative's immutability errors."""

from __future__ import annotations

from typing import Any, Final

_GO_NAMES: Final = {
    "httpGet": "HTTPGet", "tcpSocket": "TCPSocket", "grpc": "GRPC", "dnsPolicy": "DNSPolicy",
    "dnsConfig": "DNSConfig", "hostIPC": "HostIPC", "hostPID": "HostPID", "tty": "TTY",
    "httpHeaders": "HTTPHeaders", "metadata": "ObjectMeta", "csi": "CSI", "uid": "UID",
}  # fmt: skip
_EMBEDDED: Final = {
    "httpGet": "ProbeHandler", "tcpSocket": "ProbeHandler", "exec": "ProbeHandler",
    "grpc": "ProbeHandler",
}  # fmt: skip
_REVISION_FIELDS: Final = (
    "containerConcurrency", "timeoutSeconds", "responseStartTimeoutSeconds", "idleTimeoutSeconds",
)  # fmt: skip
_POINTERS: Final = frozenset(
    {
        *_REVISION_FIELDS, "enableServiceLinks", "automountServiceAccountToken", "runAsUser",
        "runAsGroup", "runAsNonRoot", "readOnlyRootFilesystem", "allowPrivilegeEscalation",
        "privileged", "runtimeClassName", "shareProcessNamespace",
    }
)  # fmt: skip
_ORDER: Final = (
    "metadata", "spec", "volumes", "initContainers", "containers", "name", "image", "command",
    "args", "workingDir", "ports", "envFrom", "env", "resources", "volumeMounts", "livenessProbe",
    "readinessProbe", "startupProbe", "terminationMessagePath", "terminationMessagePolicy",
    "imagePullPolicy", "securityContext", "serviceAccountName", *_REVISION_FIELDS,
)  # fmt: skip
_RANK: Final = {name: rank for rank, name in enumerate(_ORDER)}
_MAPS: Final = frozenset({"labels", "annotations", "requests", "limits"})


def template_difference(old: Any, new: Any) -> str:
    """The leaves in which two revision templates differ; empty if they do not."""
    return _difference("{*v1.RevisionTemplateSpec}", old, new, "template")


def revision_difference(old: Any, new: Any) -> str:
    """The leaves in which two revision specs differ; empty if they do not."""
    return _difference("{v1.RevisionSpec}", old, new, "spec")


def _difference(path: str, old: Any, new: Any, field: str) -> str:
    if old == new:
        return ""
    if isinstance(old, dict) and isinstance(new, dict):
        names = sorted({*old, *new}, key=lambda name: (_RANK.get(name, len(_RANK)), name))
        return "".join(
            _difference(_member(path, name, field), old.get(name), new.get(name), name)
            for name in names
        )
    if isinstance(old, list) and isinstance(new, list):
        return _list_difference(path, old, new, field)
    if isinstance(old or new, dict) and field not in _POINTERS and None in (old, new):
        return _difference(path, old or {}, new or {}, field)
    shown = f"*{path}" if field in _POINTERS and None not in (old, new) else path
    return f'{shown}:\n\t-: "{_shown(old, field)}"\n\t+: "{_shown(new, field)}"\n'


def _member(path: str, name: str, parent: str) -> str:
    if parent in _MAPS:
        return f'{path}["{name}"]'
    if parent == "spec" and name not in _REVISION_FIELDS:
        path = f"{path}.PodSpec"
    if parent.endswith("Probe") and name in _EMBEDDED:
        path = f"{path}.{_EMBEDDED[name]}"
    return f"{path}.{_GO_NAMES.get(name, name[:1].upper() + name[1:])}"


def _list_difference(path: str, old: list[Any], new: list[Any], field: str) -> str:
    shared = min(len(old), len(new))
    text = "".join(
        _difference(f"{path}[{index}]", old[index], new[index], field) for index in range(shared)
    )
    for index in range(shared, len(old)):
        text += f'{path}[{index}->?]:\n\t-: "{_shown(old[index], field)}"\n'
    for index in range(shared, len(new)):
        text += f'{path}[?->{index}]:\n\t+: "{_shown(new[index], field)}"\n'
    return text


def _shown(value: Any, field: str) -> str:
    if value is None:
        return "<nil>" if field in _POINTERS else ""
    return str(value).lower() if isinstance(value, bool) else str(value)

"""Request bodies in Kubernetes' protobuf, as JSON objects.

kubectl of 1.32 and newer sends them for commands that use typed clients (`create namespace`,
`auth can-i` …). Field numbers, names and types come from the table beside this module, which was
made from the `generated.proto` files of Kubernetes (k8s.io/api and k8s.io/apimachinery,
Apache-2.0): message → field number → [JSON name, `o`ptional | `r`epeated | `m`ap, type].

Go writes fields that are no pointers also when they are zero, so zeros are dropped, except where Go
has a pointer and an explicit zero means something.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any, Final, TypeAlias

import orjson

from knlab.embedded.kube.objects import Object

MEDIA_TYPE: Final = "application/vnd.kubernetes.protobuf"
MAGIC: Final = b"k8s\x00"

_META: Final = "k8s.io.apimachinery.pkg.apis.meta.v1."
_UNKNOWN: Final = "k8s.io.apimachinery.pkg.runtime.Unknown"

INLINED: Final = frozenset(
    {
        "volumeSource", "persistentVolumeSource", "handler", "localObjectReference",
        "ephemeralContainerCommon", "ingressRuleValue",
    }
)  # fmt: skip
"""Members that Go embeds: their fields belong to the message around them."""

_JSON_NAMES: Final = {"uID": "uid", "aPIGroup": "apiGroup"}
"""Fields that JSON spells otherwise."""

_BY_VALUE: Final = frozenset(
    {
        "metadata", "spec", "status", "strategy", "updateStrategy", "resources", "template",
        "state", "lastState", "loadBalancer", "nodeInfo", "source", "involvedObject", "regarding",
    }
)  # fmt: skip
"""Messages that Go keeps by value: empty means absent."""

_POINTERS: Final = frozenset(
    {
        "replicas", "minReplicas", "parallelism", "completions", "backoffLimit", "suspend",
        "backoffLimitPerIndex", "maxFailedIndexes", "activeDeadlineSeconds", "manualSelector",
        "ttlSecondsAfterFinished", "revisionHistoryLimit", "progressDeadlineSeconds",
        "successfulJobsHistoryLimit", "failedJobsHistoryLimit", "startingDeadlineSeconds",
        "partition", "gracePeriodSeconds", "orphanDependents", "terminationGracePeriodSeconds",
        "automountServiceAccountToken", "enableServiceLinks", "shareProcessNamespace", "hostUsers",
        "runAsNonRoot", "runAsUser", "runAsGroup", "fsGroup", "privileged", "readOnly",
        "allowPrivilegeEscalation", "readOnlyRootFilesystem", "immutable", "optional", "mode",
        "defaultMode", "expirationSeconds", "minDomains", "tolerationSeconds", "priority",
        "averageUtilization", "targetCPUUtilizationPercentage", "stabilizationWindowSeconds",
        "allocateLoadBalancerNodePorts", "controller", "blockOwnerDeletion", "leaseTransitions",
        "leaseDurationSeconds", "ready", "serving", "terminating", "started",
    }
)  # fmt: skip
"""Scalars that Go keeps by pointer, or always shows: zero is a value of its own."""

Fields: TypeAlias = Mapping[str, tuple[str, str, str]]
Wire: TypeAlias = int | bytes


class ProtobufError(ValueError):
    """Bytes that are no Kubernetes message, or one of a kind that the table does not have."""


def decode(body: bytes) -> Object:
    """The JSON object in `body`, with its apiVersion and kind.

    Raises:
        ProtobufError: if `body` is cut short, damaged, or of a kind without a table.
    """
    if not body.startswith(MAGIC):
        raise ProtobufError("provided data does not appear to be a protobuf message")
    envelope = _message(_UNKNOWN, body[len(MAGIC) :], raw=True)
    kind = envelope.get("typeMeta", {})
    api_version, name = kind.get("apiVersion", ""), kind.get("kind", "")
    message = _message_name(api_version, name)
    return {"apiVersion": api_version, "kind": name} | _message(message, envelope.get("raw", b""))


@cache
def messages() -> Mapping[str, Fields]:
    """The table: message → field number → name, form, type."""
    packed = files(__package__).joinpath("protobuf_fields.json.gz").read_bytes()
    table: Mapping[str, Fields] = orjson.loads(gzip.decompress(packed))
    return {
        message: {
            number: (_JSON_NAMES.get(name, name), form, type_name)
            for number, (name, form, type_name) in fields.items()
        }
        for message, fields in table.items()
    }


def _message_name(api_version: str, kind: str) -> str:
    group, _, version = api_version.rpartition("/")
    own = f"k8s.io.api.{group.partition('.')[0] or 'core'}.{version}.{kind}"
    for name in (own, _META + kind):
        if name in messages():
            return name
    raise ProtobufError(f"no protobuf message is known for kind {kind!r} in {api_version!r}")


def _message(name: str, data: bytes, *, raw: bool = False) -> Object:
    """The fields of message `name` in `data`; with `raw`, bytes stay bytes."""
    fields = messages()[name]
    found: Object = {}
    for number, value in _wire_fields(data):
        field = fields.get(str(number))
        if field is None:
            continue
        json_name, label, kind = field
        if label == "m":
            key, item = _map_entry(_as_bytes(value), kind)
            found.setdefault(json_name, {})[key] = item
        elif label == "r":
            found.setdefault(json_name, []).extend(_elements(kind, value))
        else:
            _set(found, name, json_name, value if raw and kind == "bytes" else _value(kind, value))
    return found


def _set(found: Object, message: str, name: str, value: Any) -> None:
    """Put `value` where JSON has it, unless JSON would leave it out."""
    if name in INLINED:
        found.update(value)
    elif not _left_out(message, name, value):
        found[name] = value


def _left_out(message: str, name: str, value: Any) -> bool:
    if value == {}:
        return name in _BY_VALUE
    if value in (0, "", False):
        return name not in _POINTERS or message.endswith("Status")
    return value is None


def _elements(kind: str, value: Wire) -> list[Any]:
    if isinstance(value, bytes) and kind in _NUMBERS:
        return [_value(kind, number) for number in _packed(value)]
    return [_value(kind, value)]


def _packed(data: bytes) -> Iterator[int]:
    position = 0
    while position < len(data):
        number, position = _varint(data, position)
        yield number


def _map_entry(data: bytes, kind: str) -> tuple[str, Any]:
    key, value = "", _EMPTY.get(kind)
    for number, wire in _wire_fields(data):
        if number == 1:
            key = _text(wire)
        elif number == 2:
            value = _value(kind, wire)
    return key, value


def _value(kind: str, wire: Wire) -> Any:
    special = _SPECIAL.get(kind)
    return special(wire) if special is not None else _message(kind, _as_bytes(wire))


def _as_bytes(wire: Wire) -> bytes:
    if isinstance(wire, int):
        raise ProtobufError("a number where a message was expected")
    return wire


def _text(wire: Wire) -> str:
    try:
        return _as_bytes(wire).decode()
    except UnicodeDecodeError as error:
        raise ProtobufError("text that is not UTF-8") from error


def _signed(wire: Wire) -> int:
    if isinstance(wire, bytes):
        raise ProtobufError("bytes where a number was expected")
    return wire - (1 << 64) if wire >= 1 << 63 else wire


def _plain(name: str) -> Callable[[Wire], Object]:
    return lambda wire: dict(_raw_fields(name, _as_bytes(wire)))


def _raw_fields(name: str, data: bytes) -> Iterator[tuple[str, Wire]]:
    fields = messages()[name]
    return ((fields[str(n)][0], value) for n, value in _wire_fields(data) if str(n) in fields)


def _time(wire: Wire) -> str | None:
    return _moment(_plain(_META + "Time")(wire), timespec="seconds")


def _micro_time(wire: Wire) -> str | None:
    return _moment(_plain(_META + "MicroTime")(wire), timespec="microseconds")


def _moment(fields: Object, *, timespec: str) -> str | None:
    if "seconds" not in fields:
        return None
    try:
        moment = datetime.fromtimestamp(_signed(fields["seconds"]), tz=UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise ProtobufError("a time that no calendar has") from error
    moment = moment.replace(microsecond=_signed(fields.get("nanos", 0)) // 1000 % 1_000_000)
    return moment.isoformat(timespec=timespec).replace("+00:00", "Z")


def _quantity(wire: Wire) -> str:
    fields = _plain("k8s.io.apimachinery.pkg.api.resource.Quantity")(wire)
    return _text(fields.get("string", b""))


def _int_or_string(wire: Wire) -> int | str:
    fields = _plain("k8s.io.apimachinery.pkg.util.intstr.IntOrString")(wire)
    if fields.get("type"):
        return _text(fields.get("strVal", b""))
    return _signed(fields.get("intVal", 0))


def _raw_json(wire: Wire) -> Any:
    raw = next((value for _, value in _wire_fields(_as_bytes(wire))), b"")
    try:
        return orjson.loads(_as_bytes(raw) or b"null")
    except orjson.JSONDecodeError as error:
        raise ProtobufError("an embedded object that is not JSON") from error


def _duration(wire: Wire) -> str:
    nanoseconds = _signed(_plain(_META + "Duration")(wire).get("duration", 0))
    return f"{nanoseconds / 1e9:g}s"


def _texts(wire: Wire) -> list[str]:
    return [_text(value) for number, value in _wire_fields(_as_bytes(wire)) if number == 1]


_SPECIAL: Final[Mapping[str, Callable[[Wire], Any]]] = {
    "string": _text,
    "bytes": lambda wire: base64.b64encode(_as_bytes(wire)).decode(),
    "bool": lambda wire: bool(_signed(wire)),
    "int32": _signed,
    "int64": _signed,
    _META + "Time": _time,
    _META + "MicroTime": _micro_time,
    _META + "Duration": _duration,
    _META + "FieldsV1": _raw_json,
    _META + "Verbs": _texts,
    "k8s.io.apimachinery.pkg.runtime.RawExtension": _raw_json,
    "k8s.io.apimachinery.pkg.api.resource.Quantity": _quantity,
    "k8s.io.apimachinery.pkg.util.intstr.IntOrString": _int_or_string,
    "k8s.io.api.authentication.v1.ExtraValue": _texts,
    "k8s.io.api.authorization.v1.ExtraValue": _texts,
    "k8s.io.api.certificates.v1.ExtraValue": _texts,
}
_NUMBERS: Final = frozenset({"bool", "int32", "int64"})
_EMPTY: Final[Mapping[str, Any]] = {"string": "", "bytes": ""}


def _wire_fields(data: bytes) -> Iterator[tuple[int, Wire]]:
    """(number, value) of each field in `data`: varints as numbers, everything else as bytes."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        number, wire_type = tag >> 3, tag & 7
        if number == 0:
            raise ProtobufError("field number 0")
        if wire_type == 0:
            value, position = _varint(data, position)
            yield number, value
            continue
        length, position = _length(data, position, wire_type)
        if position + length > len(data):
            raise ProtobufError("unexpected end of data")
        yield number, data[position : position + length]
        position += length


def _length(data: bytes, position: int, wire_type: int) -> tuple[int, int]:
    match wire_type:
        case 1:
            return 8, position
        case 2:
            return _varint(data, position)
        case 5:
            return 4, position
        case _:
            raise ProtobufError(f"wire type {wire_type}")


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(data):
            raise ProtobufError("unexpected end of data")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, position
    raise ProtobufError("a number of more than 64 bits")

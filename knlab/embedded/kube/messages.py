"""Kubernetes' API messages as Go structures, made from the table of their protobuf fields."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from typing import Final

from knlab.embedded.kube import protobuf
from knlab.embedded.kube.go_types import (
    BOOL,
    BYTES,
    FLOAT,
    INT32,
    INT64,
    STRING,
    TIME,
    Anything,
    IntOrString,
    List,
    Map,
    Member,
    Quantity,
    Scalar,
    Struct,
    Type,
)

_META: Final = "k8s.io.apimachinery.pkg.apis.meta.v1."
_SIMPLE: Final[Mapping[str, Type]] = {
    "string": STRING,
    "bool": BOOL,
    "int32": INT32,
    "int64": INT64,
    "double": FLOAT,
    "bytes": BYTES,
    _META + "Time": TIME,
    _META + "MicroTime": TIME,
    _META + "Duration": STRING,
    _META + "FieldsV1": Anything(),
    "k8s.io.apimachinery.pkg.runtime.RawExtension": Anything(),
    "k8s.io.apimachinery.pkg.util.intstr.IntOrString": IntOrString(),
    "k8s.io.apimachinery.pkg.api.resource.Quantity": Quantity(),
}
_NAMED_STRINGS: Final[Mapping[str, str]] = {
    "protocol": "v1.Protocol",
    "imagePullPolicy": "v1.PullPolicy",
    "restartPolicy": "v1.RestartPolicy",
    "dnsPolicy": "v1.DNSPolicy",
    "terminationMessagePolicy": "v1.TerminationMessagePolicy",
    "sessionAffinity": "v1.ServiceAffinity",
    "uid": "types.UID",
}
_RESOURCE_LIST: Final = Map(Quantity(), "v1.ResourceList")


@cache
def struct_of(message: str) -> Struct:
    """The structure of a message, by its full name: `k8s.io.api.apps.v1.Deployment`."""
    _, version, name = message.rsplit(".", 2)
    return Struct(f"{version}.{name}", partial(_members, message))


def kind_struct(group: str, version: str, kind: str) -> Struct | None:
    """The structure of a built-in kind; None if the table does not have it."""
    message = f"k8s.io.api.{group.partition('.')[0] or 'core'}.{version}.{kind}"
    return struct_of(message) if message in protobuf.messages() else None


@cache
def _members(message: str) -> Mapping[str, Member]:
    found: dict[str, Member] = {}
    for name, form, type_name in protobuf.messages()[message].values():
        if name in protobuf.INLINED:
            found |= _members(type_name)
        else:
            found[name] = Member(_type(name, form, type_name))
    return found


def _type(name: str, form: str, type_name: str) -> Type:
    one = _SIMPLE.get(type_name) or struct_of(type_name)
    if one is STRING and name in _NAMED_STRINGS:
        one = Scalar("string", _NAMED_STRINGS[name])
    if form == "r":
        return List(one)
    if form == "m":
        return _RESOURCE_LIST if isinstance(one, Quantity) else Map(one)
    return one


OBJECT_META: Final = struct_of(_META + "ObjectMeta")

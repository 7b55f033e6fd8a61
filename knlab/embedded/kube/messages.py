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
    MICRO_TIME,
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
    _META + "MicroTime": MICRO_TIME,
    _META + "Duration": STRING,
    _META + "FieldsV1": Anything(),
    "k8s.io.apimachinery.pkg.runtime.RawExtension": Anything(),
    "k8s.io.apimachinery.pkg.util.intstr.IntOrString": IntOrString(),
    "k8s.io.apimachinery.pkg.api.resource.Quantity": Quantity(),
}
_NAMED_STRINGS: Final[Mapping[str, str]] = {
    "protocol": "v1.Protocol",
    "imagePullPolicy": "v1.PullPolicy",
    "restartPolicy": "v1.ContainerRestartPolicy",
    "PodSpec.restartPolicy": "v1.RestartPolicy",
    "ContainerResizePolicy.restartPolicy": "v1.ResourceResizeRestartPolicy",
    "dnsPolicy": "v1.DNSPolicy",
    "preemptionPolicy": "v1.PreemptionPolicy",
    "terminationMessagePolicy": "v1.TerminationMessagePolicy",
    "mountPropagation": "v1.MountPropagationMode",
    "recursiveReadOnly": "v1.RecursiveReadOnlyMode",
    "medium": "v1.StorageMedium",
    "add": "v1.Capability",
    "drop": "v1.Capability",
    "procMount": "v1.ProcMountType",
    "fsGroupChangePolicy": "v1.PodFSGroupChangePolicy",
    "scheme": "v1.URIScheme",
    "effect": "v1.TaintEffect",
    "Toleration.operator": "v1.TolerationOperator",
    "NodeSelectorRequirement.operator": "v1.NodeSelectorOperator",
    "LabelSelectorRequirement.operator": "v1.LabelSelectorOperator",
    "whenUnsatisfiable": "v1.UnsatisfiableConstraintAction",
    "sessionAffinity": "v1.ServiceAffinity",
    "externalTrafficPolicy": "v1.ServiceExternalTrafficPolicy",
    "internalTrafficPolicy": "v1.ServiceInternalTrafficPolicy",
    "ipFamilies": "v1.IPFamily",
    "ipFamilyPolicy": "v1.IPFamilyPolicy",
    "ServiceSpec.type": "v1.ServiceType",
    "Secret.type": "v1.SecretType",
    "DeploymentStrategy.type": "v1.DeploymentStrategyType",
    "MetricSpec.type": "v2.MetricSourceType",
    "MetricTarget.type": "v2.MetricTargetType",
    "HPAScalingPolicy.type": "v2.HPAScalingPolicyType",
    "selectPolicy": "v2.ScalingPolicySelect",
    "completionMode": "v1.CompletionMode",
    "podReplacementPolicy": "v1.PodReplacementPolicy",
    "concurrencyPolicy": "v1.ConcurrencyPolicy",
    "unhealthyPodEvictionPolicy": "v1.UnhealthyPodEvictionPolicyType",
    "qosClass": "v1.PodQOSClass",
    "PodStatus.phase": "v1.PodPhase",
    "NodeStatus.phase": "v1.NodePhase",
    "NamespaceStatus.phase": "v1.NamespacePhase",
    "Condition.status": "v1.ConditionStatus",
    "uid": "types.UID",
}
"""Strings with types of their own, by field or by structure and field."""
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
            named = _named_string(message.rpartition(".")[2], name)
            found[name] = Member(_type(form, type_name, named))
    return found


def _named_string(struct: str, name: str) -> str:
    """The type of the strings in a field; empty if they are just strings."""
    if name in {"type", "status"} and struct.endswith("Condition") and struct != "Condition":
        return "v1.ConditionStatus" if name == "status" else f"v1.{struct}Type"
    return _NAMED_STRINGS.get(f"{struct}.{name}") or _NAMED_STRINGS.get(name, "")


def _type(form: str, type_name: str, named_string: str) -> Type:
    one = _SIMPLE.get(type_name) or struct_of(type_name)
    if one is STRING and named_string:
        one = Scalar("string", named_string)
    if form == "r":
        return List(one)
    if form == "m":
        return _RESOURCE_LIST if isinstance(one, Quantity) else Map(one)
    return one


OBJECT_META: Final = struct_of(_META + "ObjectMeta")

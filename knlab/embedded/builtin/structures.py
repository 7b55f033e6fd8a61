"""The Go structures of built-in kinds whose messages are not in the protobuf table."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

from knlab.embedded.kube.go_types import (
    BOOL,
    BYTES,
    FLOAT,
    INT32,
    INT64,
    STRING,
    TIME,
    Anything,
    List,
    Map,
    Member,
    Scalar,
    Struct,
    Type,
)
from knlab.embedded.kube.messages import OBJECT_META, kind_struct, struct_of
from knlab.embedded.kube.registry import Resource

_SELECTOR: Final = struct_of("k8s.io.apimachinery.pkg.apis.meta.v1.LabelSelector")
_TEXTS: Final = List(STRING)
_STRINGS: Final = ("format", "title", "description", "pattern", "$schema", "$ref", "id", "type")
_FLAGS: Final = (
    "exclusiveMaximum", "exclusiveMinimum", "uniqueItems", "nullable",
    "x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource",
    "x-kubernetes-int-or-string",
)  # fmt: skip
_COUNTS: Final = (
    "maxLength", "minLength", "maxItems", "minItems", "minProperties", "maxProperties",
)  # fmt: skip


def structure_of(row: Resource) -> Struct | None:
    """The structure of a built-in kind; None for kinds that are not decoded into one."""
    written = _written().get((row.group, row.kind))
    return written or kind_struct(row.group, row.version, row.kind)


def _struct(go: str, **members: Type) -> Struct:
    found = {name: Member(type_) for name, type_ in members.items()}
    return Struct(go, lambda: found)


def _schema_members() -> Mapping[str, Member]:
    schemas = Map(_SCHEMA, "map[string]v1.JSONSchemaProps")
    types: dict[str, Type] = {
        **dict.fromkeys(_STRINGS, STRING),
        **dict.fromkeys(_FLAGS, BOOL),
        **dict.fromkeys(_COUNTS, INT64),
        **dict.fromkeys(("maximum", "minimum", "multipleOf"), FLOAT),
        **dict.fromkeys(("properties", "patternProperties", "definitions"), schemas),
        **dict.fromkeys(("allOf", "oneOf", "anyOf"), List(_SCHEMA)),
        "not": _SCHEMA,
        "required": _TEXTS,
        "enum": List(Anything(), "[]v1.JSON"),
        "x-kubernetes-list-map-keys": _TEXTS,
        "x-kubernetes-list-type": STRING,
        "x-kubernetes-map-type": STRING,
    }
    return {name: Member(type_) for name, type_ in types.items()}


_SCHEMA: Final = Struct("v1.JSONSchemaProps", _schema_members)


@cache
def _written() -> Mapping[tuple[str, str], Struct]:
    kinds = (_custom_resource_definition(), _webhooks("Mutating"), _webhooks("Validating"))
    groups = ("apiextensions.k8s.io", *("admissionregistration.k8s.io",) * 2)
    return {(group, kind.name): kind for group, kind in zip(groups, kinds, strict=True)}


def _custom_resource_definition() -> Struct:
    names = _struct(
        "v1.CustomResourceDefinitionNames",
        plural=STRING, singular=STRING, kind=STRING, listKind=STRING, shortNames=_TEXTS,
        categories=_TEXTS,
    )  # fmt: skip
    column = _struct(
        "v1.CustomResourceColumnDefinition",
        name=STRING, type=STRING, format=STRING, description=STRING, priority=INT32,
        jsonPath=STRING,
    )  # fmt: skip
    scale = _struct(
        "v1.CustomResourceSubresourceScale",
        specReplicasPath=STRING, statusReplicasPath=STRING, labelSelectorPath=STRING,
    )  # fmt: skip
    empty = _struct("v1.CustomResourceSubresourceStatus")
    version = _struct(
        "v1.CustomResourceDefinitionVersion",
        name=STRING, served=BOOL, storage=BOOL, deprecated=BOOL, deprecationWarning=STRING,
        schema=_struct("v1.CustomResourceValidation", openAPIV3Schema=_SCHEMA),
        subresources=_struct("v1.CustomResourceSubresources", status=empty, scale=scale),
        additionalPrinterColumns=List(column),
        selectableFields=List(_struct("v1.SelectableField", jsonPath=STRING)),
    )  # fmt: skip
    condition = _struct(
        "v1.CustomResourceDefinitionCondition",
        type=Scalar("string", "v1.CustomResourceDefinitionConditionType"), reason=STRING,
        status=Scalar("string", "v1.ConditionStatus"), message=STRING, lastTransitionTime=TIME,
        observedGeneration=INT64,
    )  # fmt: skip
    spec = _struct(
        "v1.CustomResourceDefinitionSpec",
        group=STRING, names=names, scope=Scalar("string", "v1.ResourceScope"),
        versions=List(version), preserveUnknownFields=BOOL,
        conversion=_struct(
            "v1.CustomResourceConversion", strategy=Scalar("string", "v1.ConversionStrategyType")
        ),
    )  # fmt: skip
    status = _struct(
        "v1.CustomResourceDefinitionStatus",
        conditions=List(condition), acceptedNames=names, storedVersions=_TEXTS,
        observedGeneration=INT64,
    )  # fmt: skip
    return _struct("v1.CustomResourceDefinition", metadata=OBJECT_META, spec=spec, status=status)


def _webhooks(sort: str) -> Struct:
    service = _struct("v1.ServiceReference", namespace=STRING, name=STRING, path=STRING, port=INT32)
    client = _struct("v1.WebhookClientConfig", url=STRING, service=service, caBundle=BYTES)
    rule = _struct(
        "v1.RuleWithOperations",
        apiGroups=_TEXTS, apiVersions=_TEXTS, resources=_TEXTS,
        scope=Scalar("string", "v1.ScopeType"),
        operations=List(Scalar("string", "v1.OperationType")),
    )  # fmt: skip
    condition = _struct("v1.MatchCondition", name=STRING, expression=STRING)
    webhook = _struct(
        f"v1.{sort}Webhook",
        name=STRING, clientConfig=client, rules=List(rule), timeoutSeconds=INT32,
        failurePolicy=Scalar("string", "v1.FailurePolicyType"),
        matchPolicy=Scalar("string", "v1.MatchPolicyType"),
        sideEffects=Scalar("string", "v1.SideEffectClass"), namespaceSelector=_SELECTOR,
        objectSelector=_SELECTOR, admissionReviewVersions=_TEXTS, matchConditions=List(condition),
        reinvocationPolicy=Scalar("string", "v1.ReinvocationPolicyType"),
    )  # fmt: skip
    kind = f"v1.{sort}WebhookConfiguration"
    return _struct(kind, metadata=OBJECT_META, webhooks=List(webhook))

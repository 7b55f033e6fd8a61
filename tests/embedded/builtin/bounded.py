"""Namespaces with bounds, as the tests of ResourceQuotas and LimitRanges make them."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.builtin.kinds import LIMIT_RANGES, PODS, RESOURCE_QUOTAS
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.errors import StatusError
from knlab.embedded.kube.objects import GroupResource, Object


def obj(kind: str, name: str, api_version: str = "v1", **fields: Any) -> Object:
    metadata = {"name": name, "namespace": "default"} | fields.pop("metadata", {})
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


def quota(hard: Object, name: str = "q", **spec: Any) -> Object:
    return obj("ResourceQuota", name, spec={"hard": hard, **spec})


def limit_range(*items: Object, name: str = "l") -> Object:
    return obj("LimitRange", name, spec={"limits": list(items)})


def pod(*asked: Object, name: str = "p", **spec: Any) -> Object:
    """A pod whose containers a, b, … ask for what `asked` says."""
    made = [container("abc"[number], each) for number, each in enumerate(asked)]
    return obj("Pod", name, spec={"containers": made, **spec})


def container(name: str, asked: Object, **fields: Any) -> Object:
    return {"name": name, "image": "web:1", "resources": asked, **fields}


def limits(**amounts: str) -> Object:
    return {"limits": amounts}


def bound(api: Api, *bounds: Object) -> None:
    """Create quotas and limit ranges."""
    for each in bounds:
        api.create(RESOURCE_QUOTAS if each["kind"] == "ResourceQuota" else LIMIT_RANGES, each)


def created(api: Api, wanted: Object, kind: GroupResource = PODS) -> Object:
    return api.create(kind, wanted).object


def refusal(api: Api, wanted: Object, kind: GroupResource = PODS) -> str:
    """In which words the API refuses to create `wanted`."""
    with pytest.raises(StatusError) as refused:
        api.create(kind, wanted)
    return refused.value.message

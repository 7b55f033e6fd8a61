"""Objects of the kinds that these tests register, and how their writes are refused."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.kube.errors import StatusError
from knlab.embedded.kube.objects import GroupResource, Object

MAPS = GroupResource("", "configmaps")
SPACES = GroupResource("", "namespaces")
PODS = GroupResource("", "pods")
DEPLOYMENTS = GroupResource("apps", "deployments")
WIDGETS = GroupResource("ex.com", "widgets")


def config_map(name: str = "m1", namespace: str = "default", **more: Any) -> Object:
    metadata = {"name": name, "namespace": namespace, **more.pop("metadata", {})}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, **more}


def widget(name: str = "w1", metadata: dict[str, Any] | None = None, **more: Any) -> Object:
    fields = {"name": name, "namespace": "default", **(metadata or {})}
    return {"apiVersion": "ex.com/v1", "kind": "Widget", "metadata": fields, **more}


def deployment(name: str = "d1", **spec: Any) -> Object:
    fields = {"name": name, "namespace": "default"}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": fields, "spec": spec}


def refused(kind: type[StatusError], call: Any, *arguments: Any) -> str:
    with pytest.raises(kind) as caught:
        call(*arguments)
    return caught.value.message

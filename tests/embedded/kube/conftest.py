"""A small cluster for the server's tests: invented kinds, so that nothing relies on real ones."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from knlab._clock import ManualClock
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.backing import Lifecycle, ServerKinds
from knlab.embedded.kube.objects import GroupResource, Object
from knlab.embedded.kube.registry import Registry, Resource, ScalePaths
from knlab.embedded.kube.store import Store

SPACES = GroupResource("", "namespaces")
NOTICES = GroupResource("", "events")
KINDS = ServerKinds(
    namespaces=SPACES,
    events=NOTICES,
    mutating_webhooks=GroupResource(
        "admissionregistration.k8s.io", "mutatingwebhookconfigurations"
    ),
    validating_webhooks=GroupResource(
        "admissionregistration.k8s.io", "validatingwebhookconfigurations"
    ),
)
WIDGET_SCHEMA = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "properties": {
                "size": {"type": "integer", "minimum": 1, "default": 3},
                "color": {"type": "string", "enum": ["red", "blue"]},
                "parts": {
                    "type": "array",
                    "items": {"type": "object", "properties": {"name": {"type": "string"}}},
                },
            },
        },
        "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    },
}


def _webhook_row(name: GroupResource, kind: str) -> Resource:
    return Resource(
        group=name.group, version="v1", plural=name.plural, kind=kind, namespaced=False,
        has_status=False,
    )  # fmt: skip


ROWS = (
    Resource(
        group="", version="v1", plural="namespaces", kind="Namespace", namespaced=False,
        has_generation=False,
    ),
    Resource(
        group="", version="v1", plural="configmaps", kind="ConfigMap", has_status=False,
        has_generation=False,
    ),
    Resource(
        group="", version="v1", plural="events", kind="Event", has_status=False,
        has_generation=False, field_selectors=("reason",),
    ),
    Resource(group="", version="v1", plural="pods", kind="Pod", field_selectors=("status.phase",)),
    Resource(
        group="apps", version="v1", plural="deployments", kind="Deployment", scale=ScalePaths()
    ),
    Resource(
        group="ex.com", version="v1", plural="widgets", kind="Widget", strategic_merge=False,
        schema=WIDGET_SCHEMA, scale=ScalePaths(spec_replicas=".spec.size"),
    ),
    _webhook_row(KINDS.mutating_webhooks, "MutatingWebhookConfiguration"),
    _webhook_row(KINDS.validating_webhooks, "ValidatingWebhookConfiguration"),
)  # fmt: skip


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "store.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def lifecycle() -> Lifecycle:
    return Lifecycle()


@pytest.fixture
def api(store: Store, clock: ManualClock, lifecycle: Lifecycle) -> Api:
    made = Api(
        store, Registry(ROWS), clock, kinds=KINDS, lifecycle=lifecycle, randomness=random.Random(1)
    )
    made.create(SPACES, _namespace("default"))
    made.create(SPACES, _namespace("other"))
    return made


def _namespace(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}

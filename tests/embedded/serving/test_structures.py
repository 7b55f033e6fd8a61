"""Values of a wrong type in Knative's objects are refused in the words of a real webhook."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from knlab.embedded.kube.go_types import misfit
from knlab.embedded.kube.objects import Object
from knlab.embedded.serving import kinds
from knlab.embedded.serving.structures import STRUCTURES

SEEN = Path(__file__).parents[2] / "data/real/wrong-types.jsonl"
WEBHOOK = [
    said for line in SEEN.read_text().splitlines() if (said := json.loads(line))["by"] == "webhook"
]


@pytest.mark.parametrize("said", WEBHOOK, ids=str)
def test_a_service_is_complained_about_as_seen(said: Object) -> None:
    assert misfit(said["object"], STRUCTURES[kinds.SERVICES]) == said["complaint"]


@pytest.mark.parametrize(
    ("resource", "obj", "field", "go"),
    [
        (kinds.SERVICES, {"status": "x"}, "Service.status", "v1.ServiceStatus"),
        (
            kinds.SERVICES,
            {"status": {"conditions": "x"}},
            "ServiceStatus.status.Status.conditions",
            "v1.Conditions",
        ),
        (
            kinds.ROUTES,
            {"spec": {"traffic": [{"percent": "x"}]}},
            "TrafficTarget.spec.traffic.percent",
            "int64",
        ),
        (
            kinds.REVISIONS,
            {"spec": {"containers": [{"image": "a"}, {"ports": "x"}]}},
            "Container.spec.PodSpec.containers.ports",
            "[]v1.ContainerPort",
        ),
        (
            kinds.INGRESSES,
            {"spec": {"rules": ["x"]}},
            "IngressSpec.spec.rules",
            "v1alpha1.IngressRule",
        ),
        (
            kinds.POD_AUTOSCALERS,
            {"spec": {"reachability": "x"}, "status": {"desiredScale": "x"}},
            "PodAutoscalerStatus.status.desiredScale",
            "int32",
        ),
    ],
)
def test_other_kinds_say_where_and_what(resource: object, obj: Object, field: str, go: str) -> None:
    found = next(structure for name, structure in STRUCTURES.items() if name == resource)
    assert misfit(obj, found) == (
        f"json: cannot unmarshal string into Go struct field {field} of type {go}"
    )

"""What Kubernetes' own controllers make of Knative's objects, and the events of it all.

As in `test_golden`, against objects of real controllers; builders here are those of the autoscaler
and of the embedded Kubernetes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from knlab.embedded.builtin.controllers.deployment import sync_deployment
from knlab.embedded.builtin.controllers.endpointslice import sync_mirrored, sync_slices
from knlab.embedded.builtin.controllers.replicaset import pod_from
from knlab.embedded.kube.objects import Object, copy_json
from knlab.embedded.serving.config import parse_autoscaler
from knlab.embedded.serving.resources.metric import make_metric, make_serverless_service
from knlab.embedded.serving.scaling import decider_spec
from tests.embedded.serving.test_golden import GOLDEN, check_object, golden
from tests.factories import NOW, DictView

NAMESPACE = "default"
OF_THE_POD = {
    "nodeName", "preemptionPolicy", "priority", "serviceAccount", "serviceAccountName",
    "tolerations", "volumes",
}  # fmt: skip
"""What admission, defaults and the scheduler add to a pod's spec."""


def without(obj: Object, *paths: str) -> Object:
    """A copy of `obj` without what `paths` name."""
    kept: Object = copy_json(obj)
    for path in paths:
        *parents, last = path.split(".")
        inner = kept
        for part in parents:
            inner = inner[part]
        inner.pop(last, None)
    return kept


def test_a_pod_autoscaler_makes_a_metric() -> None:
    spec = decider_spec(golden("kpa"), parse_autoscaler({}))
    made = make_metric(golden("kpa"), spec, "hello-00001-private")
    check_object(made, golden("metric"))


def test_a_pod_autoscaler_makes_a_serverless_service() -> None:
    wanted = golden("sks")
    made = make_serverless_service(
        golden("kpa"), wanted["spec"]["mode"], wanted["spec"]["numActivators"]
    )
    check_object(made, wanted)


HASH = "pod-template-hash"
HASHED = (
    "metadata.name",
    f"metadata.labels.{HASH}",
    f"spec.selector.matchLabels.{HASH}",
    f"spec.template.metadata.labels.{HASH}",
)


def test_a_deployment_makes_a_replica_set() -> None:
    deployment, wanted = golden("deploy"), golden("rs")
    outcome = sync_deployment(DictView([deployment]), (NAMESPACE, "hello-00001-deployment"), NOW)
    made = outcome.writes[0].object
    hashes = {
        made["metadata"]["labels"][HASH],
        made["spec"]["selector"]["matchLabels"][HASH],
        made["spec"]["template"]["metadata"]["labels"][HASH],
        made["metadata"]["name"].rpartition("-")[2],
    }
    assert len(hashes) == 1
    check_object(without(made, *HASHED), without(wanted, *HASHED))


def test_a_replica_set_makes_a_pod() -> None:
    wanted = golden("po")
    made = pod_from(golden("rs"), wanted["metadata"]["name"])
    for container in wanted["spec"]["containers"]:
        [token] = container.pop("volumeMounts")
        assert token["mountPath"] == "/var/run/secrets/kubernetes.io/serviceaccount"
    check_object(made, without(wanted, *(f"spec.{name}" for name in OF_THE_POD)))


def slice_of(name: str) -> Object:
    listed = yaml.safe_load((GOLDEN / "endpointslice.yaml").read_text())["items"]
    found: Object = next(
        item for item in listed if item["metadata"]["labels"]["kubernetes.io/service-name"] == name
    )
    return found


def ports_in_order(obj: Object) -> Object:
    return obj | {"ports": sorted(obj["ports"], key=lambda port: str(port["name"]))}


def check_slice(made: Object, wanted: Object) -> None:
    annotations = wanted["metadata"].get("annotations") or {}
    annotations.pop("endpoints.kubernetes.io/last-change-trigger-time", None)
    for obj in (made, wanted):
        obj["metadata"].pop("name", None)
        if not obj["metadata"].get("annotations"):
            obj["metadata"].pop("annotations", None)
    check_object(ports_in_order(made), ports_in_order(wanted))


def test_public_endpoints_are_mirrored() -> None:
    key = (NAMESPACE, "hello-00001")
    view = DictView([golden("ep", "hello-00001"), golden("svc", "hello-00001")])
    made = sync_mirrored(view, key, NOW).writes[0].object
    check_slice(made, slice_of("hello-00001"))


def test_a_private_service_selects_its_pod() -> None:
    key = (NAMESPACE, "hello-00001-private")
    service = golden("svc", "hello-00001-private")
    made = sync_slices(DictView([service, golden("po")]), key, service, NOW).writes[0].object
    check_slice(made, slice_of("hello-00001-private"))


@pytest.mark.parametrize("kind", ["Service", "Configuration", "Revision", "Route"])
def test_a_ready_service_has_the_events_of_a_real_one(
    cluster: Any, make_hello: Callable[..., Object], kind: str
) -> None:
    cluster.apply(make_hello())
    cluster.settle()
    listed = yaml.safe_load((GOLDEN / "events.yaml").read_text())["items"]
    told = [
        event
        for event in listed
        if event["involvedObject"]["kind"] == kind
        and event["involvedObject"]["name"].startswith("hello")
        and event["type"] == "Normal"
    ]
    latest = told[-1]["involvedObject"]["uid"]
    wanted = [
        f"{event['reason']}: {event['message']}"
        for event in told
        if event["involvedObject"]["uid"] == latest
    ]
    assert cluster.events(kind) == wanted
    [source] = {event["source"]["component"] for event in told}
    assert cluster.named(source)

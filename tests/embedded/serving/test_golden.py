"""Builders against objects that real Knative controllers made out of a Service `hello`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from knlab.embedded.kube.objects import Object
from knlab.embedded.serving.config import (
    DomainConfig,
    FeaturesConfig,
    NetworkConfig,
    parse_autoscaler,
    parse_defaults,
    parse_deployment,
    parse_observability,
)
from knlab.embedded.serving.defaults import default_pod_autoscaler, default_service
from knlab.embedded.serving.domains import CLUSTER_LOCAL, EXTERNAL_IP, Naming
from knlab.embedded.serving.resources.deployment import RevisionConfig, make_deployment
from knlab.embedded.serving.resources.ingress import IngressPlan, make_ingress, make_placeholder
from knlab.embedded.serving.resources.podautoscaler import make_image, make_pod_autoscaler
from knlab.embedded.serving.resources.serverlessservice import (
    make_private_service,
    make_public_endpoints,
    make_public_service,
)
from knlab.embedded.serving.resources.service_children import (
    make_configuration,
    make_revision,
    make_route,
)
from knlab.embedded.serving.rollout import goal_of
from knlab.embedded.serving.traffic import resolve_traffic
from knlab.embedded.serving.validation_template import AdmissionConfig
from tests.factories import DictView

GOLDEN = Path(__file__).parents[2] / "data" / "golden"
CREATED = 1795427339.0  # 2026-11-23T09:48:59Z, when the golden objects were made

CONFIG = RevisionConfig(
    deployment=parse_deployment({"queue-sidecar-image": "knative.dev/queue:x"}),
    autoscaler=parse_autoscaler({}),
    defaults=parse_defaults({}),
    features=FeaturesConfig(),
    observability=parse_observability({}),
)
NAMING = Naming(
    NetworkConfig(ingress_class="kourier.ingress.networking.knative.dev"),
    DomainConfig(selectors={"127.0.0.1.sslip.io": {}}),
)

SERVER_SIDE = {
    "creationTimestamp", "generation", "resourceVersion", "uid", "finalizers",
    "deployment.kubernetes.io/revision", "serving.knative.dev/deployment-hash",
}  # fmt: skip
"""What the API server or another controller added, or what depends on Go's memory dumps."""

KUBERNETES_DEFAULTS: dict[str, Any] = {
    "protocol": "TCP", "imagePullPolicy": ..., "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File", "dnsPolicy": "ClusterFirst", "restartPolicy": "Always",
    "schedulerName": "default-scheduler", "securityContext": {}, "maxSurge": "25%",
    "scheme": "HTTP", "path": "/", "failureThreshold": 3, "periodSeconds": 10,
    "timeoutSeconds": 1, "apiVersion": "v1", "type": "ClusterIP", "sessionAffinity": "None",
    "clusterIP": ..., "clusterIPs": ..., "internalTrafficPolicy": "Cluster",
    "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack",
}  # fmt: skip
"""Fields that the Kubernetes API fills in when a builder leaves them out (... is any value)."""


def golden(name: str, item: str = "hello") -> Object:
    listed = yaml.safe_load((GOLDEN / f"{name}.yaml").read_text())["items"]
    found: Object = next(obj for obj in listed if obj["metadata"]["name"].startswith(item))
    return found


def without_server_side(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: without_server_side(inner)
            for key, inner in value.items()
            if key not in SERVER_SIDE
        }
    return [without_server_side(item) for item in value] if isinstance(value, list) else value


def check(made: Any, wanted: Any, path: str = "") -> None:
    """`made` says all that `wanted` says, except what Kubernetes fills in."""
    if isinstance(wanted, dict) and isinstance(made, dict):
        assert not set(made) - set(wanted), f"{path}: only made: {set(made) - set(wanted)}"
        for key, value in wanted.items():
            if key in made:
                check(made[key], value, f"{path}.{key}")
            else:
                default = KUBERNETES_DEFAULTS.get(key, "no default")
                assert default in (..., value), f"{path}.{key} is missing"
    elif isinstance(wanted, list) and isinstance(made, list):
        assert len(made) == len(wanted), path
        for index, (one, other) in enumerate(zip(made, wanted, strict=True)):
            check(one, other, f"{path}[{index}]")
    else:
        assert made == wanted, path


def check_object(made: Object, wanted: Object) -> None:
    made, wanted = without_server_side(made), without_server_side(wanted)
    for obj in (made, wanted):
        obj.pop("status", None)
    check(made, wanted)


def test_a_service_reads_back_with_defaults() -> None:
    wanted = golden("ksvc")
    container = {
        "env": [{"name": "TARGET", "value": "World"}],
        "image": "ghcr.io/knative/helloworld-go:latest",
        "ports": [{"containerPort": 8080, "protocol": "TCP"}],
    }
    applied: Object = {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {
            "name": "hello",
            "namespace": "default",
            "annotations": {
                key: value
                for key, value in wanted["metadata"]["annotations"].items()
                if key.startswith("kubectl")
            },
        },
        "spec": {"template": {"spec": {"containers": [container]}}},
    }
    config = AdmissionConfig(CONFIG.autoscaler, CONFIG.defaults, CONFIG.features)
    check_object(default_service(applied, None, config, "admin"), wanted)


@pytest.mark.parametrize("name", ["cfg", "rt"])
def test_a_service_makes(name: str) -> None:
    make = {"cfg": make_configuration, "rt": make_route}[name]
    check_object(make(golden("ksvc")), golden(name))


def test_a_configuration_makes_a_revision() -> None:
    check_object(make_revision(golden("cfg"), CREATED), golden("rev"))


def test_a_revision_makes_a_deployment() -> None:
    made = make_deployment(golden("rev"), CONFIG)
    check_object(made, golden("deploy"))
    names = [item["name"] for item in made["spec"]["template"]["spec"]["containers"][1]["env"]]
    wanted = golden("deploy")["spec"]["template"]["spec"]["containers"][1]["env"]
    assert names == [item["name"] for item in wanted]


def test_a_revision_makes_a_pod_autoscaler_and_the_webhook_completes_it() -> None:
    klass = "kpa.autoscaling.knative.dev"
    made = make_pod_autoscaler(golden("rev"), golden("deploy"), klass)
    config = AdmissionConfig(CONFIG.autoscaler, CONFIG.defaults, CONFIG.features)
    check_object(default_pod_autoscaler(made, None, config, "x"), golden("kpa"))


def test_a_revision_makes_an_image() -> None:
    check_object(make_image(golden("rev"), "user-container", ""), golden("image"))


def test_a_route_makes_an_ingress_and_a_placeholder() -> None:
    view = DictView([golden("cfg"), golden("rev")])
    traffic = resolve_traffic(view, golden("rt"))
    plan = IngressPlan(
        traffic=traffic,
        visibility={"": EXTERNAL_IP},
        naming=NAMING,
        rollout=goal_of(traffic.groups),
    )
    check_object(make_ingress(golden("rt"), plan), golden("king"))
    target = "kourier-internal.kourier-system.svc.cluster.local"
    check_object(make_placeholder(golden("rt"), "hello", target), golden("svc"))


def test_a_cluster_local_route_has_no_external_rule() -> None:
    view = DictView([golden("cfg"), golden("rev")])
    traffic = resolve_traffic(view, golden("rt"))
    plan = IngressPlan(
        traffic=traffic,
        visibility={"": CLUSTER_LOCAL},
        naming=NAMING,
        rollout=goal_of(traffic.groups),
    )
    rules = make_ingress(golden("rt"), plan)["spec"]["rules"]
    assert [rule["visibility"] for rule in rules] == ["ClusterLocal"]


def test_a_serverless_service_makes_its_services_and_endpoints() -> None:
    sks = golden("sks")
    selector = {"serving.knative.dev/revisionUID": "3ee10247-d845-474f-9260-a8d4af1ceba9"}
    check_object(make_public_service(sks), golden("svc", "hello-00001"))
    check_object(make_private_service(sks, selector), golden("svc", "hello-00001-private"))
    check_object(make_public_endpoints(sks, golden("ep")), golden("ep"))

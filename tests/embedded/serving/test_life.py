"""The life of a Service, with all controllers, the webhook and an obedient kubelet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from knlab.embedded.kube.objects import Object, condition, copy_json
from knlab.embedded.serving.kinds import (
    CONFIGURATIONS,
    CORE_SERVICES,
    DEPLOYMENTS,
    ENDPOINTS,
    IMAGES,
    INGRESSES,
    POD_AUTOSCALERS,
    PODS,
    REVISIONS,
    ROUTES,
    SERVERLESS_SERVICES,
    SERVICES,
)
from knlab.embedded.serving.routing import ingress_routes

Hello = Callable[..., Object]


def ready(obj: Object) -> tuple[str, str]:
    found = condition(obj, "Ready") or {}
    return found.get("status", ""), found.get("reason", "")


def test_a_fresh_service_becomes_ready_and_owns_what_knative_makes(
    cluster: Any, make_hello: Hello
) -> None:
    cluster.apply(make_hello())
    cluster.settle()
    service = cluster.get(SERVICES, "hello")
    assert ready(service) == ("True", "")
    assert service["status"]["url"] == "http://hello.default.example.com"
    assert service["status"]["address"] == {"url": "http://hello.default.svc.cluster.local"}
    assert service["status"]["latestReadyRevisionName"] == "hello-00001"
    assert service["status"]["traffic"] == [
        {"revisionName": "hello-00001", "percent": 100, "latestRevision": True}
    ]
    assert service["status"]["observedGeneration"] == 1
    assert cluster.names(CONFIGURATIONS) == cluster.names(ROUTES) == ["hello"]
    assert cluster.names(REVISIONS) == cluster.names(POD_AUTOSCALERS) == ["hello-00001"]
    assert cluster.names(DEPLOYMENTS) == ["hello-00001-deployment"]
    assert cluster.names(IMAGES) == ["hello-00001-cache-user-container"]
    assert cluster.names(SERVERLESS_SERVICES) == ["hello-00001"]
    assert cluster.names(INGRESSES) == ["hello"]
    assert cluster.names(CORE_SERVICES) == ["hello", "hello-00001", "hello-00001-private"]


def test_reasons_on_the_way_to_ready_are_knatives(cluster: Any, make_hello: Hello) -> None:
    cluster.port.gateway_ready = False
    cluster.apply(make_hello())
    cluster.settle()
    cluster.port.gateway_ready = True
    cluster.settle()
    assert cluster.reasons == [
        ("Unknown", "OutOfDate"),
        ("Unknown", "RevisionMissing"),
        ("Unknown", "IngressNotConfigured"),
        ("Unknown", "Uninitialized"),
        ("True", ""),
    ]


def test_events_are_knatives(cluster: Any, make_hello: Hello) -> None:
    cluster.apply(make_hello())
    cluster.settle()
    assert cluster.events("Service") == [
        'Created: Created Configuration "hello"',
        'Created: Created Route "hello"',
    ]
    assert cluster.events("Configuration") == [
        'Created: Created Revision "hello-00001"',
        "ConfigurationReady: Configuration becomes ready",
        'LatestReadyUpdate: LatestReadyRevisionName updated to "hello-00001"',
    ]
    assert cluster.events("Revision") == [
        "RevisionReady: Revision becomes ready upon all resources being ready"
    ]
    assert cluster.events("Route") == [
        'FinalizerUpdate: Updated "hello" finalizers',
        'Created: Created placeholder service "hello"',
        'Created: Created Ingress "hello"',
    ]
    assert cluster.events("Ingress") == ['FinalizerUpdate: Updated "hello" finalizers']


def test_digests_are_resolved_once_and_run(cluster: Any, make_hello: Hello) -> None:
    cluster.apply(make_hello())
    cluster.settle()
    digest = f"ghcr.io/knative/helloworld-go@sha256:{'0' * 64}"
    statuses = cluster.get(REVISIONS, "hello-00001")["status"]["containerStatuses"]
    assert statuses == [{"name": "user-container", "imageDigest": digest}]
    deployment = cluster.get(DEPLOYMENTS, "hello-00001-deployment")
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == digest


def test_a_new_template_makes_a_second_revision_and_moves_all_traffic(
    cluster: Any, make_hello: Hello
) -> None:
    cluster.apply(make_hello())
    cluster.settle()
    cluster.reasons.clear()
    cluster.apply(make_hello("ghcr.io/knative/helloworld-go:v2"))
    cluster.settle()
    service = cluster.get(SERVICES, "hello")
    assert cluster.names(REVISIONS) == ["hello-00001", "hello-00002"]
    assert ready(service) == ("True", "")
    assert service["status"]["traffic"][0]["revisionName"] == "hello-00002"
    assert [reason for _, reason in cluster.reasons] == [
        "OutOfDate", "", "TrafficNotMigrated", "IngressNotConfigured", "Uninitialized", "",
    ]  # fmt: skip
    old, new = (cluster.get(REVISIONS, f"hello-0000{number}") for number in (1, 2))
    assert old["metadata"]["labels"]["serving.knative.dev/routingState"] == "reserve"
    assert "serving.knative.dev/routes" not in old["metadata"]["annotations"]
    assert new["metadata"]["labels"]["serving.knative.dev/routingState"] == "active"
    assert cluster.get(POD_AUTOSCALERS, "hello-00001")["spec"]["reachability"] == "Unreachable"


def split(service: Object) -> Object:
    changed: Object = copy_json(service)
    changed["spec"]["traffic"] = [
        {"revisionName": "hello-00001", "percent": 50, "tag": "old"},
        {"latestRevision": True, "percent": 50},
    ]
    return changed


def test_a_split_shares_the_requests_and_a_tag_has_a_host(cluster: Any, make_hello: Hello) -> None:
    cluster.apply(make_hello())
    cluster.settle()
    cluster.apply(split(make_hello("ghcr.io/knative/helloworld-go:v2")))
    cluster.settle()
    service = cluster.get(SERVICES, "hello")
    assert ready(service) == ("True", "")
    assert service["status"]["traffic"] == [
        {
            "revisionName": "hello-00001",
            "percent": 50,
            "latestRevision": False,
            "tag": "old",
            "url": "http://old-hello.default.example.com",
        },
        {"revisionName": "hello-00002", "percent": 50, "latestRevision": True},
    ]
    assert "old-hello" in cluster.names(CORE_SERVICES)
    routes = ingress_routes(cluster.get(INGRESSES, "hello"), cluster.view)
    path = routes.external["hello.default.example.com"].paths[0]
    shares = [(item.service, item.percent, item.addresses) for item in path.splits]
    activator = (("10.0.0.1", 8012),)
    assert shares == [("hello-00001", 50, activator), ("hello-00002", 50, activator)]
    tagged = routes.external["old-hello.default.example.com"].paths[0].splits
    assert [(item.service, item.percent) for item in tagged] == [("hello-00001", 100)]
    assert "hello.default.svc.cluster.local" in routes.internal
    assert "hello.default.svc.cluster.local" not in routes.external
    ingress = cluster.get(INGRESSES, "hello")["metadata"]["annotations"]
    assert ingress["networking.internal.knative.dev/tag-to-host"] == (
        '{"old":["old-hello.default.svc.cluster.local","old-hello.default.example.com"]}'
    )


def test_a_tag_that_goes_takes_its_placeholder_with_it(cluster: Any, make_hello: Hello) -> None:
    cluster.apply(make_hello())
    cluster.settle()
    cluster.apply(split(make_hello("ghcr.io/knative/helloworld-go:v2")))
    cluster.settle()
    cluster.apply(make_hello("ghcr.io/knative/helloworld-go:v2"))
    cluster.settle()
    assert "old-hello" not in cluster.names(CORE_SERVICES)
    assert len(cluster.get(SERVICES, "hello")["status"]["traffic"]) == 1


def test_traffic_changes_make_no_revision(cluster: Any, make_hello: Hello) -> None:
    cluster.apply(make_hello())
    cluster.settle()
    changed = make_hello()
    changed["spec"]["traffic"] = [{"revisionName": "hello-00001", "percent": 100}]
    cluster.apply(changed)
    cluster.settle()
    assert cluster.names(REVISIONS) == ["hello-00001"]
    assert ready(cluster.get(SERVICES, "hello")) == ("True", "")


def test_scale_bounds_reach_the_pod_autoscaler(cluster: Any, make_hello: Hello) -> None:
    bounds = {"autoscaling.knative.dev/min-scale": "1", "autoscaling.knative.dev/max-scale": "5"}
    cluster.apply(make_hello(annotations=bounds))
    cluster.settle()
    annotations = cluster.get(POD_AUTOSCALERS, "hello-00001")["metadata"]["annotations"]
    assert bounds.items() <= annotations.items()
    deployment = cluster.get(DEPLOYMENTS, "hello-00001-deployment")
    assert not bounds.keys() & deployment["metadata"]["annotations"].keys()


def test_a_scaled_deployment_is_never_reset(cluster: Any, make_hello: Hello) -> None:
    cluster.apply(make_hello())
    cluster.settle()
    cluster.port.desired["default", "hello-00001"] = 3
    cluster.settle()
    assert cluster.get(DEPLOYMENTS, "hello-00001-deployment")["spec"]["replicas"] == 3
    assert len(cluster.names(PODS)) == 3
    revision = cluster.get(REVISIONS, "hello-00001")
    assert revision["status"]["actualReplicas"] == revision["status"]["desiredReplicas"] == 3


def test_scaled_to_zero_the_service_stays_ready(cluster: Any, make_hello: Hello) -> None:
    cluster.apply(make_hello())
    cluster.settle()
    cluster.port.desired["default", "hello-00001"] = 0
    for _ in range(4):
        cluster.now += 60
        cluster.settle()
    assert cluster.names(PODS) == []
    assert ready(cluster.get(SERVICES, "hello")) == ("True", "")
    revision = cluster.get(REVISIONS, "hello-00001")
    assert ready(revision) == ("True", "")
    active = condition(revision, "Active")
    assert active is not None
    assert (active["status"], active["reason"]) == ("False", "NoTraffic")
    assert ready(cluster.get(SERVERLESS_SERVICES, "hello-00001")) == (
        "Unknown",
        "NoHealthyBackends",
    )
    assert cluster.get(ENDPOINTS, "hello-00001")["subsets"][0]["addresses"] == [{"ip": "10.0.0.1"}]


def test_nothing_is_left_of_a_deleted_service(cluster: Any, make_hello: Hello) -> None:
    cluster.apply(make_hello())
    cluster.settle()
    del cluster.view.objects[SERVICES, ("default", "hello")]
    cluster.settle()
    cluster.settle()
    left = [
        str(resource) for resource, (namespace, _) in cluster.view.objects if namespace == "default"
    ]
    assert [name for name in left if name not in {"pods", "endpoints"}] == []


def test_an_image_that_cannot_be_resolved_says_so(cluster: Any, make_hello: Hello) -> None:
    image = "gcr.io/knative-samples/helloworld-go"
    why = 'Get "https://gcr.io/v2/": dial tcp: lookup gcr.io: no such host'
    cluster.failing_images[image] = why
    cluster.apply(make_hello(image))
    cluster.settle()
    service = cluster.get(SERVICES, "hello")
    assert ready(service) == ("False", "RevisionMissing")
    text = f'Unable to fetch image "{image}": failed to resolve image to digest: {why}'
    configurations = condition(service, "ConfigurationsReady")
    assert configurations is not None
    assert configurations["reason"] == "RevisionFailed"
    assert configurations["message"] == f'Revision "hello-00001" failed with message: {text}.'
    routes = condition(service, "RoutesReady")
    assert routes is not None
    assert routes["message"] == 'Configuration "hello" does not have any ready Revision.'
    revision = cluster.get(REVISIONS, "hello-00001")
    assert ready(revision) == ("False", "ContainerMissing")
    available = condition(revision, "ResourcesAvailable")
    assert available is not None
    assert (available["status"], available["reason"]) == ("Unknown", "ResolvingDigests")
    assert service["status"]["url"] == "http://hello.default.example.com"
    assert "latestReadyRevisionName" not in service["status"]


def test_a_failed_update_leaves_the_old_revision_serving(cluster: Any, make_hello: Hello) -> None:
    cluster.apply(make_hello())
    cluster.settle()
    cluster.failing_images["nobody/nothing:v2"] = "not found"
    cluster.apply(make_hello("nobody/nothing:v2"))
    cluster.settle()
    service = cluster.get(SERVICES, "hello")
    assert ready(service) == ("False", "RevisionFailed")
    assert service["status"]["latestCreatedRevisionName"] == "hello-00002"
    assert service["status"]["latestReadyRevisionName"] == "hello-00001"
    routes = ingress_routes(cluster.get(INGRESSES, "hello"), cluster.view)
    splits = routes.external["hello.default.example.com"].paths[0].splits
    assert [item.service for item in splits] == ["hello-00001"]


def test_an_own_revision_name_is_used_and_may_not_be_reused(
    cluster: Any, make_hello: Hello
) -> None:
    cluster.apply(make_hello(name="hello-first"))
    cluster.settle()
    assert cluster.names(REVISIONS) == ["hello-first"]
    with pytest.raises(Exception, match="without a name change") as refused:
        cluster.apply(make_hello("ghcr.io/knative/helloworld-go:v2", name="hello-first"))
    text = str(refused.value)
    assert "{*v1.RevisionTemplateSpec}.Spec.PodSpec.Containers[0].Image:" in text
    assert '\t-: "ghcr.io/knative/helloworld-go:latest"\n' in text
    assert '\t+: "ghcr.io/knative/helloworld-go:v2"\n' in text


def test_a_missing_traffic_target_freezes_the_routing(cluster: Any, make_hello: Hello) -> None:
    cluster.apply(make_hello())
    cluster.settle()
    before = cluster.get(INGRESSES, "hello")["spec"]
    changed = make_hello()
    changed["spec"]["traffic"] = [{"revisionName": "hello-gone", "percent": 100}]
    cluster.apply(changed)
    cluster.settle()
    service = cluster.get(SERVICES, "hello")
    assert ready(service) == ("False", "RevisionMissing")
    found = condition(service, "Ready")
    assert found is not None
    assert found["message"] == 'Revision "hello-gone" referenced in traffic not found.'
    assert cluster.get(INGRESSES, "hello")["spec"] == before


def test_a_patched_configuration_is_reverted(cluster: Any, make_hello: Hello) -> None:
    cluster.apply(make_hello())
    cluster.settle()
    kept = cluster.view.objects[CONFIGURATIONS, ("default", "hello")]
    kept["spec"]["template"]["spec"]["containers"][0]["image"] = "other:v1"
    kept["metadata"]["generation"] += 1
    cluster.settle()
    assert cluster.names(REVISIONS)[-1] == "hello-00003"
    assert ready(cluster.get(SERVICES, "hello")) == ("True", "")


def test_a_gradual_rollout_starts_with_one_percent(cluster: Any, make_hello: Hello) -> None:
    slow = {"serving.knative.dev/rollout-duration": "10s"}
    first, second = make_hello(), make_hello("ghcr.io/knative/helloworld-go:v2")
    first["metadata"]["annotations"] = second["metadata"]["annotations"] = slow
    cluster.apply(first)
    cluster.settle()
    cluster.apply(second)
    for _ in range(12):
        cluster.step()
    route = cluster.get(ROUTES, "hello")
    shares = [(item["revisionName"], item["percent"]) for item in route["status"]["traffic"]]
    assert shares == [("hello-00001", 99), ("hello-00002", 1)]
    assert ready(route) == ("Unknown", "RolloutInProgress")
    for _ in range(20):
        cluster.now += 2
        cluster.step()
    assert ready(cluster.get(SERVICES, "hello")) == ("True", "")
    traffic = cluster.get(SERVICES, "hello")["status"]["traffic"]
    assert [(item["revisionName"], item["percent"]) for item in traffic] == [("hello-00002", 100)]

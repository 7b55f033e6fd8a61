"""What the webhook fills in, warns of and refuses: objects in, texts out."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.kube.admission import AdmissionResult, AdmissionReview
from knlab.embedded.kube.objects import GroupResource, Object, copy_json
from knlab.embedded.serving.kinds import (
    CONFIG_MAPS,
    CONFIGURATIONS,
    DOMAIN_MAPPINGS,
    INGRESSES,
    POD_AUTOSCALERS,
    REVISIONS,
    ROUTES,
    SERVICES,
)
from knlab.embedded.serving.webhook import (
    CONFIG_VALIDATION_PATH,
    DEFAULTING_PATH,
    VALIDATION_PATH,
    example_checksum,
    webhook_backend,
)
from tests.factories import DictView, make

T = "spec.template."
A = "spec.template.metadata.annotations.autoscaling.knative.dev/"
DNS = (
    "[a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an"
    " alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123',"
    " regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')]"
)
INSECURE = (
    "Kubernetes default value is insecure, Knative may default this to secure in a future release:"
    " spec.template.spec.containers[0].securityContext.allowPrivilegeEscalation,"
    " spec.template.spec.containers[0].securityContext.capabilities,"
    " spec.template.spec.containers[0].securityContext.runAsNonRoot,"
    " spec.template.spec.containers[0].securityContext.seccompProfile"
)


def service(
    *, template: Object | None = None, traffic: list[Object] | None = None, **spec: Any
) -> Object:
    body = {"containers": [{"image": "x/y"}]} | spec
    found: Object = {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": "hello", "namespace": "ns"},
        "spec": {"template": {"spec": body}},
    }
    if template is not None:
        found["spec"]["template"]["metadata"] = template
    if traffic is not None:
        found["spec"]["traffic"] = traffic
    return found


def container(**fields: Any) -> Object:
    return service(containers=[{"image": "x/y"} | fields])


def annotated(**annotations: str) -> Object:
    named = {
        f"autoscaling.knative.dev/{key.replace('_', '-')}": value
        for key, value in annotations.items()
    }
    return service(template={"annotations": named})


def ask(
    path: str,
    resource: GroupResource,
    obj: Object | None,
    old: Object | None = None,
    *,
    view: DictView | None = None,
    user: str = "admin",
    subresource: str = "",
) -> AdmissionResult:
    name = (obj or {}).get("metadata", {}).get("name", "")
    review = AdmissionReview(
        path=path,
        operation="UPDATE" if old else "CREATE",
        resource=resource,
        subresource=subresource,
        kind=(obj or {}).get("kind", ""),
        namespace="ns",
        name=name,
        object=copy_json(obj),
        old=copy_json(old),
        user=user,
        dry_run=False,
    )
    return webhook_backend(view or DictView())(review)


def admit(
    obj: Object,
    old: Object | None = None,
    *,
    resource: GroupResource = SERVICES,
    view: DictView | None = None,
    user: str = "admin",
) -> AdmissionResult:
    """Defaulting, then validation; the object of the first with the verdict of the second."""
    filled = ask(DEFAULTING_PATH, resource, obj, old, view=view, user=user).object or obj
    verdict = ask(VALIDATION_PATH, resource, filled, old, view=view, user=user)
    return AdmissionResult(object=filled, denied=verdict.denied, warnings=verdict.warnings)


def denied(obj: Object, old: Object | None = None, **more: Any) -> str:
    return admit(obj, old, **more).denied.removeprefix("validation failed: ")


def with_config(name: str, **values: str) -> DictView:
    data = {key.replace("_", "-"): value for key, value in values.items()}
    return DictView([make("v1", "ConfigMap", name, "knative-serving", data=data)])


def test_a_plain_service_is_allowed_with_one_warning() -> None:
    result = admit(service())
    assert result.denied == ""
    assert result.warnings == (INSECURE,)


@pytest.mark.parametrize(
    ("obj", "text"),
    [
        (service() | {"metadata": {"name": "Hello"}},
         f"not a DNS 1035 label: {DNS}: metadata.name"),
        (service() | {"metadata": {"name": "h" * 64}},
         "not a DNS 1035 label: [must be no more than 63 characters]: metadata.name"),
        (service(template={"name": "foo"}),
         f'invalid value: "foo" must have prefix "hello-": {T}metadata.name'),
        (service(template={"name": "hello-X"}),
         f"invalid value: not a DNS 1035 label: {DNS}: {T}metadata.name"),
        (service(containers=[]), f"missing field(s): {T}spec.containers"),
        (service(containers=[{"name": "a"}]), f"missing field(s): {T}spec.containers[0].image"),
        (container(image="UPPER/case"),
         (f"Failed to parse image reference: {T}spec.containers[0].image\n"
         'image: "UPPER/case", error: could not parse reference: UPPER/case')),
        (container(ports=[{"containerPort": 80}, {"containerPort": 81}]),
         (f"more than one container port is set: {T}spec.containers[*].ports\n"
         "Only a single port is allowed across all containers")),
        (service(containers=[{"image": "aa", "name": "a"}, {"image": "bb", "name": "b"}]),
         f"missing field(s): {T}spec.containers[*].ports"),
        (container(ports=[{"containerPort": 80, "name": "foo"}]),
         (f"Port name foo is not allowed: {T}spec.containers[0].ports\n"
         "Name must be empty, or one of: 'h2c', 'http1'")),
        (container(ports=[{"containerPort": 8012}]),
         (f"invalid value: 8012 is a reserved port: {T}spec.containers[0].ports.containerPort\n"
         "8012 is a reserved port, please use a different value")),
        (container(ports=[{"containerPort": 70000}]),
         f"expected 0 <= 70000 <= 65535: {T}spec.containers[0].ports.containerPort"),
        (container(ports=[{"containerPort": 80, "protocol": "UDP"}]),
         f"invalid value: UDP: {T}spec.containers[0].ports.protocol"),
        (container(ports=[{"containerPort": 80, "hostPort": 80}]),
         f"must not set the field(s): {T}spec.containers[0].ports.hostPort"),
        (container(env=[{"name": "PORT", "value": "1"}]),
         f'"PORT" is a reserved environment variable: {T}spec.containers[0].env[0].name'),
        (container(env=[{"value": "1"}]), f"missing field(s): {T}spec.containers[0].env[0].name"),
        (container(name="queue-proxy"),
         f'"queue-proxy" is a reserved container name: {T}spec.containers[0].name'),
        (container(lifecycle={"preStop": {}}),
         f"must not set the field(s): {T}spec.containers[0].lifecycle"),
        (service(nodeSelector={"a": "b"}), f"must not set the field(s): {T}spec.nodeSelector"),
        (service(initContainers=[{"image": "x"}]),
         ("must not set the field(s): spec.template.spec.initContainers\n"
         "pod spec support for init-containers is off, but found 1 init containers: ")),
        (service(volumes=[{"name": "v", "emptyDir": {}}]),
         f'volume with name "v" not mounted: {T}spec.volumes[0].name'),
        (container(volumeMounts=[{"name": "v", "mountPath": "/x"}]),
         f"volumeMount has no matching volume: {T}spec.containers[0].volumeMounts[0].name"),
        (service(volumes=[{"name": "v", "emptyDir": {}}],
                 containers=[{"image": "x/y", "volumeMounts": [
                     {"name": "v", "mountPath": "/dev/"}]}]),
         f'mountPath "/dev" is a reserved path: {T}spec.containers[0].volumeMounts[0].mountPath'),
        (service(volumes=[{"name": "v", "hostPath": {"path": "/"}}],
                 containers=[{"image": "x/y", "volumeMounts": [{"name": "v", "mountPath": "/x"}]}]),
         ("HostPath volume support is disabled, but found HostPath volume v: \n"
         f"must not set the field(s): {T}spec.volumes[0].hostPath")),
        (container(readinessProbe={"failureThreshold": 3, "httpGet": {"path": "/"}}),
         ("failureThreshold is disallowed when periodSeconds is zero:"
         f" {T}spec.containers[0].readinessProbe.failureThreshold")),
        (container(livenessProbe={"tcpSocket": {"port": "imap"}}),
         (f"invalid value: imap: {T}spec.containers[0].livenessProbe.tcpSocket.port\n"
         "Probe port must match container port")),
        (container(livenessProbe={}),
         (f"expected exactly one, got neither: {T}spec.containers[0].livenessProbe.exec,"
         f" {T}spec.containers[0].livenessProbe.grpc, {T}spec.containers[0].livenessProbe.httpGet,"
         f" {T}spec.containers[0].livenessProbe.tcpSocket")),
        (container(securityContext={"privileged": True}),
         f"must not set the field(s): {T}spec.containers[0].securityContext.privileged"),
        (service(containerConcurrency=2000),
         f"expected 0 <= 2000 <= 1000: {T}spec.containerConcurrency"),
        (service(timeoutSeconds=6000), f"expected 0 <= 6000 <= 600: {T}spec.timeoutSeconds"),
    ],
)  # fmt: skip
def test_templates_that_are_refused(obj: Object, text: str) -> None:
    assert denied(obj) == text


@pytest.mark.parametrize(
    ("traffic", "text"),
    [
        ([{"percent": 90}], "Traffic targets sum to 90, want 100: spec.traffic"),
        ([{"percent": -5}, {"percent": 105, "revisionName": "a"}],
         ("expected 0 <= -5 <= 100: spec.traffic[0].percent\n"
         "expected 0 <= 105 <= 100: spec.traffic[1].percent")),
        ([{"percent": 100, "tag": "foo"}, {"revisionName": "a", "tag": "foo"}],
         'Multiple definitions for "foo": spec.traffic[0].tag, spec.traffic[1].tag'),
        ([{"percent": 100, "tag": "Foo"}],
         f"invalid value: not a DNS 1035 label: {DNS}: spec.traffic.tag[0]"),
        ([{"percent": 100, "latestRevision": True, "revisionName": "x"}],
         ('may not set revisionName "x" when latestRevision is true:'
         " spec.traffic[0].latestRevision")),
        ([{"percent": 100, "latestRevision": False}],
         ('may not set revisionName "" when latestRevision is false:'
         " spec.traffic[0].latestRevision")),
        ([{"percent": 100, "configurationName": "c"}],
         "must not set the field(s): spec.traffic[0].configurationName"),
        ([{"percent": 100, "url": "http://x"}],
         "must not set the field(s): spec.traffic[0].url"),
    ],
)  # fmt: skip
def test_traffic_that_is_refused(traffic: list[Object], text: str) -> None:
    assert denied(service(traffic=traffic)) == text


def test_a_revision_name_of_wrong_characters() -> None:
    text = denied(service(traffic=[{"percent": 100, "revisionName": "b ar"}]))
    assert text.startswith(
        'invalid key name "b ar": spec.traffic[0].revisionName\nname part must consist of'
    )


@pytest.mark.parametrize(
    ("obj", "text"),
    [
        (annotated(min_scale="5", max_scale="2"),
         f"max-scale=2 is less than min-scale=5: {A}max-scale, {A}min-scale"),
        (annotated(min_scale="foo"), f"invalid value: foo: {A}min-scale"),
        (annotated(minScale="x"), f"invalid value: x: {A}minScale"),
        (annotated(min_scale="-1"), f"expected 0 <= -1 <= 2147483647: {A}min-scale"),
        (annotated(max_scale="3000000000"),
         f"expected 0 <= 3000000000 <= 2147483647: {A}max-scale"),
        (annotated(window="1s"), f"expected 6s <= 1s <= 1h0m0s: {A}window"),
        (annotated(window="6500ms"),
         f"must be specified with at most second precision: {A}window"),
        (annotated(target="0"), f"target 0 should be at least 0.01: {A}target"),
        (annotated(target_burst_capacity="-11"), f"invalid value: -11: {A}target-burst-capacity"),
        (annotated(target_utilization_percentage="101"),
         f"expected 1 <= 101 <= 100: {A}target-utilization-percentage"),
        (annotated(panic_threshold_percentage="10"),
         f"expected 110 <= 10 <= 1000: {A}panic-threshold-percentage"),
        (annotated(metric="cpu"), f"invalid value: cpu: {A}metric"),
        (annotated(**{"class": "unsupported.knative.dev"}),
         f"invalid value: unsupported.knative.dev: {A}class"),
        (annotated(initial_scale="0"),
         f"invalid value: 0: {A}initial-scale=0 not allowed by cluster"),
        (annotated(initial_scale="-1"),
         f"invalid value: -1: {A}initial-scale must be greater than 0"),
        (annotated(activation_scale="2", min_scale="3"),
         f"min-scale=3 is greater than activation-scale=2: {A}activation-scale"),
        (annotated(activation_scale="2", max_scale="1"),
         f"max-scale=1 is less than activation-scale=2: {A}activation-scale"),
        (annotated(activation_scale="1"),
         f"activation-scale=1 must be greater than 1: {A}activation-scale"),
        (annotated(scale_down_delay="2h"), f"expected 0s <= 2h <= 1h0m0s: {A}scale-down-delay"),
        (service(template={"annotations": {"networking.knative.dev/visibility": "x"}}),
         ('invalid key name "networking.knative.dev/visibility":'
         " spec.template.metadata.annotations")),
        (service(template={"annotations": {"serving.knative.dev/progress-deadline": "-1m3s"}}),
         (f"progress-deadline=-1m3s must be positive:"
         f" {T}metadata.annotations.serving.knative.dev/progress-deadline")),
        (service(template={"annotations": {
            "queue.sidecar.serving.knative.dev/resource-percentage": "200"}}),
         (f"expected 0.1 <= 200 <= 100:"
         f" {T}metadata.annotations.[queue.sidecar.serving.knative.dev/resource-percentage]")),
    ],
)  # fmt: skip
def test_annotations_that_are_refused(obj: Object, text: str) -> None:
    assert denied(obj) == text


def test_autoscaling_annotations_belong_to_the_template() -> None:
    obj = service()
    obj["metadata"]["annotations"] = {"autoscaling.knative.dev/min-scale": "1"}
    assert denied(obj) == (
        'invalid key name "autoscaling.knative.dev/min-scale": metadata.annotations\n'
        'autoscaling annotations must be put under "spec.template.metadata.annotations" to work'
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x", "invalid value: x: "),
        ("-1s", "rollout-duration=-1s must be positive: "),
        ("1ms", "rollout-duration=1ms is not at second precision: "),
    ],
)
def test_rollout_durations_that_are_refused(value: str, text: str) -> None:
    obj = service()
    obj["metadata"]["annotations"] = {"serving.knative.dev/rollout-duration": value}
    assert denied(obj) == f"{text}metadata.annotations.serving.knative.dev/rollout-duration"


def test_equal_messages_unite_and_different_ones_are_sorted() -> None:
    obj = service(containers=[{"name": "a", "stdin": True, "tty": True, "env": [{"name": "PORT"}]}])
    assert denied(obj).splitlines() == [
        f'"PORT" is a reserved environment variable: {T}spec.containers[0].env[0].name',
        f"missing field(s): {T}spec.containers[0].image",
        f"must not set the field(s): {T}spec.containers[0].stdin, {T}spec.containers[0].tty",
    ]


def test_features_open_what_is_closed() -> None:
    view = with_config("config-features", **{"kubernetes.podspec-nodeselector": "enabled"})
    assert denied(service(nodeSelector={"a": "b"}), view=view) == ""
    secure = with_config("config-features", secure_pod_defaults="enabled")
    result = admit(service(), view=secure)
    assert result.warnings == ()
    assert result.object is not None
    context = result.object["spec"]["template"]["spec"]["containers"][0]["securityContext"]
    assert context == {
        "allowPrivilegeEscalation": False,
        "seccompProfile": {"type": "RuntimeDefault"},
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
    }


def test_cluster_limits_come_from_the_config_maps() -> None:
    view = with_config("config-autoscaler", max_scale_limit="10", max_scale="5")
    assert denied(annotated(max_scale="11"), view=view) == f"expected 1 <= 11 <= 10: {A}max-scale"
    assert denied(annotated(max_scale="0"), view=view) == (
        f"max-scale=0 (unlimited), must be less than 10: {A}max-scale"
    )


def test_updates_know_who_made_and_who_changed() -> None:
    made = admit(service()).object
    assert made is not None
    annotations = made["metadata"]["annotations"]
    assert annotations["serving.knative.dev/creator"] == "admin"
    relabelled = copy_json(made)
    relabelled["metadata"]["labels"] = {"a": "b"}
    again = admit(relabelled, made, user="other").object
    assert again is not None
    assert again["metadata"]["annotations"]["serving.knative.dev/lastModifier"] == "admin"
    changed = copy_json(made)
    changed["spec"]["template"]["spec"]["timeoutSeconds"] = 20
    later = admit(changed, made, user="other").object
    assert later is not None
    assert later["metadata"]["annotations"]["serving.knative.dev/lastModifier"] == "other"
    forged = copy_json(made)
    forged["metadata"]["annotations"]["serving.knative.dev/creator"] = "me"
    forged["metadata"]["annotations"]["serving.knative.dev/lastModifier"] = "u2"
    assert denied(forged, made) == (
        "annotation value is immutable: metadata.annotations.serving.knative.dev/creator\n"
        "invalid value: u2: metadata.annotations.serving.knative.dev/lastModifier"
    )


def test_an_own_name_needs_a_new_one_for_a_new_spec() -> None:
    made = admit(service(template={"name": "hello-v1"})).object
    assert made is not None
    changed = copy_json(made)
    changed["spec"]["template"]["spec"]["containers"][0]["image"] = "x/z"
    changed["spec"]["template"]["spec"]["containerConcurrency"] = 1
    assert denied(changed, made) == (
        "Saw the following changes without a name change (-old +new): spec.template.metadata.name\n"
        '{*v1.RevisionTemplateSpec}.Spec.PodSpec.Containers[0].Image:\n\t-: "x/y"\n\t+: "x/z"\n'
        '*{*v1.RevisionTemplateSpec}.Spec.ContainerConcurrency:\n\t-: "0"\n\t+: "1"\n'
    )


def test_a_revision_never_changes() -> None:
    revision = make("serving.knative.dev/v1", "Revision", "hello-1", "ns",
                    spec=service()["spec"]["template"]["spec"])  # fmt: skip
    changed = copy_json(revision)
    changed["spec"]["containerConcurrency"] = 2
    revision["spec"]["containerConcurrency"] = 1
    assert denied(changed, revision, resource=REVISIONS) == (
        "Immutable fields changed (-old +new): spec\n"
        '*{v1.RevisionSpec}.ContainerConcurrency:\n\t-: "1"\n\t+: "2"\n'
    )
    annotated_only = copy_json(revision)
    annotated_only["metadata"]["annotations"] = {"autoscaling.knative.dev/min-scale": "1"}
    assert denied(annotated_only, revision, resource=REVISIONS) == ""


def test_labels_of_an_owner_need_the_owner() -> None:
    labels = {"serving.knative.dev/service": "hello"}
    for resource, kind in ((ROUTES, "Route"), (CONFIGURATIONS, "Configuration")):
        spec = service(traffic=[{"configurationName": "hello", "percent": 100}])["spec"]
        obj = make("serving.knative.dev/v1", kind, "hello", "ns",
                   metadata={"labels": labels}, spec=spec)  # fmt: skip
        assert denied(obj, resource=resource) == (
            "missing field(s): metadata.labels.serving.knative.dev/service"
        )


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ({}, "expected exactly one, got neither"),
        ({"revisionName": "a", "configurationName": "b"}, "expected exactly one, got both"),
    ],
)
def test_a_route_names_exactly_one_target(names: dict[str, str], text: str) -> None:
    target = {"percent": 100} | names
    obj = make("serving.knative.dev/v1", "Route", "hello", "ns", spec={"traffic": [target]})
    assert denied(obj, resource=ROUTES) == (
        f"{text}: spec.traffic[0].configurationName, spec.traffic[0].revisionName"
    )


def test_what_the_embedded_cluster_does_not_have_is_refused() -> None:
    obj = make("serving.knative.dev/v1beta1", "DomainMapping", "a.com", "ns", spec={})
    assert "not supported by the embedded cluster yet" in denied(obj, resource=DOMAIN_MAPPINGS)


def test_inner_kinds_have_rules_too() -> None:
    spec = {"protocolType": "x", "scaleTargetRef": {"kind": "Deployment"}}
    api = "autoscaling.internal.knative.dev/v1alpha1"
    autoscaler = make(api, "PodAutoscaler", "r", "ns", spec=spec)
    assert denied(autoscaler, resource=POD_AUTOSCALERS).splitlines() == [
        "invalid value: x: spec.protocolType",
        "missing field(s): spec.scaleTargetRef.apiVersion, spec.scaleTargetRef.name",
    ]
    split = {"serviceName": "a", "serviceNamespace": "ns", "servicePort": 80, "percent": 40}
    rule = {"hosts": ["h"], "http": {"paths": [{"splits": [split, split]}]}}
    ingress = make("networking.internal.knative.dev/v1alpha1", "Ingress", "i", "ns",
                   spec={"rules": [rule]})  # fmt: skip
    assert denied(ingress, resource=INGRESSES) == (
        "traffic split percentage must total to 100, but was 80: spec.rules[0].http.paths[0].splits"
    )


def test_a_quantity_that_is_none_cannot_be_read() -> None:
    broken = container(resources={"limits": {"cpu": "x"}})
    assert ask(DEFAULTING_PATH, SERVICES, broken).denied == (
        "mutation failed: cannot decode incoming new object: quantities must match the regular"
        " expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
    )


def test_containers_that_nobody_names_are_null() -> None:
    found = ask(DEFAULTING_PATH, SERVICES, service() | {"spec": {"template": {"spec": {}}}}).object
    assert found is not None
    assert found["spec"]["template"]["spec"]["containers"] is None


def test_status_and_deletion_are_not_judged() -> None:
    broken = service(containers=[])
    assert ask(VALIDATION_PATH, SERVICES, broken, broken, subresource="status").denied == ""
    assert ask(VALIDATION_PATH, SERVICES, None).denied == ""
    assert ask("/nowhere", SERVICES, broken).denied


def test_readiness_probes_are_completed() -> None:
    probe = {"periodSeconds": 5, "httpGet": {"path": "/"}}
    result = admit(container(readinessProbe=probe)).object
    assert result is not None
    assert result["spec"]["template"]["spec"]["containers"][0]["readinessProbe"] == {
        "periodSeconds": 5,
        "httpGet": {"path": "/", "port": 0},
        "successThreshold": 1,
        "failureThreshold": 3,
        "timeoutSeconds": 1,
    }


def test_several_containers_are_named_and_only_one_is_probed() -> None:
    containers = [{"image": "aa", "ports": [{"containerPort": 80}]}, {"image": "bb"}]
    result = admit(service(containers=containers))
    assert result.denied == ""
    assert result.object is not None
    made = result.object["spec"]["template"]["spec"]["containers"]
    assert [item["name"] for item in made] == ["user-container-0", "user-container-1"]
    assert ["readinessProbe" in item for item in made] == [True, False]


def test_config_maps_are_checked() -> None:
    def check(name: str, **metadata: Any) -> str:
        values = metadata.pop("data")
        obj = make("v1", "ConfigMap", name, "knative-serving", data=values, metadata=metadata)
        return ask(CONFIG_VALIDATION_PATH, CONFIG_MAPS, obj).denied

    assert check("config-autoscaler", data={"stable-window": "1s"}) == (
        "validation failed: stable-window = 1s, must be in [6s; 1h0m0s] range"
    )
    assert check("config-other", data={"stable-window": "1s"}) == ""
    right = {"knative.dev/example-checksum": example_checksum("a\n\nb")}
    assert check("config-gc", data={"_example": "a\n\nb"}, annotations=right) == ""
    assert check("config-gc", data={"_example": "c"}, annotations=right) == (
        'validation failed: the update modifies a key in "_example" which is probably not what you'
        " want. Instead, copy the respective setting to the top-level of the ConfigMap, directly"
        ' below "data"'
    )

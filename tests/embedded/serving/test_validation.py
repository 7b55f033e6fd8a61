"""What the webhook refuses of changes and of kinds that are not Services."""

from __future__ import annotations

from knlab.embedded.kube.objects import copy_json
from knlab.embedded.serving.kinds import (
    CERTIFICATES,
    CONFIGURATIONS,
    INGRESSES,
    POD_AUTOSCALERS,
    REVISIONS,
    ROUTES,
)
from tests.embedded.serving.admitted import DNS, admit, denied, service
from tests.factories import make


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


def test_what_the_embedded_cluster_does_not_have_is_refused() -> None:
    api = "networking.internal.knative.dev/v1alpha1"
    obj = make(api, "Certificate", "c", "ns", spec={})
    assert "it has no TLS" in denied(obj, resource=CERTIFICATES)


def test_names_are_needed_and_start_right() -> None:
    unnamed = service() | {"metadata": {"namespace": "ns"}}
    assert denied(unnamed) == "name or generateName is required: metadata.name"
    prefixed = service() | {"metadata": {"generateName": "Hello-", "namespace": "ns"}}
    assert denied(prefixed) == f"not a DNS 1035 label prefix: {DNS}: metadata.generateName"
    inner = service(template={"generateName": "Hello-"})
    assert denied(inner).startswith(f"invalid value: not a DNS 1035 label prefix: {DNS}: ")


def test_a_name_of_a_template_needs_a_name_above() -> None:
    obj = service(template={"name": "hello-a"}) | {"metadata": {"generateName": "hello-"}}
    assert denied(obj) == "must not set the field(s): spec.template.metadata.name"


def test_an_owned_configuration_may_be_changed_by_its_owner() -> None:
    owner = {"kind": "Service", "name": "hello"}
    metadata = {"ownerReferences": [owner], "annotations": {"serving.knative.dev/creator": "a"}}
    old = make("serving.knative.dev/v1", "Configuration", "hello", "ns",
               metadata=metadata, spec=service()["spec"])  # fmt: skip
    new = copy_json(old)
    new["metadata"]["annotations"] = {"serving.knative.dev/creator": "b"}
    assert denied(new, old, resource=CONFIGURATIONS) == ""


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

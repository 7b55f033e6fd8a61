"""What the webhook fills in."""

from __future__ import annotations

from knlab.embedded.kube.objects import copy_json
from knlab.embedded.serving.kinds import INGRESSES, SERVICES
from knlab.embedded.serving.webhook import DEFAULTING_PATH
from tests.embedded.serving.admitted import (
    admit,
    ask,
    container,
    denied,
    service,
    with_config,
)
from tests.factories import make


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


def test_containers_that_nobody_names_are_null() -> None:
    found = ask(DEFAULTING_PATH, SERVICES, service() | {"spec": {"template": {"spec": {}}}}).object
    assert found is not None
    assert found["spec"]["template"]["spec"]["containers"] is None


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


def test_names_that_are_taken_are_passed_over() -> None:
    containers = [
        {"image": "aa", "name": "user-container-0", "ports": [{"containerPort": 80}]},
        {"image": "bb"},
        {"image": "cc"},
    ]
    made = admit(service(containers=containers)).object
    assert made is not None
    names = [item["name"] for item in made["spec"]["template"]["spec"]["containers"]]
    assert names == ["user-container-0", "user-container-1", "user-container-2"]


def test_the_name_of_a_container_may_be_a_template() -> None:
    view = with_config("config-defaults", container_name_template="{{.Name}}-main")
    made = admit(service(), view=view).object
    assert made is not None
    assert made["spec"]["template"]["spec"]["containers"][0]["name"] == "hello-main"


def test_service_links_may_be_left_to_kubernetes() -> None:
    view = with_config("config-defaults", enable_service_links="default")
    made = admit(service(), view=view).object
    assert made is not None
    assert "enableServiceLinks" not in made["spec"]["template"]["spec"]


def test_a_port_below_1024_may_be_bound_under_secure_defaults() -> None:
    view = with_config("config-features", secure_pod_defaults="AllowRootBounded")
    made = admit(container(ports=[{"containerPort": 80}]), view=view).object
    assert made is not None
    context = made["spec"]["template"]["spec"]["containers"][0]["securityContext"]
    assert context["capabilities"] == {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}
    assert "runAsNonRoot" not in context


def test_a_single_split_of_an_ingress_gets_everything() -> None:
    split = {"serviceName": "a", "serviceNamespace": "ns", "servicePort": 80}
    rule = {"hosts": ["h"], "http": {"paths": [{"splits": [split]}]}}
    obj = make("networking.internal.knative.dev/v1alpha1", "Ingress", "i", "ns",
               spec={"rules": [rule]})  # fmt: skip
    made = admit(obj, resource=INGRESSES).object
    assert made is not None
    assert made["spec"]["rules"][0]["visibility"] == "ExternalIP"
    assert made["spec"]["rules"][0]["http"]["paths"][0]["splits"][0]["percent"] == 100

"""What the API answers to the mistakes that people make, in Kubernetes' words."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.kube.api import Api
from knlab.embedded.kube.backing import WriteOptions
from knlab.embedded.kube.errors import Invalid, StatusError
from knlab.embedded.kube.objects import Object, copy_json
from tests.factories import resource_of

LABELS = {"app": "web"}
TEMPLATE = {
    "metadata": {"labels": LABELS},
    "spec": {"containers": [{"name": "web", "image": "web:1"}]},
}
BASES: dict[str, Object] = {
    "Deployment": {
        "apiVersion": "apps/v1",
        "spec": {"selector": {"matchLabels": LABELS}, "template": TEMPLATE},
    },
    "Pod": {"apiVersion": "v1", "spec": TEMPLATE["spec"]},
    "Service": {"apiVersion": "v1", "spec": {"ports": [{"port": 80}]}},
    "ConfigMap": {"apiVersion": "v1", "data": {"a": "1"}},
    "Secret": {"apiVersion": "v1", "data": {}},
    "PodDisruptionBudget": {"apiVersion": "policy/v1", "spec": {}},
    "HorizontalPodAutoscaler": {
        "apiVersion": "autoscaling/v2",
        "spec": {"maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "web"}},
    },
    "ClusterRole": {"apiVersion": "rbac.authorization.k8s.io/v1", "rules": []},
}


def built(kind: str, *changes: tuple[str, Any], name: str = "web") -> Object:
    obj: Object = copy_json(BASES[kind]) | {
        "kind": kind,
        "metadata": {"name": name, "namespace": "default"},
    }
    for path, value in changes:
        *parents, last = path.split(".")
        target: Any = obj
        for step in parents:
            target = target[int(step)] if isinstance(target, list) else target.setdefault(step, {})
        if isinstance(target, list):
            target[int(last)] = value
        elif value is None:
            target.pop(last, None)
        else:
            target[last] = value
    return obj


CONTAINER = "spec.template.spec.containers.0"


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        pytest.param(
            "Deployment", ("spec.template.spec.containers", []),
            "spec.template.spec.containers: Required value", id="no containers",
        ),
        pytest.param(
            "Deployment", (f"{CONTAINER}.image", None),
            "spec.template.spec.containers[0].image: Required value", id="no image",
        ),
        pytest.param(
            "Deployment", (f"{CONTAINER}.name", "My_App"),
            'spec.template.spec.containers[0].name: Invalid value: "My_App": a lowercase RFC 1123'
            " label must consist of", id="a container name that is no label",
        ),
        pytest.param(
            "Deployment", ("spec.selector.matchLabels", {"app": "other"}),
            'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match'
            " template `labels`", id="selector and template labels differ",
        ),
        pytest.param(
            "Deployment", ("spec.selector", None), "spec.selector: Required value",
            id="no selector",
        ),
        pytest.param(
            "Deployment", ("spec.replicas", -1),
            "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
            id="negative replicas",
        ),
        pytest.param(
            "Deployment", ("spec.strategy.type", "Blue"),
            'spec.strategy: Unsupported value: {"Type":"Blue","RollingUpdate":null}: supported'
            ' values: "Recreate", "RollingUpdate"', id="an unknown strategy",
        ),
        pytest.param(
            "Deployment", ("spec.strategy.rollingUpdate", {"maxSurge": 0, "maxUnavailable": 0}),
            "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when"
            " `maxSurge` is 0", id="a rollout that could never move",
        ),
        pytest.param(
            "Deployment", ("spec", {}),
            "[spec.selector: Required value, spec.template.metadata.labels: Invalid value: null:"
            " `selector` does not match template `labels`, spec.template.spec.containers: Required"
            " value]", id="nothing at all",
        ),
        pytest.param(
            "Pod", ("spec.restartPolicy", "x"),
            'spec.restartPolicy: Unsupported value: "x": supported values: "Always", "OnFailure",'
            ' "Never"', id="an unknown restart policy",
        ),
        pytest.param(
            "Deployment", ("spec.template.spec.restartPolicy", "Never"),
            'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values:'
            ' "Always"', id="pods that do not restart",
        ),
        pytest.param(
            "Deployment", ("spec.progressDeadlineSeconds", 0),
            "spec.progressDeadlineSeconds: Invalid value: 0: must be greater than minReadySeconds",
            id="no time to progress",
        ),
        pytest.param(
            "Pod", ("spec.containers.0.ports", [{"containerPort": 99999}]),
            "spec.containers[0].ports[0].containerPort: Invalid value: 99999: must be between 1 and"
            " 65535, inclusive", id="a port that cannot be",
        ),
        pytest.param(
            "Pod", ("spec.containers.0.imagePullPolicy", "Sometimes"),
            'spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes": supported values:'
            ' "Always", "IfNotPresent", "Never"', id="an unknown pull policy",
        ),
        pytest.param(
            "Pod", ("spec.containers.0.resources", {"limits": {"cpu": "lots"}}),
            "quantities must match the regular expression", id="no quantity",
        ),
        pytest.param(
            "Pod",
            ("spec.containers.0.resources", {"limits": {"cpu": "1"}, "requests": {"cpu": "2"}}),
            'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal'
            " to cpu limit of 1", id="more asked than allowed",
        ),
        pytest.param(
            "Pod", ("spec.containers.0.readinessProbe", {"periodSeconds": 1}),
            "spec.containers[0].readinessProbe: Required value: must specify a handler type",
            id="a probe of nothing",
        ),
        pytest.param(
            "Pod", ("spec.containers.0.volumeMounts", [{"name": "x", "mountPath": "/x"}]),
            'spec.containers[0].volumeMounts[0].name: Not found: "x"', id="a mount of no volume",
        ),
        pytest.param(
            "Service", ("spec.ports", []), "spec.ports: Required value", id="no ports",
        ),
        pytest.param(
            "Service", ("spec.ports", [{"port": 80}, {"port": 81}]),
            "[spec.ports[0].name: Required value, spec.ports[1].name: Required value]",
            id="several ports need names",
        ),
        pytest.param(
            "Service", ("spec.type", "Public"),
            'spec.type: Unsupported value: "Public": supported values: "ClusterIP", "ExternalName",'
            ' "LoadBalancer", "NodePort"', id="an unknown type",
        ),
        pytest.param(
            "Service", ("spec.clusterIP", "10.96.0.1"),
            'spec.clusterIPs: Invalid value: ["10.96.0.1"]: failed to allocate IP 10.96.0.1:'
            " provided IP is already allocated", id="somebody else's address",
        ),
        pytest.param(
            "Service", ("spec", {"type": "NodePort", "ports": [
                {"name": "a", "port": 80, "nodePort": 31300},
                {"name": "b", "port": 80, "nodePort": 31300, "protocol": "UDP"},
            ]}),
            "spec.ports[1].nodePort: Invalid value: 31300: provided port is already allocated",
            id="a node port twice",
        ),
        pytest.param(
            "Service", ("spec.clusterIP", "192.168.0.1"), "is not in the valid range",
            id="an address outside of the cluster",
        ),
        pytest.param(
            "ConfigMap", ("data", {"a b": "1"}),
            'data[a b]: Invalid value: "a b": a valid config key must consist of',
            id="a key with a blank",
        ),
        pytest.param(
            "Secret", ("data", {"a": "no base64!"}), "data[a]: Invalid value", id="no base64",
        ),
        pytest.param(
            "PodDisruptionBudget", ("spec", {"minAvailable": "many"}),
            'spec.minAvailable: Invalid value: "many": a valid percent string must be',
            id="no percentage",
        ),
        pytest.param(
            "HorizontalPodAutoscaler", ("spec.minReplicas", 5),
            "spec.maxReplicas: Invalid value: 3: must be greater than or equal to `minReplicas`",
            id="bounds crossed",
        ),
        pytest.param(
            "ClusterRole", ("rules", [{"apiGroups": [""], "resources": ["pods"]}]),
            "rules[0].verbs: Required value: verbs must contain at least one value",
            id="a rule that allows nothing",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_refused_with_the_field_and_the_reason(
    api: Api, kind: str, change: tuple[str, Any], message: str
) -> None:
    obj = built(kind, change)
    with pytest.raises(Invalid) as refused:
        api.create(resource_of(obj), obj)
    assert message in refused.value.message
    assert refused.value.message.split(" is invalid: ")[0].endswith('"web"')


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("ConfigMap", "My_Map", "a lowercase RFC 1123 subdomain must consist of"),
        ("Service", "1st", "a DNS-1035 label must consist of"),
        ("ClusterRole", "a/b", "may not contain '/'"),
    ],
)
def test_each_kind_has_its_rule_for_names(api: Api, kind: str, name: str, words: str) -> None:
    obj = built(kind, name=name)
    with pytest.raises(Invalid, match="metadata") as refused:
        api.create(resource_of(obj), obj)
    assert words in refused.value.message


def test_roles_may_have_colons(api: Api) -> None:
    obj = built("ClusterRole", name="system:reader")
    assert api.create(resource_of(obj), obj).object["metadata"]["name"] == "system:reader"


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        (
            "Deployment",
            ("spec.selector.matchLabels", {"app": "web", "tier": "a"}),
            "field is immutable",
        ),
        (
            "Pod",
            ("spec.containers.0.name", "other"),
            "pod updates may not change fields other than",
        ),
        ("Service", ("spec.clusterIP", "10.96.77.77"), "may not change once set"),
        ("Secret", ("type", "kubernetes.io/tls"), "type: Invalid value"),
    ],
)
def test_what_never_changes_is_refused_on_update(
    api: Api, kind: str, change: tuple[str, Any], message: str
) -> None:
    obj = built(kind)
    made = api.create(resource_of(obj), obj).object
    with pytest.raises(Invalid, match=message):
        api.update(resource_of(obj), built(kind, change) | {"metadata": made["metadata"]})


def test_an_immutable_config_map_stays_as_it_is(api: Api) -> None:
    obj = built("ConfigMap", ("immutable", True))
    made = api.create(resource_of(obj), obj).object
    with pytest.raises(Invalid, match="when `immutable` is set"):
        api.update(resource_of(obj), made | {"data": {"a": "2"}})


@pytest.mark.parametrize(
    ("kind", "change", "field"),
    [
        ("ConfigMap", ("dataz", {}), "dataz"),
        ("Deployment", ("spec.replica", 3), "spec.replica"),
        ("Deployment", (f"{CONTAINER}.prots", []), "spec.template.spec.containers[0].prots"),
        ("Service", ("spec.port", 80), "spec.port"),
    ],
)
def test_a_typo_is_refused_when_the_client_asks_for_strictness(
    api: Api, kind: str, change: tuple[str, Any], field: str
) -> None:
    obj = built(kind, change)
    with pytest.raises(StatusError, match="strict decoding error") as refused:
        api.create(resource_of(obj), obj, WriteOptions(field_validation="Strict"))
    assert f'unknown field "{field}"' in refused.value.message
    kept = api.create(resource_of(obj), obj).object
    assert "dataz" not in kept


def test_an_image_of_a_running_pod_may_change(api: Api) -> None:
    obj = built("Pod")
    made = api.create(resource_of(obj), obj).object
    made["spec"]["containers"][0]["image"] = "web:2"
    assert api.update(resource_of(obj), made).object["metadata"]["generation"] == 2

"""The environment variables of a container."""

from __future__ import annotations

import base64

import pytest

from knlab.embedded.kube.objects import Object
from knlab.embedded.pods.environment import ConfigError, environment, expand

POD: Object = {
    "metadata": {
        "name": "hello", "namespace": "default", "uid": "u1",
        "labels": {"app": "hello"}, "annotations": {"knlab.dev/x": "y"},
    },
    "spec": {
        "nodeName": "knlab", "serviceAccountName": "default",
        "containers": [
            {"name": "main", "resources": {"limits": {"cpu": "1500m", "memory": "1Gi"}}},
        ],
    },
}  # fmt: skip
ADDRESSES = {"status.podIP": "127.1.0.2", "status.hostIP": "127.0.0.1"}


def find(kind: str, name: str) -> Object | None:
    if (kind, name) == ("ConfigMap", "settings"):
        return {"data": {"target": "map", "other": "more"}}
    if (kind, name) == ("Secret", "keys"):
        return {"data": {"token": base64.b64encode(b"s3cret").decode()}}
    return None


def resolve(**container: object) -> dict[str, str]:
    return environment(POD["spec"]["containers"][0] | container, POD, ADDRESSES, find)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$(A)", "1"),
        ("x$(A)y$(B)", "x1y2"),
        ("$$(A)", "$(A)"),
        ("$(NONE)", "$(NONE)"),
        ("$A", "$A"),
        ("100$", "100$"),
        ("$$$(A)", "$1"),
    ],
)
def test_expansion(text: str, expected: str) -> None:
    assert expand(text, {"A": "1", "B": "2"}) == expected


def test_later_variables_see_earlier_ones() -> None:
    env = [{"name": "A", "value": "1"}, {"name": "B", "value": "$(A)$(C)"}, {"name": "C"}]
    assert resolve(env=env) == {"A": "1", "B": "1$(C)", "C": ""}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("metadata.name", "hello"),
        ("metadata.namespace", "default"),
        ("metadata.uid", "u1"),
        ("metadata.labels['app']", "hello"),
        ("metadata.annotations['knlab.dev/x']", "y"),
        ("metadata.labels['none']", ""),
        ("spec.nodeName", "knlab"),
        ("spec.serviceAccountName", "default"),
        ("status.podIP", "127.1.0.2"),
        ("status.hostIP", "127.0.0.1"),
    ],
)
def test_fields_of_the_pod(path: str, expected: str) -> None:
    env = [{"name": "X", "valueFrom": {"fieldRef": {"fieldPath": path}}}]
    assert resolve(env=env) == {"X": expected}


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ({"configMapKeyRef": {"name": "settings", "key": "target"}}, {"X": "map"}),
        ({"secretKeyRef": {"name": "keys", "key": "token"}}, {"X": "s3cret"}),
        ({"configMapKeyRef": {"name": "none", "key": "a", "optional": True}}, {}),
        ({"secretKeyRef": {"name": "keys", "key": "a", "optional": True}}, {}),
        ({"resourceFieldRef": {"resource": "limits.cpu"}}, {"X": "2"}),
        ({"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}}, {"X": "1500"}),
        ({"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}, {"X": "1024"}),
        ({"resourceFieldRef": {"resource": "requests.cpu"}}, {"X": "0"}),
    ],
)
def test_references(reference: Object, expected: dict[str, str]) -> None:
    assert resolve(env=[{"name": "X", "valueFrom": reference}]) == expected


def test_env_from_takes_everything_with_a_prefix_and_env_wins() -> None:
    sources = [
        {"prefix": "P_", "configMapRef": {"name": "settings"}},
        {"secretRef": {"name": "keys"}},
        {"configMapRef": {"name": "none", "optional": True}},
    ]
    env = [{"name": "token", "value": "mine"}]
    found = resolve(envFrom=sources, env=env)
    assert found == {"P_target": "map", "P_other": "more", "token": "mine"}


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ({"configMapKeyRef": {"name": "none", "key": "a"}}, 'configmap "none" not found'),
        ({"secretKeyRef": {"name": "none", "key": "a"}}, 'secret "none" not found'),
        (
            {"configMapKeyRef": {"name": "settings", "key": "a"}},
            "couldn't find key a in ConfigMap default/settings",
        ),
        ({"fieldRef": {"fieldPath": "spec.x"}}, 'unsupported fieldPath: "spec.x"'),
        ({"resourceFieldRef": {"resource": "limits.x"}}, "the container sets no limits.x"),
        ({"fileKeyRef": {"path": "x"}}, "knlab does not resolve valueFrom fileKeyRef"),
    ],
)
def test_what_is_missing_is_said(reference: Object, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(env=[{"name": "X", "valueFrom": reference}])
    assert caught.value.message.startswith(message)

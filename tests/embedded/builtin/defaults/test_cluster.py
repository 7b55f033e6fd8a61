from __future__ import annotations

from knlab.embedded.builtin.defaults.cluster import (
    default_custom_resource_definition,
    default_event,
    default_mutating_webhooks,
    default_namespace,
    default_role_binding,
    default_secret,
)
from tests.factories import make


def test_a_namespace_cannot_lose_its_finalizer_while_it_lives() -> None:
    old = default_namespace(make("v1", "Namespace", "team"), None)
    assert default_namespace(make("v1", "Namespace", "team"), old)["spec"] == old["spec"]
    old["metadata"]["deletionTimestamp"] = "2025-01-01T00:00:00Z"
    emptied = make("v1", "Namespace", "team", spec={"finalizers": []})
    assert default_namespace(emptied, old)["spec"] == {"finalizers": []}


def test_plain_text_of_a_secret_is_encoded_and_wins() -> None:
    secret = make(
        "v1", "Secret", "s", "default", data={"a": "eA==", "b": "eQ=="}, stringData={"a": "hello"}
    )
    made = default_secret(secret, None)
    assert made["data"] == {"a": "aGVsbG8=", "b": "eQ=="}
    assert made["type"] == "Opaque"
    assert "stringData" not in made


def test_an_event_always_has_an_event_time() -> None:
    assert default_event(make("v1", "Event", "e", "default"), None)["eventTime"] is None


def test_a_binding_names_the_api_groups_of_what_it_binds() -> None:
    subjects = [{"kind": "User", "name": "u"}, {"kind": "ServiceAccount", "name": "s"}]
    made = default_role_binding(
        make("rbac.authorization.k8s.io/v1", "RoleBinding", "b", "default", subjects=subjects), None
    )
    assert made["roleRef"] == {"apiGroup": "rbac.authorization.k8s.io"}
    assert [item.get("apiGroup") for item in made["subjects"]] == [
        "rbac.authorization.k8s.io",
        None,
    ]


def test_a_webhook_fails_closed_within_ten_seconds() -> None:
    webhook = {"name": "a.b.c", "clientConfig": {"service": {"name": "s"}}, "rules": [{}]}
    made = default_mutating_webhooks(
        make(
            "admissionregistration.k8s.io/v1",
            "MutatingWebhookConfiguration",
            "w",
            webhooks=[webhook],
        ),
        None,
    )["webhooks"][0]
    assert made == {
        "name": "a.b.c",
        "clientConfig": {"service": {"name": "s", "port": 443}},
        "rules": [{"scope": "*"}],
        "failurePolicy": "Fail",
        "matchPolicy": "Equivalent",
        "namespaceSelector": {},
        "objectSelector": {},
        "reinvocationPolicy": "Never",
        "timeoutSeconds": 10,
    }


def test_a_definition_gets_the_names_that_follow_from_its_kind() -> None:
    spec = {
        "names": {"kind": "Toy", "plural": "toys"},
        "versions": [{"name": "v1", "storage": True}],
    }
    made = default_custom_resource_definition(
        make("apiextensions.k8s.io/v1", "CustomResourceDefinition", "toys.example.com", spec=spec),
        None,
    )
    assert made["spec"]["names"]["singular"] == "toy"
    assert made["spec"]["names"]["listKind"] == "ToyList"
    assert made["spec"]["conversion"] == {"strategy": "None"}
    assert made["status"]["storedVersions"] == ["v1"]

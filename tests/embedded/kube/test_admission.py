"""Admission webhooks: matching, order, denial, failure, warnings."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.kube.admission import AdmissionResult, AdmissionReview
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.backing import WriteOptions
from knlab.embedded.kube.errors import BadRequest, InternalError, Invalid
from knlab.embedded.kube.objects import GroupResource, Object

MUTATING = GroupResource("admissionregistration.k8s.io", "mutatingwebhookconfigurations")
VALIDATING = GroupResource("admissionregistration.k8s.io", "validatingwebhookconfigurations")
WIDGETS = GroupResource("ex.com", "widgets")
RULE = {
    "operations": ["CREATE", "UPDATE", "DELETE"],
    "apiGroups": ["ex.com"],
    "apiVersions": ["v1"],
    "resources": ["widgets"],
}


class Backend:
    """Records what it is asked and answers as told."""

    def __init__(self, **answer: Any) -> None:
        self.asked: list[AdmissionReview] = []
        self.answer = AdmissionResult(**answer)

    def __call__(self, review: AdmissionReview) -> AdmissionResult:
        self.asked.append(review)
        return self.answer


def configure(
    api: Api, resource: GroupResource = VALIDATING, name: str = "hooks", **webhook: Any
) -> None:
    kind = "Validating" if resource == VALIDATING else "Mutating"
    defaults = {
        "name": f"{name}.ex.com",
        "rules": [RULE],
        "sideEffects": "None",
        "clientConfig": {
            "service": {"namespace": "system", "name": "webhook", "path": f"/{name}", "port": 8443}
        },
    }
    configuration = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": f"{kind}WebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [defaults | webhook],
    }
    api.create(resource, configuration)


def widget(name: str = "w", **spec: Any) -> Object:
    fields = {"name": name, "namespace": "default", "labels": {"color": "red"}}
    return {"apiVersion": "ex.com/v1", "kind": "Widget", "metadata": fields, "spec": spec}


def test_a_review_says_what_is_written_by_whom(api: Api) -> None:
    configure(api)
    backend = Backend()
    with api.admission.serve("system", "webhook", backend):
        made = api.create(WIDGETS, widget(), WriteOptions(user="alice")).object
        api.update(WIDGETS, made | {"spec": {"size": 2}})
        api.delete(WIDGETS, "default", "w")
    first, second, third = backend.asked
    assert (first.operation, first.path, first.user) == ("CREATE", "/hooks", "alice")
    assert (first.resource, first.kind) == (WIDGETS, "Widget")
    assert (first.namespace, first.name, first.old) == ("default", "w", None)
    assert first.object is not None
    assert first.object["spec"] == {"size": 3}
    assert (second.operation, third.operation) == ("UPDATE", "DELETE")
    assert second.old is not None
    assert second.old["spec"] == {"size": 3}
    assert third.object is None


def test_denial_is_a_bad_request_and_keeps_nothing(api: Api) -> None:
    configure(api)
    with (
        api.admission.serve(
            "system", "webhook", Backend(denied="validation failed: no", warnings=("w",))
        ),
        pytest.raises(BadRequest) as caught,
    ):
        api.create(WIDGETS, widget())
    assert caught.value.message == (
        'admission webhook "hooks.ex.com" denied the request: validation failed: no'
    )
    assert caught.value.details is None
    assert caught.value.warnings == ("w",)
    assert api.find(WIDGETS, "default", "w") is None


def test_warnings_of_all_are_told_once(api: Api) -> None:
    configure(api, VALIDATING, "one")
    configure(api, VALIDATING, "two")

    def backend(review: AdmissionReview) -> AdmissionResult:
        return AdmissionResult(warnings=("careful", f"says {review.path}"))

    with api.admission.serve("system", "webhook", backend):
        warnings = api.create(WIDGETS, widget()).warnings
    assert warnings == ("careful", "says /one", "says /two")


@pytest.mark.parametrize("resource", [MUTATING, VALIDATING])
def test_nobody_serves_the_webhook(api: Api, resource: GroupResource) -> None:
    configure(api, resource)
    with pytest.raises(InternalError) as caught:
        api.create(WIDGETS, widget())
    assert caught.value.message == (
        'Internal error occurred: failed calling webhook "hooks.ex.com": failed to call webhook:'
        ' Post "https://webhook.system.svc:8443/hooks?timeout=10s":'
        ' no endpoints available for service "webhook"'
    )
    assert caught.value.code == 500


def test_a_failure_can_be_ignored(api: Api) -> None:
    configure(api, failurePolicy="Ignore")
    api.create(WIDGETS, widget())
    assert api.find(WIDGETS, "default", "w") is not None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"clientConfig": {"url": "https://elsewhere/x"}},
            'Post "https://elsewhere/x?timeout=10s": only webhooks of components in this cluster',
        ),
        ({"matchConditions": [{"name": "a", "expression": "true"}]}, "matchConditions"),
    ],
)
def test_what_cannot_be_called_fails(api: Api, change: Object, message: str) -> None:
    configure(api, **change)
    with pytest.raises(InternalError, match=message.replace("?", r"\?")):
        api.create(WIDGETS, widget())


def test_webhook_configurations_are_never_sent_to_webhooks(api: Api) -> None:
    everything = {"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*"]}
    configure(api, rules=[everything])
    api.delete(VALIDATING, "", "hooks")
    assert api.find(VALIDATING, "", "hooks") is None


@pytest.mark.parametrize(
    ("change", "asked"),
    [
        pytest.param({}, 1, id="the plain case"),
        pytest.param({"rules": [RULE | {"operations": ["*"]}]}, 1, id="any operation"),
        pytest.param({"rules": [RULE | {"operations": ["UPDATE"]}]}, 0, id="another operation"),
        pytest.param({"rules": [RULE | {"apiGroups": ["*"]}]}, 1, id="any group"),
        pytest.param({"rules": [RULE | {"apiGroups": [""]}]}, 0, id="another group"),
        pytest.param({"rules": [RULE | {"apiVersions": ["v2"]}]}, 0, id="another version"),
        pytest.param({"rules": [RULE | {"resources": ["*"]}]}, 1, id="any resource"),
        pytest.param({"rules": [RULE | {"resources": ["*/*"]}]}, 1, id="any subresource too"),
        pytest.param(
            {"rules": [RULE | {"resources": ["widgets/*"]}]}, 1, id="with its subresources"
        ),
        pytest.param({"rules": [RULE | {"resources": ["widgets/status"]}]}, 0, id="only status"),
        pytest.param({"rules": [RULE | {"scope": "Cluster"}]}, 0, id="another scope"),
        pytest.param({"rules": [RULE | {"scope": "Namespaced"}]}, 1, id="the right scope"),
        pytest.param({"rules": []}, 0, id="no rule"),
        pytest.param({"objectSelector": {"matchLabels": {"color": "red"}}}, 1, id="its labels"),
        pytest.param({"objectSelector": {"matchLabels": {"color": "x"}}}, 0, id="other labels"),
        pytest.param(
            {"namespaceSelector": {"matchExpressions": [{"key": "off", "operator": "Exists"}]}},
            0,
            id="another namespace",
        ),
        pytest.param(
            {
                "namespaceSelector": {
                    "matchExpressions": [{"key": "off", "operator": "DoesNotExist"}]
                }
            },
            1,
            id="its namespace",
        ),
    ],
)
def test_which_webhooks_match(api: Api, change: Object, asked: int) -> None:
    configure(api, **change)
    backend = Backend()
    with api.admission.serve("system", "webhook", backend):
        api.create(WIDGETS, widget())
    assert len(backend.asked) == asked


def test_subresources_have_rules_of_their_own(api: Api) -> None:
    configure(api, rules=[RULE | {"resources": ["widgets/status", "widgets/scale"]}])
    backend = Backend()
    with api.admission.serve("system", "webhook", backend):
        made = api.create(WIDGETS, widget()).object
        api.update(WIDGETS, made | {"status": {"x": 1}}, subresource="status")
        api.scale(WIDGETS, "default", "w", 2)
    assert [review.subresource for review in backend.asked] == ["status", "scale"]
    scaled = backend.asked[1].object
    assert scaled is not None
    assert scaled["kind"] == "Scale"


def test_mutation_comes_before_validation_and_is_defaulted_again(api: Api) -> None:
    configure(api, MUTATING, "mutate")
    configure(api, VALIDATING, "validate")
    seen: list[Object | None] = []

    def backend(review: AdmissionReview) -> AdmissionResult:
        assert review.object is not None
        if review.path == "/validate":
            seen.append(review.object["spec"])
            return AdmissionResult()
        spec = {"color": "blue", "unknown": 1}
        return AdmissionResult(object=review.object | {"spec": spec})

    with api.admission.serve("system", "webhook", backend):
        made = api.create(WIDGETS, widget(size=9)).object
    assert made["spec"] == {"color": "blue", "size": 3}
    assert seen == [{"color": "blue", "size": 3}]


def test_a_mutated_object_is_validated(api: Api) -> None:
    configure(api, MUTATING)

    def backend(review: AdmissionReview) -> AdmissionResult:
        assert review.object is not None
        return AdmissionResult(object=review.object | {"spec": {"parts": None}})

    with (
        api.admission.serve("system", "webhook", backend),
        pytest.raises(Invalid, match=r'spec.parts: Invalid value: "null": spec.parts in body must'),
    ):
        api.create(WIDGETS, widget())


def test_a_mutation_of_an_unchanged_update_is_no_write(api: Api) -> None:
    made = api.create(WIDGETS, widget()).object
    configure(api, MUTATING)
    version = api.store.version

    def backend(review: AdmissionReview) -> AdmissionResult:
        return AdmissionResult(object=review.object)

    with api.admission.serve("system", "webhook", backend):
        assert api.update(WIDGETS, made).object == made
        api.update(WIDGETS, made | {"status": {}}, subresource="status")
    assert api.store.version == version + 1


def test_dry_run_needs_a_webhook_without_side_effects(api: Api) -> None:
    configure(api, sideEffects="Some")
    with pytest.raises(BadRequest, match=r'"hooks\.ex\.com" does not support dry run'):
        api.create(WIDGETS, widget(), WriteOptions(dry_run=True))


def test_when_a_component_stops_its_webhook_fails(api: Api) -> None:
    configure(api)
    with api.admission.serve("system", "webhook", Backend()):
        api.create(WIDGETS, widget("a"))
    with pytest.raises(InternalError):
        api.create(WIDGETS, widget("b"))

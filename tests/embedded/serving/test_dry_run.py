"""`--dry-run=server` tries a Pod, too."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.kube.errors import Forbidden, StatusError
from knlab.embedded.kube.objects import Object
from knlab.embedded.serving.kinds import CONFIGURATIONS, ROUTES, SERVICES
from knlab.embedded.serving.resources.deployment import trial_pod
from knlab.embedded.serving.webhook import DEFAULTING_PATH, VALIDATION_PATH
from tests.embedded.serving.admitted import INSECURE, ask, service
from tests.factories import make

REFUSAL = Forbidden('pods "dry-run-validationx" is forbidden: exceeded quota: q')


def tried(obj: Object, **more: Any) -> str:
    resource = more.pop("resource", SERVICES)
    filled = ask(DEFAULTING_PATH, resource, obj).object or obj
    found: dict[str, Any] = {"dry_run": True, "refusal": REFUSAL} | more
    return ask(VALIDATION_PATH, resource, filled, **found).denied


def test_what_the_api_says_to_the_pod_is_said_of_the_template() -> None:
    assert tried(service()) == (
        'validation callback failed: dry run failed with pods "dry-run-validationx" is forbidden:'
        " exceeded quota: q: spec.template"
    )
    configuration = make("serving.knative.dev/v1", "Configuration", "hello", "ns",
                         spec=service()["spec"])  # fmt: skip
    assert "exceeded quota" in tried(configuration, resource=CONFIGURATIONS)


def test_warnings_stay() -> None:
    filled = ask(DEFAULTING_PATH, SERVICES, service()).object
    result = ask(VALIDATION_PATH, SERVICES, filled, dry_run=True, refusal=REFUSAL)
    assert result.warnings == (INSECURE,)


@pytest.mark.parametrize(
    ("obj", "more"),
    [
        pytest.param(service(), {"dry_run": False}, id="a write in earnest tries nothing"),
        pytest.param(service(), {"subresource": "status"}, id="a status has no pod"),
        pytest.param(service(), {"refusal": None}, id="a pod that would be taken"),
        pytest.param(
            service(),
            {"refusal": StatusError('admission webhook "x" does not support dry run')},
            id="another webhook that cannot be tried",
        ),
        pytest.param(
            make("serving.knative.dev/v1", "Route", "hello", "ns",
                 spec={"traffic": [{"configurationName": "a", "percent": 100}]}),
            {"resource": ROUTES},
            id="a Route has no template",
        ),
    ],
)  # fmt: skip
def test_nothing_is_said(obj: Object, more: dict[str, Any]) -> None:
    assert tried(obj, **more) == ""


def test_the_configuration_of_a_service_is_not_tried_again() -> None:
    owner = {"kind": "Service", "name": "hello"}
    metadata = {"labels": {"serving.knative.dev/service": "hello"}, "ownerReferences": [owner]}
    obj = make("serving.knative.dev/v1", "Configuration", "hello", "ns",
               metadata=metadata, spec=service()["spec"])  # fmt: skip
    assert tried(obj, resource=CONFIGURATIONS) == ""


def test_what_validation_refuses_is_not_tried() -> None:
    assert tried(service(containers=[])).startswith("validation failed: missing")


def test_the_pod_has_the_users_containers_alone() -> None:
    filled = ask(DEFAULTING_PATH, SERVICES, service(containerConcurrency=3)).object
    assert filled is not None
    pod = trial_pod(filled["spec"]["template"], "ns")
    assert pod["metadata"] == {"generateName": "dry-run-validation", "namespace": "ns"}
    assert pod["spec"]["terminationGracePeriodSeconds"] == 300
    assert [item["name"] for item in pod["spec"]["containers"]] == ["user-container"]
    assert "containerConcurrency" not in pod["spec"]
    assert (pod["apiVersion"], pod["kind"]) == ("v1", "Pod")

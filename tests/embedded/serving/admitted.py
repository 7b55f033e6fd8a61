"""Objects as clients send them, and what the webhook makes of them."""

from __future__ import annotations

from typing import Any

from knlab.embedded.kube.admission import AdmissionResult, AdmissionReview
from knlab.embedded.kube.backing import WriteOptions
from knlab.embedded.kube.errors import StatusError
from knlab.embedded.kube.objects import GroupResource, Object, copy_json
from knlab.embedded.serving.kinds import SERVICES
from knlab.embedded.serving.webhook import DEFAULTING_PATH, VALIDATION_PATH, webhook_backend
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
    dry_run: bool = False,
    refusal: StatusError | None = None,
) -> AdmissionResult:
    """What the webhook says; `refusal` is what the API says to the Pod of a dry run."""
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
        dry_run=dry_run,
    )

    def create(_resource: GroupResource, _pod: Object, options: WriteOptions) -> None:
        assert options.dry_run
        if refusal is not None:
            raise refusal

    return webhook_backend(view or DictView(), create)(review)


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

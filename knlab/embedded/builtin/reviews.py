"""Who am I and what may I do: reviews, answered and never stored; every user may everything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from knlab.embedded.builtin.structures import structure_of
from knlab.embedded.builtin.validation.causes import invalid
from knlab.embedded.kube.backing import WriteOptions
from knlab.embedded.kube.errors import BadRequest, Cause, Invalid
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.registry import Resource
from knlab.embedded.kube.subresources import Requester, Virtual

AUTHENTICATION: Final = "authentication.k8s.io"
_AUTHORIZATION: Final = "authorization.k8s.io"
_PUBLIC: Final = ("/healthz", "/livez", "/readyz", "/version", "/version/")
_DISCOVERY: Final = (
    "/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi", "/openapi/*",
    "/readyz", "/version", "/version/",
)  # fmt: skip
"""What the roles of every user of a new cluster allow besides what an administrator may."""
_RESOURCE: Final = "spec.resourceAttributes"
_NO_RESOURCE: Final = "spec.nonResourceAttributes"


def asked(group: str, plural: str, kind: str, *, namespaced: bool = False) -> Resource:
    """A built-in kind whose objects are only created, and never kept."""
    row = Resource(
        group=group, version="v1", plural=plural, kind=kind, namespaced=namespaced,
        verbs=("create",), has_status=False,
    )  # fmt: skip
    return replace(row, structure=structure_of(row))


def _allowed(review: Object, _requester: Requester, _options: WriteOptions) -> Object:
    if causes := list(_causes(review)):
        raise Invalid.of(_AUTHORIZATION, "", "", causes)  # Kubernetes leaves out the kind
    return _reviewed(review, {"allowed": True})


def _causes(review: Object) -> Iterator[Cause]:
    """What is wrong with a question about access."""
    spec: Object = review.get("spec") or {}
    about, other = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if about is not None and other is not None:
        together = "cannot be specified in combination with resourceAttributes"
        yield invalid(_NO_RESOURCE, _path(other), together)
    if about is None and other is None:
        missing = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        yield invalid(_RESOURCE, None, missing)
    if not review["kind"].startswith("Self") and not spec.get("user") and not spec.get("groups"):
        yield invalid("spec.user", "", "at least one of user or group must be specified")
    yield from _place_causes(review, about, other)


def _place_causes(review: Object, about: Object | None, other: Object | None) -> Iterator[Cause]:
    """What is wrong with where access is wanted."""
    local = review["kind"] == "LocalSubjectAccessReview"
    namespace = review["metadata"].get("namespace", "")
    if local and other is not None:
        yield invalid(_NO_RESOURCE, _path(other), "disallowed on this kind of request")
    elif local and about is not None and about.get("namespace", "") != namespace:
        place, given = f"{_RESOURCE}.namespace", about.get("namespace", "")
        yield invalid(place, given, "must match metadata.namespace")
    written = {name for name, value in review["metadata"].items() if value is not None}
    if written - {"namespace"}:
        rest = "must be empty except for namespace" if local else "must be empty"
        yield invalid("metadata", review["metadata"], rest)


def _path(attributes: Object) -> dict[str, Any]:
    """nonResourceAttributes as they are shown in errors."""
    return {"Path": attributes.get("path", ""), "Verb": attributes.get("verb", "")}


def _rules(review: Object, _requester: Requester, _options: WriteOptions) -> Object:
    if not (review.get("spec") or {}).get("namespace"):
        raise BadRequest("no namespace on request")
    everything = {
        "resourceRules": [
            {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
            {
                "verbs": ["create"],
                "apiGroups": [_AUTHORIZATION],
                "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
            },
            {
                "verbs": ["create"],
                "apiGroups": [AUTHENTICATION],
                "resources": ["selfsubjectreviews"],
            },
        ],
        "nonResourceRules": [
            {"verbs": ["get"], "nonResourceURLs": list(_PUBLIC)},
            {"verbs": ["*"], "nonResourceURLs": ["*"]},
            {"verbs": ["get"], "nonResourceURLs": list(_DISCOVERY)},
        ],
        "incomplete": False,
    }
    return _reviewed(review | {"metadata": {}, "spec": {}}, everything)


def _whoami(review: Object, requester: Requester, _options: WriteOptions) -> Object:
    return _reviewed(review | {"metadata": {}}, {"userInfo": requester.user_info()})


def _reviewed(review: Object, status: Object) -> Object:
    return review | {"status": status}


_LOCAL: Final = asked(
    _AUTHORIZATION, "localsubjectaccessreviews", "LocalSubjectAccessReview", namespaced=True
)
_OWN: Final = asked(_AUTHORIZATION, "selfsubjectaccessreviews", "SelfSubjectAccessReview")
_OTHERS: Final = asked(_AUTHORIZATION, "subjectaccessreviews", "SubjectAccessReview")
_OWN_RULES: Final = asked(_AUTHORIZATION, "selfsubjectrulesreviews", "SelfSubjectRulesReview")
_WHOAMI: Final = asked(AUTHENTICATION, "selfsubjectreviews", "SelfSubjectReview")

REVIEWS: Final = (
    Virtual(_WHOAMI, _whoami),
    *(Virtual(row, _allowed) for row in (_LOCAL, _OWN)),
    Virtual(_OWN_RULES, _rules),
    Virtual(_OTHERS, _allowed),
)
"""Every review that this server answers."""

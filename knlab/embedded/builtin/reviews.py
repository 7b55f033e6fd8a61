"""Who am I and what may I do: reviews, answered and never stored; the one user may everything."""

from __future__ import annotations

from typing import Final

from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.registry import Resource
from knlab.embedded.kube.subresources import Requester, Virtual

_AUTHENTICATION: Final = "authentication.k8s.io"
_AUTHORIZATION: Final = "authorization.k8s.io"
_PUBLIC: Final = ("/healthz", "/livez", "/readyz", "/version", "/version/")
_DISCOVERY: Final = (
    "/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi", "/openapi/*",
    "/readyz", "/version", "/version/",
)  # fmt: skip
"""What the roles of every user of a new cluster allow besides what an administrator may."""


def _row(group: str, plural: str, kind: str, *, namespaced: bool = False) -> Resource:
    return Resource(
        group=group,
        version="v1",
        plural=plural,
        kind=kind,
        namespaced=namespaced,
        verbs=("create",),
        has_status=False,
    )


def _allowed(review: Object, _requester: Requester) -> Object:
    return _reviewed(review, {"allowed": True})


def _rules(review: Object, _requester: Requester) -> Object:
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
                "apiGroups": [_AUTHENTICATION],
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
    return _reviewed(review, everything)


def _whoami(review: Object, requester: Requester) -> Object:
    return _reviewed(review, {"userInfo": requester.user_info()})


def _reviewed(review: Object, status: Object) -> Object:
    metadata = review.get("metadata") or {}
    return review | {"metadata": {"creationTimestamp": None} | metadata, "status": status}


REVIEWS: Final = (
    Virtual(_row(_AUTHENTICATION, "selfsubjectreviews", "SelfSubjectReview"), _whoami),
    Virtual(
        _row(
            _AUTHORIZATION, "localsubjectaccessreviews", "LocalSubjectAccessReview", namespaced=True
        ),
        _allowed,
    ),
    Virtual(_row(_AUTHORIZATION, "selfsubjectaccessreviews", "SelfSubjectAccessReview"), _allowed),
    Virtual(_row(_AUTHORIZATION, "selfsubjectrulesreviews", "SelfSubjectRulesReview"), _rules),
    Virtual(_row(_AUTHORIZATION, "subjectaccessreviews", "SubjectAccessReview"), _allowed),
)
"""Every review that this server answers."""

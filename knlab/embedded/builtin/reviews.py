"""Who am I and what may I do: reviews, answered and never stored; the one user may everything."""

from __future__ import annotations

from typing import Final

from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.registry import Resource
from knlab.embedded.kube.subresources import Requester, Virtual

_AUTHENTICATION: Final = "authentication.k8s.io"
_AUTHORIZATION: Final = "authorization.k8s.io"
_WHY: Final = "the embedded cluster has one user, who may do everything"


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
    return _reviewed(review, {"allowed": True, "reason": _WHY})


def _rules(review: Object, _requester: Requester) -> Object:
    everything = {
        "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
        "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
        "incomplete": False,
    }
    return _reviewed(review, everything)


def _whoami(review: Object, requester: Requester) -> Object:
    user = {"username": requester.name, "groups": list(requester.groups)}
    return _reviewed(review, {"userInfo": user})


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

from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.builtin.reviews import REVIEWS
from knlab.embedded.kube.backing import WriteOptions
from knlab.embedded.kube.errors import BadRequest, Invalid
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.subresources import Requester

ADMIN = Requester("knlab-admin", ("system:masters",))
BY_KIND = {each.row.kind: each for each in REVIEWS}


def answer(kind: str, metadata: Object | None = None, **spec: Any) -> Object:
    review = {"kind": kind, "metadata": metadata or {}, "spec": spec}
    return BY_KIND[kind].answer(review, ADMIN, WriteOptions())


@pytest.mark.parametrize("kind", ["SelfSubjectAccessReview", "SubjectAccessReview"])
def test_every_user_may_do_everything(kind: str) -> None:
    question: Object = {"user": "bob", "resourceAttributes": {"verb": "delete"}}
    found = answer(kind, **question)
    assert found["status"]["allowed"] is True
    assert found["spec"] == question


@pytest.mark.parametrize(
    ("kind", "metadata", "spec", "message"),
    [
        (
            "SelfSubjectAccessReview", {}, {},
            ("spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or"
            " resourceAttributes must be specified"),
        ),
        (
            "SelfSubjectAccessReview", {}, {"resourceAttributes": {}, "nonResourceAttributes": {}},
            ('spec.nonResourceAttributes: Invalid value: {"Path":"","Verb":""}: cannot be specified'
            " in combination with resourceAttributes"),
        ),
        (
            "SubjectAccessReview", {}, {"groups": [], "nonResourceAttributes": {"path": "/x"}},
            'spec.user: Invalid value: "": at least one of user or group must be specified',
        ),
        (
            "SelfSubjectAccessReview", {"name": "q"}, {"resourceAttributes": {}},
            'metadata: Invalid value: {"name":"q"}: must be empty',
        ),
        (
            "LocalSubjectAccessReview", {"namespace": "here"},
            {"user": "bob", "nonResourceAttributes": {"path": "/", "verb": "get"}},
            ('spec.nonResourceAttributes: Invalid value: {"Path":"/","Verb":"get"}: disallowed on'
            " this kind of request"),
        ),
        (
            "LocalSubjectAccessReview", {"namespace": "here"},
            {"user": "bob", "resourceAttributes": {"namespace": "there"}},
            ('spec.resourceAttributes.namespace: Invalid value: "there": must match'
            " metadata.namespace"),
        ),
        (
            "LocalSubjectAccessReview", {"namespace": "here", "name": "a"},
            {"user": "bob", "resourceAttributes": {"namespace": "here"}},
            ('metadata: Invalid value: {"namespace":"here","name":"a"}: must be empty except for'
            " namespace"),
        ),
    ],
)  # fmt: skip
def test_questions_that_ask_nothing(
    kind: str, metadata: Object, spec: Object, message: str
) -> None:
    with pytest.raises(Invalid) as refused:
        answer(kind, metadata, **spec)
    assert refused.value.message == f'.authorization.k8s.io "" is invalid: {message}'


def test_old_clients_send_a_creation_timestamp_of_null() -> None:
    review = {"creationTimestamp": None}
    found = answer("SelfSubjectAccessReview", review, resourceAttributes={"verb": "get"})
    assert found["status"]["allowed"] is True


def test_whoami_names_the_user_and_its_groups() -> None:
    assert answer("SelfSubjectReview")["status"]["userInfo"] == {
        "username": "knlab-admin",
        "groups": ["system:masters"],
    }


def test_the_rules_cover_every_resource() -> None:
    found = answer("SelfSubjectRulesReview", namespace="default")
    assert found["status"]["resourceRules"][0]["verbs"] == ["*"]
    with pytest.raises(BadRequest, match="no namespace on request"):
        answer("SelfSubjectRulesReview")


def test_reviews_can_only_be_created() -> None:
    assert {each.row.verbs for each in REVIEWS} == {("create",)}

from __future__ import annotations

import pytest

from knlab.embedded.builtin.reviews import REVIEWS
from knlab.embedded.kube.subresources import Requester

ADMIN = Requester("knlab-admin", ("system:masters",))
BY_KIND = {each.row.kind: each for each in REVIEWS}


@pytest.mark.parametrize("kind", ["SelfSubjectAccessReview", "SubjectAccessReview"])
def test_the_one_user_may_do_everything(kind: str) -> None:
    question = {"kind": kind, "spec": {"resourceAttributes": {"verb": "delete"}}}
    answer = BY_KIND[kind].answer(question, ADMIN)
    assert answer["status"]["allowed"] is True
    assert answer["spec"] == question["spec"]


def test_whoami_names_the_user_and_its_groups() -> None:
    answer = BY_KIND["SelfSubjectReview"].answer({"kind": "SelfSubjectReview"}, ADMIN)
    assert answer["status"]["userInfo"] == {
        "username": "knlab-admin",
        "groups": ["system:masters"],
    }


def test_the_rules_cover_every_resource() -> None:
    answer = BY_KIND["SelfSubjectRulesReview"].answer({}, ADMIN)
    assert answer["status"]["resourceRules"][0]["verbs"] == ["*"]


def test_reviews_can_only_be_created() -> None:
    assert {each.row.verbs for each in REVIEWS} == {("create",)}

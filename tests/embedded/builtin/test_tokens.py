from __future__ import annotations

from uuid import UUID

import pytest

from knlab._clock import ManualClock
from knlab.embedded.builtin.kinds import SECRETS, SERVICE_ACCOUNTS
from knlab.embedded.builtin.tokens import ISSUER, ServiceAccountTokens
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.backing import WriteOptions
from knlab.embedded.kube.errors import Invalid, NotFound
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.subresources import Requester
from tests.factories import NOW_TEXT

ID = UUID("634fb8fc-fb28-4e00-9e1c-a2bea9814c9d")
ASKER = Requester("knlab")
OWNER = Requester("owner")


@pytest.fixture
def tokens(api: Api) -> ServiceAccountTokens:
    metadata = {"name": "robot", "namespace": "default"}
    api.create(
        SERVICE_ACCOUNTS, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
    )
    return ServiceAccountTokens(api, "the cluster's secret", lambda: ID, owner=OWNER)


def asked(tokens: ServiceAccountTokens, **spec: object) -> Object:
    return tokens.request("default", "robot", {"metadata": {}, "spec": spec})


def test_the_answer_says_what_was_made(api: Api, tokens: ServiceAccountTokens) -> None:
    answer = asked(tokens)
    token = answer["status"].pop("token")
    assert token.count(".") == 2
    assert answer == {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {
            "name": "robot",
            "namespace": "default",
            "uid": api.get(SERVICE_ACCOUNTS, "default", "robot")["metadata"]["uid"],
            "creationTimestamp": NOW_TEXT,
        },
        "spec": {"audiences": [ISSUER], "expirationSeconds": 3600, "boundObjectRef": None},
        "status": {"expirationTimestamp": "2025-10-09T09:53:20Z"},
    }


def test_whoever_comes_with_a_token_is_its_account(api: Api, tokens: ServiceAccountTokens) -> None:
    found = tokens.requester(asked(tokens)["status"]["token"])
    assert found is not None
    assert found.user_info() == {
        "username": "system:serviceaccount:default:robot",
        "uid": api.get(SERVICE_ACCOUNTS, "default", "robot")["metadata"]["uid"],
        "groups": [
            "system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated",
        ],
        "extra": {"authentication.kubernetes.io/credential-id": [f"JTI={ID}"]},
    }  # fmt: skip


def test_a_token_expires(api: Api, tokens: ServiceAccountTokens) -> None:
    token = asked(tokens, expirationSeconds=600)["status"]["token"]
    assert isinstance(api.clock, ManualClock)
    api.clock.advance(599.0)
    assert tokens.requester(token)
    api.clock.advance(1.0)
    assert tokens.requester(token) is None


def test_a_token_is_worth_nothing_without_its_account(
    api: Api, tokens: ServiceAccountTokens
) -> None:
    token = asked(tokens)["status"]["token"]
    account = api.get(SERVICE_ACCOUNTS, "default", "robot")
    api.delete(SERVICE_ACCOUNTS, "default", "robot")
    assert tokens.requester(token) is None
    api.create(SERVICE_ACCOUNTS, account)
    assert tokens.requester(token) is None, "an account of the same name is another one"


def test_a_token_of_another_cluster_or_with_other_claims_is_none_of_ours(
    api: Api, tokens: ServiceAccountTokens
) -> None:
    foreign = ServiceAccountTokens(api, "another secret")
    assert tokens.requester(asked(foreign)["status"]["token"]) is None
    head, claims, signature = asked(tokens)["status"]["token"].split(".")
    more = "x" if claims[0] != "x" else "y"
    for forged in (f"{head}.{more}{claims[1:]}.{signature}", f"{head}.{claims}.", "", "a.b.c", "é"):
        assert tokens.requester(forged) is None


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            {"expirationSeconds": 300},
            "spec.expirationSeconds: Invalid value: 300: may not specify a duration less than 10",
        ),
        ({"expirationSeconds": 1 << 33}, "may not specify a duration larger than 2^32 seconds"),
        ({"audiences": ["vault"]}, "other audiences are not available on this cluster"),
    ],
)
def test_what_cannot_be_had(tokens: ServiceAccountTokens, spec: Object, message: str) -> None:
    with pytest.raises(Invalid) as refused:
        asked(tokens, **spec)
    assert message in refused.value.message


def test_a_bound_token_is_worth_nothing_without_its_object(
    api: Api, tokens: ServiceAccountTokens
) -> None:
    metadata = {"name": "s", "namespace": "default"}
    secret: Object = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}
    uid = api.create(SECRETS, secret).object["metadata"]["uid"]
    reference = {"kind": "Secret", "apiVersion": "v1", "name": "s", "uid": uid}
    answer = asked(tokens, boundObjectRef=reference)
    assert answer["spec"]["boundObjectRef"] == reference
    token = answer["status"]["token"]
    assert tokens.requester(token)
    api.delete(SECRETS, "default", "s")
    assert tokens.requester(token) is None
    api.create(SECRETS, secret)
    assert tokens.requester(token) is None, "a secret of the same name is another one"


def test_an_account_that_is_not_there(tokens: ServiceAccountTokens) -> None:
    with pytest.raises(NotFound, match='serviceaccounts "nosuch" not found'):
        tokens.request("default", "nosuch", {})


def test_a_review_tells_whose_a_token_is(tokens: ServiceAccountTokens) -> None:
    token = asked(tokens)["status"]["token"]
    status = tokens.review({"spec": {"token": token}}, ASKER, WriteOptions())["status"]
    assert status["authenticated"] is True
    assert status["user"]["username"] == "system:serviceaccount:default:robot"
    own = tokens.review({"spec": {"token": "the cluster's secret"}}, ASKER, WriteOptions())[
        "status"
    ]
    assert own["user"]["username"] == OWNER.name
    wrong = tokens.review({"spec": {"token": "bad"}}, ASKER, WriteOptions())["status"]
    assert wrong == {"user": {}, "error": "invalid bearer token"}

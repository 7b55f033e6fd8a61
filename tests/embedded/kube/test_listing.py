"""Lists: selectors and pages."""

from __future__ import annotations

import base64

import orjson
import pytest

from knlab.embedded.kube.api import Api
from knlab.embedded.kube.errors import BadRequest, Expired, Timeout
from knlab.embedded.kube.listing import Query
from knlab.embedded.kube.objects import GroupResource

PODS = GroupResource("", "pods")


@pytest.fixture
def pods(api: Api) -> Api:
    for namespace in ("default", "other"):
        for n in range(5):
            labels = {"odd": str(n % 2)}
            fields = {"name": f"p{n}", "namespace": namespace, "labels": labels}
            made = api.create(PODS, {"apiVersion": "v1", "kind": "Pod", "metadata": fields}).object
            phase = {"phase": "Running" if n < 3 else "Failed"}
            api.update(PODS, made | {"status": phase}, subresource="status")
    return api


def listed(api: Api, namespace: str | None, query: Query) -> list[str]:
    items = api.page(PODS, namespace, query).items
    return [f"{item['metadata']['namespace']}/{item['metadata']['name']}" for item in items]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (Query(), ["p0", "p1", "p2", "p3", "p4"]),
        (Query(labels="odd=1"), ["p1", "p3"]),
        (Query(fields="status.phase=Failed"), ["p3", "p4"]),
        (Query(labels="odd=1", fields="metadata.name!=p1"), ["p3"]),
        (Query(limit=2), ["p0", "p1"]),
    ],
)
def test_queries(pods: Api, query: Query, expected: list[str]) -> None:
    assert listed(pods, "default", query) == [f"default/{name}" for name in expected]


def test_the_view_selects_by_equal_labels(pods: Api) -> None:
    found = pods.list(PODS, None, {"odd": "1"})
    assert [item["metadata"]["name"] for item in found] == ["p1", "p3", "p1", "p3"]
    assert pods.list(PODS, "default", {"odd": "2"}) == []


def test_pages_cover_everything_once_and_report_the_first_version(pods: Api) -> None:
    first = pods.page(PODS, None, Query(limit=4))
    assert first.remaining == 6
    pods.delete(PODS, "default", "p0")
    second = pods.page(PODS, None, Query(limit=4, token=first.token))
    third = pods.page(PODS, None, Query(limit=4, token=second.token))
    names = [item["metadata"]["name"] for page in (first, second, third) for item in page.items]
    assert names == ["p0", "p1", "p2", "p3", "p4"] * 2
    assert first.version == second.version == third.version < pods.store.version
    assert (third.token, third.remaining) == ("", None)


def test_remaining_is_unknown_with_a_selector(pods: Api) -> None:
    page = pods.page(PODS, None, Query(limit=1, labels="odd=1"))
    assert page.token
    assert page.remaining is None


def token(**content: object) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(content)).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x", "it is not one that this server gave"),
        ("!!!", "it is not one that this server gave"),
        ("W10", "it is not one that this server gave"),
        ("e30", "server does not recognize this encoded version "),
        (token(v="meta.k8s.io/v2", rv=5, start="a"), "encoded version meta.k8s.io/v2"),
        (token(v="meta.k8s.io/v1", rv=0, start="a"), "incorrect encoded start resourceVersion"),
        (token(v="meta.k8s.io/v1", rv="x", start="a"), "incorrect encoded start resourceVersion"),
        (token(v="meta.k8s.io/v1", rv=5, start=""), "encoded start key empty"),
        (token(v="meta.k8s.io/v1", rv=5), "encoded start key empty"),
        (token(v="meta.k8s.io/v1", rv=5, start="../a"), "continue key is not valid: ../a"),
    ],
)
def test_bad_tokens(pods: Api, text: str, message: str) -> None:
    with pytest.raises(
        BadRequest, match="invalid continue token: continue key is not valid"
    ) as caught:
        pods.page(PODS, None, Query(token=text))
    assert message in caught.value.message


def test_pages_show_how_it_was_at_the_first_one(pods: Api) -> None:
    first = pods.page(PODS, "default", Query(limit=2))
    pods.delete(PODS, "default", "p3")
    pods.create(PODS, {"apiVersion": "v1", "kind": "Pod",
                       "metadata": {"name": "p25", "namespace": "default"}})  # fmt: skip
    changed = pods.get(PODS, "default", "p4")
    changed["metadata"]["labels"] = {"new": "1"}
    pods.update(PODS, changed)
    rest = pods.page(PODS, "default", Query(token=first.token))
    assert [item["metadata"]["name"] for item in rest.items] == ["p2", "p3", "p4"]
    assert rest.items[-1]["metadata"]["labels"] == {"odd": "0"}
    assert rest.version == first.version


def test_a_token_is_relative_to_what_is_listed(pods: Api) -> None:
    one = pods.page(PODS, "default", Query(limit=1)).token
    assert listed(pods, "other", Query(token=one))[0] == "other/p1"
    everywhere = pods.page(PODS, None, Query(limit=6)).token
    assert listed(pods, None, Query(token=everywhere))[0] == "other/p1"


def test_a_list_of_an_earlier_version(pods: Api) -> None:
    before = pods.store.version
    pods.delete(PODS, "default", "p0")
    exact = pods.page(PODS, "default", Query(exact=before))
    assert len(exact.items) == 5
    assert exact.version == before
    assert len(pods.page(PODS, "default", Query(at_least=before)).items) == 4
    with pytest.raises(Timeout):
        pods.page(PODS, "default", Query(exact=10_000))


def test_what_is_forgotten_has_expired_and_a_token_leads_on(pods: Api) -> None:
    first = pods.page(PODS, "default", Query(limit=2))
    pods.delete(PODS, "default", "p3")
    pods.delete(PODS, "default", "p4")
    pods.page(PODS, "default", Query(token=first.token))
    pods.store.compact(pods.store.version)
    with pytest.raises(Expired, match="too old to display a consistent list") as caught:
        pods.page(PODS, "default", Query(token=first.token))
    status = caught.value.status()
    assert (status["code"], status["reason"]) == (410, "Expired")
    rest = pods.page(PODS, "default", Query(token=status["metadata"]["continue"]))
    assert [item["metadata"]["name"] for item in rest.items] == ["p2"]
    assert rest.version == pods.store.version
    with pytest.raises(Expired, match=r"^The resourceVersion for the provided list is too old\.$"):
        pods.page(PODS, "default", Query(exact=first.version))


def test_a_version_of_the_future(pods: Api) -> None:
    with pytest.raises(Timeout) as caught:
        pods.page(PODS, None, Query(at_least=10_000))
    assert (caught.value.details or {})["causes"][0]["reason"] == "ResourceVersionTooLarge"


def test_a_field_that_cannot_be_selected(pods: Api) -> None:
    with pytest.raises(BadRequest, match=r"field label not supported: spec.x"):
        pods.page(PODS, None, Query(fields="spec.x=1"))


def test_pages_are_references_and_lists_are_copies(pods: Api) -> None:
    page = pods.page(PODS, "default")
    assert page.items[0] is pods.peek(PODS, "default", "p0")
    assert pods.list(PODS, "default")[0] is not page.items[0]

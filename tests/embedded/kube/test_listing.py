"""Lists: selectors and pages."""

from __future__ import annotations

import pytest

from knlab.embedded.kube.api import Api
from knlab.embedded.kube.errors import BadRequest, Timeout
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


@pytest.mark.parametrize("token", ["x", "e30", "W10", "!!!"])
def test_bad_tokens(pods: Api, token: str) -> None:
    with pytest.raises(BadRequest, match="continue key is not valid"):
        pods.page(PODS, None, Query(token=token))


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

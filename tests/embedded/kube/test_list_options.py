"""The query of lists and watches: what it asks for, and what it may not ask for together."""

from __future__ import annotations

import pytest

from knlab.embedded.kube.errors import BadRequest, Invalid
from knlab.embedded.kube.list_options import list_query, requested_version, watch_query
from knlab.embedded.kube.listing import Query
from knlab.embedded.kube.paths import Parameters, Target
from tests.embedded.kube.conftest import ROWS

MAPS = Target(ROWS[1], "default")
MATCH = "resourceVersionMatch"
UNLESS = f"{MATCH}: Forbidden: {MATCH} is forbidden unless resourceVersion is provided"
WITH_TOKEN = f"{MATCH}: Forbidden: {MATCH} is forbidden when continue is provided"
NOT_INITIAL = (
    f"{MATCH}: Forbidden: {MATCH} is forbidden for watch unless sendInitialEvents is provided"
)
NOT_SUPPORTED = f'{MATCH}: Unsupported value: "Exact": supported values: "NotOlderThan"'
INITIAL = f"{MATCH}: Forbidden: sendInitialEvents requires setting {MATCH} to NotOlderThan"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", Query()),
        ("labelSelector=a&fieldSelector=b", Query(labels="a", fields="b")),
        ("limit=5", Query(limit=5)),
        ("limit=-1", Query()),
        ("resourceVersion=0", Query()),
        ("resourceVersion=0&limit=5", Query()),
        ("resourceVersion=7", Query(at_least=7)),
        ("resourceVersion=7&limit=5", Query(exact=7, limit=5)),
        ("resourceVersion=7&limit=5&resourceVersionMatch=NotOlderThan", Query(at_least=7, limit=5)),
        ("resourceVersion=7&resourceVersionMatch=Exact", Query(exact=7)),
        ("resourceVersion=0&continue=t&limit=5", Query(token="t", limit=5)),
        ("timeoutSeconds=5&pretty=true&watch=0", Query()),
    ],
)
def test_what_a_list_asks_for(query: str, expected: Query) -> None:
    assert list_query(MAPS, Parameters(query)) == expected


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (f"{MATCH}=Exact", UNLESS),
        (f"{MATCH}=NotOlderThan", UNLESS),
        (f"{MATCH}=Exact&continue=x", f"[{UNLESS}, {WITH_TOKEN}]"),
        (
            f"{MATCH}=Foo&resourceVersion=1",
            f'{MATCH}: Unsupported value: "Foo": supported values: "Exact", "NotOlderThan", ""',
        ),
        (
            f"{MATCH}=Exact&resourceVersion=0",
            f'{MATCH}: Forbidden: {MATCH} "exact" is forbidden for resourceVersion "0"',
        ),
        (
            "sendInitialEvents=true",
            "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list",
        ),
    ],
)
def test_contradictions_in_a_list(query: str, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        list_query(MAPS, Parameters(query))
    assert caught.value.message == f'ListOptions.meta.k8s.io "" is invalid: {message}'
    details = caught.value.details or {}
    assert {key: details[key] for key in details if key != "causes"} == {
        "group": "meta.k8s.io", "kind": "ListOptions",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("sendInitialEvents=true", INITIAL),
        ("sendInitialEvents=false", INITIAL),
        (
            f"sendInitialEvents=true&{MATCH}=Exact",
            f"[{INITIAL}, {NOT_SUPPORTED}]",
        ),
        (f"{MATCH}=NotOlderThan&resourceVersion=1", NOT_INITIAL),
        (
            f"{MATCH}=Exact&resourceVersion=1",
            f"[{NOT_INITIAL}, {NOT_SUPPORTED}]",
        ),
        (f"sendInitialEvents=true&{MATCH}=NotOlderThan&continue=x", WITH_TOKEN),
    ],
)
def test_contradictions_in_a_watch(query: str, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        watch_query(MAPS, Parameters(query))
    assert caught.value.message == f'ListOptions.meta.k8s.io "" is invalid: {message}'


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("limit=abc", 'strconv.ParseInt: parsing "abc": invalid syntax'),
        ("limit=", 'strconv.ParseInt: parsing "": invalid syntax'),
        ("limit=9223372036854775808", "value out of range"),
        ("timeoutSeconds=0.5", 'strconv.ParseInt: parsing "0.5": invalid syntax'),
        (
            "resourceVersion=abc",
            (
                'invalid resource version: resourceVersion: Invalid value: "abc":'
                ' strconv.ParseUint: parsing "abc": invalid syntax'
            ),
        ),
        ("resourceVersion=-1", 'parsing "-1": invalid syntax'),
        ("resourceVersion=18446744073709551616", "value out of range"),
        (
            "continue=x&resourceVersion=3",
            "specifying resource version is not allowed when using continue",
        ),
    ],
)
def test_values_that_are_none(query: str, message: str) -> None:
    with pytest.raises(BadRequest) as caught:
        list_query(MAPS, Parameters(query))
    assert message in caught.value.message


def test_a_name_in_the_path_is_a_field(  # as the watch paths of old clients have it
) -> None:
    target = Target(ROWS[1], "default", "m", watched=True)
    query, version = watch_query(target, Parameters("fieldSelector=a%3Db&resourceVersion=4"))
    assert (query.fields, version) == ("a=b,metadata.name=m", 4)


def test_no_version_is_zero() -> None:
    assert (
        requested_version(Parameters("")) == requested_version(Parameters("resourceVersion=")) == 0
    )

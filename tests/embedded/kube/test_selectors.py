"""Selectors: grammar, matching, error texts."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.kube.errors import BadRequest
from knlab.embedded.kube.selectors import (
    match_labels,
    parse_fields,
    parse_labels,
    select_labels,
)

LABELS = {"app": "web", "tier": "front", "n": "5", "empty": ""}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        ("app=web", True),
        ("app==web", True),
        (" app = web , tier = front ", True),
        ("app=web,tier=back", False),
        ("app!=web", False),
        ("missing!=web", True),
        ("app", True),
        ("missing", False),
        ("!app", False),
        ("!missing", True),
        ("app in (api,web)", True),
        ("app in (api, db)", False),
        ("app notin (api,db)", True),
        ("missing notin (a)", True),
        ("n>4", True),
        ("n>5", False),
        ("n<6", True),
        ("app>1", False),
        ("empty=", True),
        ("app=", False),
        ("empty in ()", True),
        ("app in ()", False),
        ("empty in (,a)", True),
        ("in=x", False),
        ("a.b/c-d=x", False),
        ("app in (in,web)", True),
    ],
)
def test_label_selectors(text: str, *, expected: bool) -> None:
    assert parse_labels(text).matches(LABELS) is expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
        ("a=b c", "found 'c', expected: ',' or 'end of string'"),
        ("a,", "found '', expected: identifier after ','"),
        (",a", "found ',', expected: !, identifier, or 'end of string'"),
        ("a in b", "unable to parse requirement: found 'b' expected: '('"),
        ("a in (b", "unable to parse requirement: found '', expected: ',' or ')'"),
        ("!", "unable to parse requirement: found '', expected: identifier"),
        ("a=(", "unable to parse requirement: found '(', expected: identifier"),
        (
            "a>b",
            (
                'unable to parse requirement: values[0]: Invalid value: "b":'
                " for 'Gt', 'Lt' operators, the value must be an integer"
            ),
        ),
    ],
)
def test_errors_are_worded_as_kubernetes_words_them(text: str, message: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_labels(text)
    assert caught.value.message == message


def test_keys_and_values_must_be_valid() -> None:
    with pytest.raises(BadRequest, match=r'<nil>: Invalid value: "-a": name part must consist'):
        parse_labels("-a=1")
    with pytest.raises(BadRequest, match=r'values\[0\]\[a\]: Invalid value: "b@": a valid label'):
        parse_labels("a=b@")


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        pytest.param(None, False, id="no selector selects nothing"),
        pytest.param({}, True, id="an empty one selects everything"),
        pytest.param({"matchLabels": {"app": "web"}}, True, id="equal labels"),
        pytest.param({"matchLabels": {"app": "api"}}, False, id="other labels"),
        pytest.param(
            {"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]}, True,
            id="In",
        ),
        pytest.param(
            {"matchExpressions": [{"key": "x", "operator": "NotIn", "values": ["web"]}]}, True,
            id="NotIn matches objects without the key",
        ),
        pytest.param(
            {"matchExpressions": [{"key": "app", "operator": "Exists"}]}, True, id="Exists"
        ),
        pytest.param(
            {"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, False,
            id="DoesNotExist",
        ),
        pytest.param(
            {"matchLabels": {"app": "web"},
             "matchExpressions": [{"key": "tier", "operator": "In", "values": ["back"]}]}, False,
            id="all must match",
        ),
    ],
)  # fmt: skip
def test_selectors_in_objects(selector: dict[str, Any] | None, *, expected: bool) -> None:
    assert select_labels(selector).matches(LABELS) is expected


def test_unknown_operators_are_refused() -> None:
    with pytest.raises(BadRequest, match='"Like" is not a valid label selector operator'):
        select_labels({"matchExpressions": [{"key": "a", "operator": "Like"}]})


@pytest.mark.parametrize(
    "text", ["a=b,c=d", "a in (b,c)", "!a", "a", "a!=b", "a>1", "a notin (x,y)"]
)
def test_a_parsed_selector_prints_as_it_was_written(text: str) -> None:
    assert str(parse_labels(text)) == text


def test_a_plain_map_prints_sorted() -> None:
    assert str(match_labels({"b": "2", "a": "1"})) == "a=1,b=2"


OBJECT = {
    "metadata": {"name": "p1", "namespace": "default"},
    "spec": {"hostNetwork": True},
    "status": {"phase": "Running", "n": 3},
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        ("metadata.name=p1", True),
        ("metadata.name==p1", True),
        ("metadata.name!=p1", False),
        ("metadata.name=p1,metadata.name=p1", True),
        ("metadata.name=p1,status.phase!=Running", False),
        ("spec.hostNetwork=true", True),
        ("status.n=3", True),
        ("status.reason=", True),
        ("status.reason!=x", True),
        (r"metadata.name=p\,1", False),
    ],
)
def test_field_selectors(text: str, *, expected: bool) -> None:
    supported = ("spec.hostNetwork", "status.phase", "status.n", "status.reason")
    assert parse_fields(text, supported).matches(OBJECT) is expected


_UNKNOWN = '"{}" is not a known field selector: only "metadata.name", "metadata.namespace"'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("metadata.name", "invalid selector: 'metadata.name'; can't understand 'metadata.name'"),
        ("metadata.name=a=b", "invalid field selector: unescaped character in value: 61"),
        ("metadata.name=a\\", "invalid field selector: invalid escape sequence: \\"),
        (r"metadata.name=\a", r"invalid field selector: invalid escape sequence: \a"),
        ("foo.bar=1", _UNKNOWN.format("foo.bar")),
        ("=a", _UNKNOWN.format("")),
        (" metadata.name =a", _UNKNOWN.format(" metadata.name ")),
        ("metadata.name=a,foo=b", _UNKNOWN.format("foo")),
    ],
)
def test_field_selector_errors(text: str, message: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_fields(text)
    assert caught.value.message == message


def test_kinds_with_fields_of_their_own_say_it_otherwise() -> None:
    for supported, custom in ((("status.phase",), False), ((), True)):
        with pytest.raises(BadRequest, match=r"^field label not supported: foo\.bar$"):
            parse_fields("foo.bar=1", supported, custom=custom)

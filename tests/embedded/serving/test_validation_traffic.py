"""Traffic that the webhook refuses."""

from __future__ import annotations

import pytest

from knlab.embedded.kube.objects import Object
from knlab.embedded.serving.kinds import ROUTES
from tests.embedded.serving.admitted import DNS, denied, service
from tests.factories import make


@pytest.mark.parametrize(
    ("traffic", "text"),
    [
        ([{"percent": 90}], "Traffic targets sum to 90, want 100: spec.traffic"),
        ([{"percent": -5}, {"percent": 105, "revisionName": "a"}],
         ("expected 0 <= -5 <= 100: spec.traffic[0].percent\n"
         "expected 0 <= 105 <= 100: spec.traffic[1].percent")),
        ([{"percent": 100, "tag": "foo"}, {"revisionName": "a", "tag": "foo"}],
         'Multiple definitions for "foo": spec.traffic[0].tag, spec.traffic[1].tag'),
        ([{"percent": 100, "tag": "Foo"}],
         f"invalid value: not a DNS 1035 label: {DNS}: spec.traffic.tag[0]"),
        ([{"percent": 100, "latestRevision": True, "revisionName": "x"}],
         ('may not set revisionName "x" when latestRevision is true:'
         " spec.traffic[0].latestRevision")),
        ([{"percent": 100, "latestRevision": False}],
         ('may not set revisionName "" when latestRevision is false:'
         " spec.traffic[0].latestRevision")),
        ([{"percent": 100, "configurationName": "c"}],
         "must not set the field(s): spec.traffic[0].configurationName"),
        ([{"percent": 100, "url": "http://x"}],
         "must not set the field(s): spec.traffic[0].url"),
    ],
)  # fmt: skip
def test_traffic_that_is_refused(traffic: list[Object], text: str) -> None:
    assert denied(service(traffic=traffic)) == text


def test_a_revision_name_of_wrong_characters() -> None:
    text = denied(service(traffic=[{"percent": 100, "revisionName": "b ar"}]))
    assert text.startswith(
        'invalid key name "b ar": spec.traffic[0].revisionName\nname part must consist of'
    )


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ({}, "expected exactly one, got neither"),
        ({"revisionName": "a", "configurationName": "b"}, "expected exactly one, got both"),
    ],
)
def test_a_route_names_exactly_one_target(names: dict[str, str], text: str) -> None:
    target = {"percent": 100} | names
    obj = make("serving.knative.dev/v1", "Route", "hello", "ns", spec={"traffic": [target]})
    assert denied(obj, resource=ROUTES) == (
        f"{text}: spec.traffic[0].configurationName, spec.traffic[0].revisionName"
    )

"""ResourceQuotas and LimitRanges that cannot be, in the words of a real server."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.builtin.kinds import LIMIT_RANGES, RESOURCE_QUOTAS
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.errors import Invalid
from knlab.embedded.kube.objects import Object
from tests.embedded.builtin.bounded import created, limit_range, quota, refusal

NOT_ONLY = (
    "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating,"
    " ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort,"
    " ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
)
SELECTED = "spec.scopeSelector.matchExpressions"


def selecting(**part: Any) -> dict[str, Any]:
    return {"scopeSelector": {"matchExpressions": [part]}}


@pytest.mark.parametrize(
    ("hard", "spec", "words"),
    [
        ({"requests.cpu": "-1", "pods": "1.5", "foo": "1", "count/pods": "1"}, {},
         ('[spec.hard[foo]: Invalid value: "foo": must be a standard resource type or fully'
         ' qualified, spec.hard[foo]: Invalid value: "foo": must be a standard resource for quota,'
         ' spec.hard[pods]: Invalid value: "1500m": must be an integer, spec.hard[requests.cpu]:'
         ' Invalid value: "-1": must be greater than or equal to 0]')),
        ({"count/pods": "0.5"}, {},
         'spec.hard[count/pods]: Invalid value: "500m": must be an integer'),
        ({"storage": "1"}, {},
         'spec.hard[storage]: Invalid value: "storage": must be a standard resource for quota'),
        ({"services": "1", "cpu": "1"}, {"scopes": ["BestEffort", "NotBestEffort", "Foo"]},
         ('[spec.scopes: Invalid value: ["BestEffort","NotBestEffort","Foo"]: unsupported scope'
         ' applied to resource, spec.scopes: Invalid value: ["BestEffort","NotBestEffort","Foo"]:'
         ' unsupported scope, spec.scopes: Invalid value: ["BestEffort","NotBestEffort","Foo"]:'
         " conflicting scopes]")),
        ({"pods": "1"}, selecting(scopeName="Terminating", operator="In", values=["a"]),
         f'{SELECTED}.operator: Invalid value: "In": {NOT_ONLY}'),
        ({"pods": "1"}, selecting(scopeName="PriorityClass", operator="In"),
         (f"{SELECTED}.values: Required value: must be at least one value when `operator` is 'In'"
         " or 'NotIn' for scope selector")),
        ({"pods": "1"}, selecting(scopeName="PriorityClass", operator="Exists", values=["a"]),
         (f'{SELECTED}.values: Invalid value: ["a"]: must be no value when `operator` is'
         " 'Exist' or 'DoesNotExist' for scope selector")),
        ({"pods": "1"}, selecting(scopeName="PriorityClass", operator="Foo"),
         f'{SELECTED}.operator: Invalid value: "Foo": not a valid selector operator'),
        ({"pods": "1"}, selecting(scopeName="Bar", operator="Exists"),
         f'{SELECTED}.scopeName: Invalid value: "Bar": unsupported scope'),
    ],
    ids=[
        "names and amounts", "halves of objects", "a name for containers", "scopes",
        "scopes that only exist", "no value", "a value too many", "an operator", "a selected scope",
    ],
)  # fmt: skip
def test_quotas(api: Api, hard: Object, spec: Any, words: str) -> None:
    found = refusal(api, quota(hard, **spec), RESOURCE_QUOTAS)
    assert found == f'ResourceQuota "q" is invalid: {words}'


def test_the_scopes_of_a_quota_stay(api: Api) -> None:
    made = created(api, quota({"pods": 3}, scopes=["BestEffort"]), RESOURCE_QUOTAS)
    assert made["spec"]["hard"] == {"pods": "3"}
    made = api.update(
        RESOURCE_QUOTAS, made | {"spec": made["spec"] | {"hard": {"pods": "4"}}}
    ).object
    with pytest.raises(Invalid, match=r"spec\.scopes: Invalid value: \[\]: field is immutable"):
        api.update(RESOURCE_QUOTAS, made | {"spec": {"hard": {"pods": "4"}}})


IN = "spec.limits[0]"


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ({"type": "Foo"},
         f'{IN}.type: Invalid value: "Foo": must be a standard limit type or fully qualified'),
        ({"type": "Pod", "default": {"cpu": 1}, "defaultRequest": {"cpu": 1}},
         (f"[{IN}.default: Forbidden: may not be specified when `type` is 'Pod',"
         f" {IN}.defaultRequest: Forbidden: may not be specified when `type` is 'Pod']")),
        ({"type": "Pod", "min": {"pods": 1, "foo": 1}},
         (f'[{IN}.min[foo]: Invalid value: "foo": must be a standard resource type or fully'
         f' qualified, {IN}.min[foo]: Invalid value: "foo": must be a standard resource for'
         f' containers, {IN}.min[pods]: Invalid value: "pods": must be a standard resource for'
         " containers]")),
        ({"type": "Container", "default": {"cpu": "100m"}, "defaultRequest": {"cpu": "200m"},
          "min": {"cpu": "300m"}, "max": {"cpu": "50m"}, "maxLimitRequestRatio": {"cpu": "0.5"}},
         (f'[{IN}.min[cpu]: Invalid value: "300m": min value 300m is greater than max value 50m,'
         f' {IN}.defaultRequest[cpu]: Invalid value: "200m": min value 300m is greater than default'
         f' request value 200m, {IN}.defaultRequest[cpu]: Invalid value: "200m": default request'
         f' value 200m is greater than max value 50m, {IN}.defaultRequest[cpu]: Invalid value:'
         f' "200m": default request value 200m is greater than default limit value 100m,'
         f' {IN}.default[cpu]: Invalid value: "300m": min value 300m is greater than default value'
         f' 100m, {IN}.default[cpu]: Invalid value: "50m": default value 100m is greater than max'
         f' value 50m, {IN}.maxLimitRequestRatio[cpu]: Invalid value: "500m": ratio 500m is less'
         f' than 1, {IN}.maxLimitRequestRatio[cpu]: Invalid value: "500m": ratio 500m is greater'
         " than max/min = 0.166667]")),
        ({"type": "Container", "min": {"cpu": "100m"}, "max": {"cpu": "200m"},
          "maxLimitRequestRatio": {"cpu": "3"}},
         (f'{IN}.maxLimitRequestRatio[cpu]: Invalid value: "3": ratio 3 is greater than max/min ='
         " 2.000000")),
    ],
    ids=["a type", "defaults of pods", "names", "an order", "a ratio"],
)  # fmt: skip
def test_limit_ranges(api: Api, item: Object, words: str) -> None:
    found = refusal(api, limit_range(item), LIMIT_RANGES)
    assert found == f'LimitRange "l" is invalid: {words}'


def test_each_type_comes_once(api: Api) -> None:
    twice = limit_range({"type": "Container"}, {"type": "Container"})
    assert refusal(api, twice, LIMIT_RANGES) == (
        'LimitRange "l" is invalid: spec.limits[1].type: Duplicate value: "Container"'
    )
    other = limit_range({"type": "example.com/disk", "max": {"storage": "1Gi"}}, {"type": "Pod"})
    created(api, other, LIMIT_RANGES)


def test_what_this_cluster_does_not_have(api: Api) -> None:
    claims = limit_range({"type": "PersistentVolumeClaim", "max": {"storage": "1Gi"}})
    assert refusal(api, claims, LIMIT_RANGES) == (
        "limitranges for PersistentVolumeClaims are not available on this cluster"
    )
    for scope in ("CrossNamespacePodAffinity", "VolumeAttributesClass"):
        words = f"resourcequotas with the scope {scope} are not available on this cluster"
        assert refusal(api, quota({"pods": "1"}, scopes=[scope]), RESOURCE_QUOTAS) == words
        chosen = quota({"pods": "1"}, **selecting(scopeName=scope, operator="Exists"))
        assert refusal(api, chosen, RESOURCE_QUOTAS) == words


def test_what_is_no_quantity(api: Api) -> None:
    words = (
        'in version "v1" cannot be handled as a {}: quantities must match the regular expression'
        " '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
    )
    assert refusal(api, quota({"pods": "2x"}), RESOURCE_QUOTAS) == (
        f"ResourceQuota {words.format('ResourceQuota')}"
    )
    item = {"type": "Pod", "max": {"cpu": "x"}}
    assert refusal(api, limit_range(item), LIMIT_RANGES) == (
        f"LimitRange {words.format('LimitRange')}"
    )

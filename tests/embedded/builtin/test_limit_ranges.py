from __future__ import annotations

import pytest

from knlab.embedded.builtin.kinds import LIMIT_RANGES
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.objects import Object
from tests.embedded.builtin.bounded import (
    bound,
    container,
    created,
    limit_range,
    limits,
    pod,
    refusal,
)


@pytest.mark.parametrize(
    ("item", "default", "request_"),
    [
        pytest.param(
            {"max": {"cpu": "0.5"}}, {"cpu": "500m"}, {"cpu": "500m"}, id="the maximum is given"
        ),
        pytest.param({"min": {"memory": "64Mi"}}, None, {"memory": "64Mi"}, id="and the minimum"),
        pytest.param(
            {"default": {"cpu": "200m"}, "min": {"cpu": "50m"}, "max": {"cpu": "1"}},
            {"cpu": "200m"},
            {"cpu": "200m"},
            id="a default limit is the default request",
        ),
        pytest.param(
            {"default": {"memory": "0.5Gi"}, "defaultRequest": {"memory": "1Mi"}},
            {"memory": "512Mi"},
            {"memory": "1Mi"},
            id="unless there is one",
        ),
    ],
)
def test_defaults_of_the_range_itself(
    api: Api, item: Object, default: Object | None, request_: Object
) -> None:
    made = created(api, limit_range({"type": "Container", **item}), LIMIT_RANGES)
    (found,) = made["spec"]["limits"]
    assert (found.get("default"), found["defaultRequest"]) == (default, request_)


def test_containers_get_what_they_do_not_say(api: Api) -> None:
    item = {
        "type": "Container", "default": {"cpu": "200m", "memory": "0.5Gi"},
        "defaultRequest": {"cpu": "100m"},
    }  # fmt: skip
    bound(api, limit_range(item))
    wanted = pod({}, {"requests": {"cpu": "60m"}}, initContainers=[container("i", {})])
    made = created(api, wanted)
    spec = made["spec"]
    full = {"cpu": "200m", "memory": "512Mi"}
    assert [each["resources"] for each in (*spec["containers"], *spec["initContainers"])] == [
        {"limits": full, "requests": {"cpu": asked, "memory": "512Mi"}}
        for asked in ("100m", "60m", "100m")
    ]
    assert made["metadata"]["annotations"]["kubernetes.io/limit-ranger"] == (
        "LimitRanger plugin set: cpu, memory request for container a; cpu, memory limit for"
        " container a; memory request for container b; cpu, memory limit for container b; cpu,"
        " memory request for init container i; cpu, memory limit for init container i"
    )
    assert made["status"]["qosClass"] == "Burstable"


def test_a_default_below_the_request_is_told_as_for_any_pod(api: Api) -> None:
    bound(api, limit_range({"type": "Container", "default": {"cpu": "200m"}}))
    assert refusal(api, pod({"requests": {"cpu": "300m"}})) == (
        'Pod "p" is invalid: spec.containers[0].resources.requests: Invalid value: "300m": must be'
        " less than or equal to cpu limit of 200m"
    )


@pytest.mark.parametrize(
    ("item", "wanted", "words"),
    [
        pytest.param(
            {"type": "Pod", "min": {"cpu": "1"}}, pod({}),
            "minimum cpu usage per Pod is 1.  No request is specified", id="no request"),
        pytest.param(
            {"type": "Container", "min": {"memory": "64Mi"}}, pod(limits(memory="10Mi")),
            "minimum memory usage per Container is 64Mi, but request is 10Mi", id="small request"),
        pytest.param(
            {"type": "Container", "max": {"cpu": "500m"}}, pod(limits(cpu="600m")),
            "maximum cpu usage per Container is 500m, but limit is 600m", id="large limit"),
        pytest.param(
            {"type": "Pod", "max": {"cpu": "1"}}, pod({}),
            "maximum cpu usage per Pod is 1.  No limit is specified", id="no limit"),
        pytest.param(
            {"type": "Pod", "max": {"cpu": "1.2"}},
            pod(limits(cpu="700m"), limits(cpu="700m")),
            "maximum cpu usage per Pod is 1200m, but limit is 1400m", id="all containers"),
        pytest.param(
            {"type": "Container", "maxLimitRequestRatio": {"cpu": "4"}},
            pod({"requests": {"cpu": "100m"}, "limits": {"cpu": "1"}}),
            "cpu max limit to request ratio per Container is 4, but provided ratio is 10.000000",
            id="ratio"),
        pytest.param(
            {"type": "Pod", "maxLimitRequestRatio": {"cpu": "4"}}, pod({}),
            "cpu max limit to request ratio per Pod is 4, but no request is specified or request"
            " is 0", id="ratio to nothing"),
        pytest.param(
            {"type": "Pod", "maxLimitRequestRatio": {"cpu": "4"}},
            pod({"requests": {"cpu": "1"}}),
            "cpu max limit to request ratio per Pod is 4, but no limit is specified or limit is 0",
            id="ratio of nothing"),
        pytest.param(
            {"type": "Container", "min": {"cpu": "50m"}, "max": {"cpu": "1", "memory": "1Gi"}},
            pod({"requests": {"cpu": "10m"}, "limits": {"cpu": "2", "memory": "3Gi"}}),
            "[minimum cpu usage per Container is 50m, but request is 10m, maximum cpu usage per"
            " Container is 1, but limit is 2, maximum memory usage per Container is 1Gi, but limit"
            " is 3Gi]", id="all at once"),
    ],
)  # fmt: skip
def test_pods_out_of_range(api: Api, item: Object, wanted: Object, words: str) -> None:
    bound(api, limit_range(item))
    assert refusal(api, wanted) == f'pods "p" is forbidden: {words}'


def test_of_several_ranges_each_must_fit(api: Api) -> None:
    bound(
        api,
        limit_range({"type": "Container", "max": {"cpu": "1"}}, name="a"),
        limit_range({"type": "Container", "max": {"memory": "1Gi"}}, name="b"),
    )
    assert "maximum memory usage" in refusal(api, pod(limits(memory="2Gi")))
    made = created(api, pod({}))
    noted = made["metadata"]["annotations"]["kubernetes.io/limit-ranger"]
    assert noted == (
        "LimitRanger plugin set: memory request for container a; memory limit for container a"
    )

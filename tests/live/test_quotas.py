"""What bounds namespaces and pods (quotas, limit ranges, priorities), up to a Service's words."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import knlab
from knlab._exceptions import KnlabError
from knlab.cluster.kubernetes import (
    CONFIG_MAP,
    CORE_SERVICE,
    DEPLOYMENT,
    EVENT,
    NAMESPACE,
    POD,
    REVISION,
    SERVICE,
    Kind,
)
from tests.live.world import Object, World, conditions

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

QUOTA = Kind("v1", "ResourceQuota")
LIMITS = Kind("v1", "LimitRange")
ACCOUNT = Kind("v1", "ServiceAccount")
PRIORITY_CLASS = Kind("scheduling.k8s.io/v1", "PriorityClass")

UNKNOWN = ("Unknown", "", "")

Make = Callable[..., Object]


@pytest.fixture
def namespace(world: World) -> Iterator[str]:
    name = f"quota-{uuid.uuid4().hex[:8]}"
    api = world.cluster.api
    api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    world.wait_for("the account", lambda: api.find(ACCOUNT, "default", name) is not None)
    yield name
    api.delete(NAMESPACE, name)


@pytest.fixture
def make(world: World, namespace: str) -> Make:
    """Creates an object of a kind in the namespace; a quota is waited for until it counts."""

    def made(kind: Kind, name: str, **fields: Any) -> Object:
        metadata = {"name": name, "namespace": namespace}
        obj = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, **fields}
        created = world.cluster.api.create(obj)
        if kind == QUOTA:
            world.wait_for(f"quota {name}", lambda: bool(used(world, namespace, name)))
        return created

    return made


def used(world: World, namespace: str, name: str = "q") -> Object:
    """What a quota says is used."""
    status = world.cluster.api.get(QUOTA, name, namespace).get("status") or {}
    return dict(status.get("used") or {})


def containers(*asked: Object, **spec: Any) -> Object:
    """The spec of a pod whose containers a, b, … ask for what `asked` says."""
    named = [
        {"name": "abc"[number], "image": knlab.images.HELLO, "resources": resources}
        for number, resources in enumerate(asked)
    ]
    return {"spec": {"containers": named} | spec}


def limits(**amounts: str) -> Object:
    return {"limits": amounts}


BOUNDS: dict[str, tuple[Kind, Object, Object, str]] = {
    "containers that do not say what is limited": (
        QUOTA, {"hard": {"limits.cpu": "1", "memory": "1Gi"}},
        containers({}, limits(cpu="100m")),
        "failed quota: q: must specify limits.cpu for: a; memory for: a,b",
    ),
    "more than is left": (
        QUOTA, {"hard": {"limits.cpu": "1", "memory": "1Gi", "pods": "5"}},
        containers(limits(cpu="1.5", memory="2Gi")),
        ("exceeded quota: q, requested: limits.cpu=1500m,memory=2Gi, used: limits.cpu=0,memory=0,"
        " limited: limits.cpu=1,memory=1Gi"),
    ),
    "a quota for pods that ask for nothing": (
        QUOTA, {"hard": {"pods": "0"}, "scopes": ["BestEffort"]},
        containers({}),
        "exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0",
    ),
    "a quota for pods that end": (
        QUOTA,
        {"hard": {"pods": "0"}, "scopeSelector": {"matchExpressions": [
            {"scopeName": "Terminating", "operator": "Exists"},
        ]}},
        containers({}, activeDeadlineSeconds=60),
        "exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0",
    ),
    "too much for a container": (
        LIMITS, {"limits": [{"type": "Container", "max": {"cpu": "500m"}}]},
        containers(limits(cpu="600m")),
        "maximum cpu usage per Container is 500m, but limit is 600m",
    ),
    "too little, and out of ratio": (
        LIMITS,
        {"limits": [{
            "type": "Container", "min": {"cpu": "50m"}, "maxLimitRequestRatio": {"cpu": "4"},
        }]},
        containers({"requests": {"cpu": "10m"}, "limits": {"cpu": "2"}}),
        ("[minimum cpu usage per Container is 50m, but request is 10m, cpu max limit to request"
        " ratio per Container is 4, but provided ratio is 200.000000]"),
    ),
    "too much for a pod": (
        LIMITS, {"limits": [{"type": "Pod", "max": {"cpu": "1.2"}}]},
        containers(limits(cpu="700m"), limits(cpu="700m")),
        "maximum cpu usage per Pod is 1200m, but limit is 1400m",
    ),
    "a maximum for pods that say nothing": (
        LIMITS, {"limits": [{"type": "Pod", "max": {"memory": "1Gi"}}]},
        containers({}),
        "maximum memory usage per Pod is 1Gi.  No limit is specified",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BOUNDS)
def test_a_pod_out_of_bounds_is_forbidden(make: Make, case: str) -> None:
    kind, spec, pod, words = BOUNDS[case]
    make(kind, "q", spec=spec)
    with pytest.raises(KnlabError) as refused:
        make(POD, "p", **pod)
    assert refused.value.message == f'pods "p" is forbidden: {words}'


INVALID: dict[str, tuple[Kind, Object, str]] = {
    "half a pod": (
        QUOTA, {"hard": {"pods": "1.5"}},
        'ResourceQuota "x" is invalid: spec.hard[pods]: Invalid value: "1500m": must be an integer',
    ),
    "a name that means nothing": (
        QUOTA, {"hard": {"foo": "1"}},
        (
            'ResourceQuota "x" is invalid: [spec.hard[foo]: Invalid value: "foo": must be a'
            ' standard resource type or fully qualified, spec.hard[foo]: Invalid value: "foo": must'
            " be a standard resource for quota]"
        ),
    ),
    "scopes that exclude each other": (
        QUOTA, {"hard": {"pods": "1"}, "scopes": ["BestEffort", "NotBestEffort"]},
        ('ResourceQuota "x" is invalid: spec.scopes: Invalid value: ["BestEffort","NotBestEffort"]:'
        " conflicting scopes"),
    ),
    "a scope that does not fit": (
        QUOTA, {"hard": {"cpu": "1"}, "scopes": ["BestEffort"]},
        ('ResourceQuota "x" is invalid: spec.scopes: Invalid value: ["BestEffort"]: unsupported'
        " scope applied to resource"),
    ),
    "a default above the maximum": (
        LIMITS,
        {"limits": [{"type": "Container", "default": {"cpu": "2"}, "max": {"cpu": "1"},
                     "defaultRequest": {"cpu": "1"}}]},
        ('LimitRange "x" is invalid: spec.limits[0].default[cpu]: Invalid value: "1": default value'
        " 2 is greater than max value 1"),
    ),
    "defaults for pods": (
        LIMITS, {"limits": [{"type": "Pod", "default": {"cpu": "2"}}]},
        ('LimitRange "x" is invalid: spec.limits[0].default: Forbidden: may not be specified when'
        " `type` is 'Pod'"),
    ),
    "a type that is unknown": (
        LIMITS, {"limits": [{"type": "Box"}]},
        ('LimitRange "x" is invalid: spec.limits[0].type: Invalid value: "Box": must be a standard'
        " limit type or fully qualified"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", INVALID)
def test_a_bound_that_cannot_be_is_refused(make: Make, case: str) -> None:
    kind, spec, message = INVALID[case]
    with pytest.raises(KnlabError) as refused:
        make(kind, "x", spec=spec)
    assert refused.value.message == message


def test_a_quota_counts_what_comes_and_what_goes(world: World, make: Make, namespace: str) -> None:
    hard = {
        "count/configmaps": "3", "limits.memory": "1Gi", "pods": "2", "requests.cpu": "1",
        "services": "2", "services.nodeports": "1", "count/deployments.apps": "1",
    }  # fmt: skip
    make(QUOTA, "q", spec={"hard": hard})
    nothing = {
        "count/configmaps": "1", "limits.memory": "0", "pods": "0", "requests.cpu": "0",
        "services": "0", "services.nodeports": "0", "count/deployments.apps": "0",
    }  # fmt: skip
    world.wait_for("one ConfigMap", lambda: used(world, namespace) == nothing)
    make(POD, "p", **containers(*(limits(cpu=cpu, memory="64Mi") for cpu in ("250m", "0.5"))))
    make(CONFIG_MAP, "c")
    ports = [{"name": "a", "port": 80}, {"name": "b", "port": 81}]
    make(CORE_SERVICE, "s", spec={"ports": ports})
    some = nothing | {
        "count/configmaps": "2", "limits.memory": "128Mi", "pods": "1", "requests.cpu": "750m",
        "services": "1",
    }  # fmt: skip
    world.wait_for("all to be counted", lambda: used(world, namespace) == some)
    with pytest.raises(KnlabError) as refused:
        world.cluster.api.patch(CORE_SERVICE, "s", {"spec": {"type": "NodePort"}}, namespace)
    assert refused.value.message == (
        'services "s" is forbidden: exceeded quota: q, requested: services.nodeports=2, used:'
        " services.nodeports=0, limited: services.nodeports=1"
    )
    for kind, name in ((POD, "p"), (CONFIG_MAP, "c"), (CORE_SERVICE, "s")):
        world.cluster.api.delete(kind, name, namespace)
    world.wait_for("nothing to be left", lambda: used(world, namespace) == nothing, timeout=90)


def test_a_limit_range_fills_in_what_containers_do_not_say(
    world: World, make: Make, namespace: str
) -> None:
    found = make(LIMITS, "l", spec={"limits": [{
        "type": "Container", "default": {"cpu": "200m", "memory": "0.5Gi"},
        "defaultRequest": {"cpu": "100m"}, "max": {"memory": "1Gi", "ephemeral-storage": "1Gi"},
    }]})  # fmt: skip
    (item,) = found["spec"]["limits"]
    assert item["default"] == {"cpu": "200m", "ephemeral-storage": "1Gi", "memory": "512Mi"}
    assert item["defaultRequest"] == {
        "cpu": "100m", "ephemeral-storage": "1Gi", "memory": "512Mi",
    }  # fmt: skip
    pod = make(POD, "p", **containers({}, {"requests": {"cpu": "60m"}}))
    every = {"ephemeral-storage": "1Gi", "memory": "512Mi"}
    assert [container["resources"] for container in pod["spec"]["containers"]] == [
        {"limits": {"cpu": "200m"} | every, "requests": {"cpu": asked} | every}
        for asked in ("100m", "60m")
    ]
    assert pod["metadata"]["annotations"] == {
        "kubernetes.io/limit-ranger": "LimitRanger plugin set: cpu, ephemeral-storage, memory"
        " request for container a; cpu, ephemeral-storage, memory limit for container a;"
        " ephemeral-storage, memory request for container b; cpu, ephemeral-storage, memory limit"
        " for container b"
    }
    assert pod["status"]["qosClass"] == "Burstable"


TOO_LITTLE: dict[str, tuple[Object, Object, str]] = {
    "no pod at all": (
        {"pods": "0"}, {},
        "exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0",
    ),
    "a container of one's own says nothing": (
        {"requests.cpu": "1"}, {},
        "failed quota: q: must specify requests.cpu for: user-container",
    ),
    "queue-proxy has no limits": (
        {"limits.cpu": "1", "limits.memory": "1Gi"}, limits(cpu="100m", memory="100Mi"),
        "failed quota: q: must specify limits.cpu for: queue-proxy; limits.memory for: queue-proxy",
    ),
    "queue-proxy asks for something, too": (
        {"requests.cpu": "100m"}, {"requests": {"cpu": "90m"}},
        ("exceeded quota: q, requested: requests.cpu=115m, used: requests.cpu=0, limited:"
        " requests.cpu=100m"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TOO_LITTLE)
def test_a_service_says_what_its_quota_refuses(
    world: World, make: Make, namespace: str, case: str
) -> None:
    hard, resources, words = TOO_LITTLE[case]
    make(QUOTA, "q", spec={"hard": hard})
    container = {"image": knlab.images.HELLO, "resources": resources}
    make(SERVICE, "h", spec={"template": {"spec": {"containers": [container]}}})

    def failed() -> bool:
        found = conditions(world.cluster.api.get(SERVICE, "h", namespace))
        return found.get("Ready", UNKNOWN)[:2] == ("False", "RevisionMissing")

    world.wait_for("the Service to fail", failed)
    words = f'pods "h-00001-deployment-HASH" is forbidden: {words}'
    revision = hashless(conditions(world.cluster.api.get(REVISION, "h-00001", namespace)))
    assert revision["ResourcesAvailable"] == ("False", "FailedCreate", words)
    assert revision["Ready"] == ("False", "FailedCreate", words)
    deployment = world.cluster.api.get(DEPLOYMENT, "h-00001-deployment", namespace)
    assert hashless(conditions(deployment))["ReplicaFailure"] == ("True", "FailedCreate", words)
    service = hashless(conditions(world.cluster.api.get(SERVICE, "h", namespace)))
    assert service["ConfigurationsReady"] == (
        "False", "RevisionFailed", f'Revision "h-00001" failed with message: {words}.',
    )  # fmt: skip
    assert service["Ready"] == (
        "False", "RevisionMissing", 'Configuration "h" does not have any ready Revision.',
    )  # fmt: skip
    told = {
        (event["reason"], without_hash(event["message"]))
        for event in world.cluster.api.items(EVENT, namespace)
        if event["involvedObject"]["kind"] == "ReplicaSet"
    }
    assert ("FailedCreate", f"Error creating: {words}") in told


def hashless(found: dict[str, tuple[str, str, str]]) -> dict[str, tuple[str, str, str]]:
    return {kind: (status, why, without_hash(say)) for kind, (status, why, say) in found.items()}


def without_hash(text: str) -> str:
    """`text` without what the server chose in the names of pods."""
    return re.sub(r"-deployment-[0-9a-z]+-[0-9a-z]{5}", "-deployment-HASH", text)


def test_more_room_lets_the_service_become_ready(world: World, make: Make, namespace: str) -> None:
    make(QUOTA, "q", spec={"hard": {"pods": "0"}})
    container = {"image": knlab.images.HELLO}
    make(SERVICE, "h", spec={"template": {"spec": {"containers": [container]}}})

    def ready() -> str:
        found = conditions(world.cluster.api.get(SERVICE, "h", namespace))
        return found.get("Ready", UNKNOWN)[0]

    world.wait_for("the Service to fail", lambda: ready() == "False")
    world.cluster.api.patch(QUOTA, "q", {"spec": {"hard": {"pods": "1"}}}, namespace)
    world.wait_for("the Service to be ready", lambda: ready() == "True", timeout=90)
    assert used(world, namespace) == {"pods": "1"}


def test_a_priority_class_gives_its_value_to_pods(world: World, make: Make, namespace: str) -> None:
    name = namespace  # classes are the cluster's
    head = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass"}
    mine = {"metadata": {"name": name}, "value": 1000, "preemptionPolicy": "Never"}
    world.cluster.api.create(head | mine)
    try:
        pod = make(POD, "p", **containers({}, priorityClassName=name))
        assert pod["spec"]["priority"] == 1000
        assert pod["spec"]["preemptionPolicy"] == "Never"
        with pytest.raises(KnlabError) as refused:
            make(POD, "other", **containers({}, priorityClassName=name, priority=5))
        assert refused.value.message == (
            'pods "other" is forbidden: the integer value of priority (5) must not be provided in'
            " pod spec; priority admission controller computed 1000 from the given PriorityClass"
            " name"
        )
        with pytest.raises(KnlabError) as refused:
            world.cluster.api.patch(PRIORITY_CLASS, name, {"value": 3})
        assert refused.value.message == (
            f'PriorityClass.scheduling.k8s.io "{name}" is invalid: value: Forbidden: may not be'
            " changed in an update."
        )
    finally:
        world.cluster.api.delete(PRIORITY_CLASS, name)

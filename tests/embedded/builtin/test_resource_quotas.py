from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.builtin.kinds import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    PODS,
    RESOURCE_QUOTAS,
    SECRETS,
    SERVICES,
)
from knlab.embedded.builtin.resource_quotas import kind_counted, used
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.backing import WriteOptions
from knlab.embedded.kube.errors import Forbidden
from knlab.embedded.kube.objects import GroupResource, Object
from tests.embedded.builtin.bounded import (
    bound,
    container,
    created,
    limits,
    obj,
    pod,
    quota,
    refusal,
)

TERMINATING = {"matchExpressions": [{"scopeName": "Terminating", "operator": "Exists"}]}


def selecting(operator: str, *values: str) -> Object:
    part = {"scopeName": "PriorityClass", "operator": operator}
    return {"matchExpressions": [part | ({"values": list(values)} if values else {})]}


def usage(api: Api, name: str = "q") -> dict[str, str]:
    return used(
        api.get(RESOURCE_QUOTAS, "default", name), lambda kind: api.store.items(kind, "default")
    )


@pytest.mark.parametrize(
    ("hard", "wanted", "words"),
    [
        pytest.param(
            {"requests.cpu": "1", "limits.cpu": "1", "memory": "1Gi", "pods": "2"},
            pod({}, limits(cpu="100m"), initContainers=[container("i", {})]),
            "failed quota: q: must specify limits.cpu for: a,i; memory for: a,b,i; requests.cpu"
            " for: a,i",
            id="each container must say what is limited",
        ),
        pytest.param(
            {"requests.cpu": "1", "limits.cpu": "1", "memory": "1Gi", "pods": "2"},
            pod(limits(cpu="1.5", memory="2Gi")),
            "exceeded quota: q, requested: limits.cpu=1500m,memory=2Gi,requests.cpu=1500m, used:"
            " limits.cpu=0,memory=0,requests.cpu=0, limited: limits.cpu=1,memory=1Gi,"
            "requests.cpu=1",
            id="all that is too much is told",
        ),
        pytest.param(
            {"requests.ephemeral-storage": "1Gi"},
            pod({"requests": {"ephemeral-storage": "2Gi"}}),
            "exceeded quota: q, requested: requests.ephemeral-storage=2Gi, used:"
            " requests.ephemeral-storage=0, limited: requests.ephemeral-storage=1Gi",
            id="storage need not be said, but counts",
        ),
        pytest.param(
            {"requests.example.com/gpu": "1"},
            pod({"requests": {"example.com/gpu": "2"}, "limits": {"example.com/gpu": "2"}}),
            "exceeded quota: q, requested: requests.example.com/gpu=2, used:"
            " requests.example.com/gpu=0, limited: requests.example.com/gpu=1",
            id="extended resources",
        ),
        pytest.param(
            {"count/pods": "0"},
            pod({}),
            "exceeded quota: q, requested: count/pods=1, used: count/pods=0, limited: count/pods=0",
            id="pods as objects",
        ),
    ],
)
def test_pods_that_are_too_much(api: Api, hard: Object, wanted: Object, words: str) -> None:
    bound(api, quota(hard))
    assert refusal(api, wanted) == f'pods "p" is forbidden: {words}'
    wanted["metadata"]["namespace"] = "kube-system"
    created(api, wanted)


def test_what_is_there_counts(api: Api) -> None:
    bound(api, quota({"limits.cpu": "1", "pods": "9"}))
    created(api, pod(limits(cpu="500m")))
    words = (
        'pods "other" is forbidden: exceeded quota: q, requested: limits.cpu=600m, used:'
        " limits.cpu=500m, limited: limits.cpu=1"
    )
    assert refusal(api, pod(limits(cpu="0.6"), name="other")) == words
    created(api, pod(limits(cpu="0.5"), name="other"))
    assert usage(api) == {"limits.cpu": "1", "pods": "2"}
    api.delete(PODS, "default", "p")
    assert usage(api) == {"limits.cpu": "500m", "pods": "1"}


def test_pods_that_are_over_count_as_objects_only(api: Api) -> None:
    bound(api, quota({"count/pods": "2", "pods": "1"}))
    made = created(api, pod({}))
    api.update(PODS, made | {"status": {"phase": "Succeeded"}}, subresource="status")
    created(api, pod({}, name="other"))
    assert usage(api) == {"count/pods": "2", "pods": "1"}
    assert "count/pods=1" in refusal(api, pod({}, name="third"))


@pytest.mark.parametrize(
    ("spec", "inside", "outside"),
    [
        pytest.param({"scopes": ["BestEffort"]}, pod({}), pod(limits(cpu="1m")), id="best effort"),
        pytest.param(
            {"scopes": ["NotBestEffort"]}, pod(limits(cpu="1m")), pod({}), id="not best effort"
        ),
        pytest.param(
            {"scopeSelector": TERMINATING}, pod({}, activeDeadlineSeconds=9), pod({}), id="ending"
        ),
        pytest.param(
            {"scopes": ["NotTerminating"]}, pod({}), pod({}, activeDeadlineSeconds=9), id="lasting"
        ),
        pytest.param(
            {"scopes": ["BestEffort", "NotTerminating"]},
            pod({}),
            pod({}, activeDeadlineSeconds=9),
            id="all scopes must fit",
        ),
        *(
            pytest.param(
                {"scopeSelector": selector},
                pod({}, priorityClassName="system-node-critical"),
                other,
                id=f"a priority class: {selector['matchExpressions'][0]['operator']}",
            )
            for selector, other in (
                (selecting("Exists"), pod({})),
                (selecting("In", "system-node-critical"), pod({})),
                (
                    selecting("NotIn", "system-cluster-critical"),
                    pod({}, priorityClassName="system-cluster-critical"),
                ),
            )
        ),
        pytest.param(
            {"scopeSelector": selecting("DoesNotExist")},
            pod({}),
            pod({}, priorityClassName="system-node-critical"),
            id="no priority class",
        ),
    ],
)
def test_scopes(api: Api, spec: Any, inside: Object, outside: Object) -> None:
    bound(api, quota({"pods": "0"}, **spec))
    words = "exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0"
    assert refusal(api, inside) == f'pods "p" is forbidden: {words}'
    created(api, outside)
    assert usage(api) == {"pods": "0"}


@pytest.mark.parametrize(
    ("name", "kind", "wanted"),
    [
        ("configmaps", CONFIG_MAPS, obj("ConfigMap", "x")),
        ("count/configmaps", CONFIG_MAPS, obj("ConfigMap", "x")),
        ("secrets", SECRETS, obj("Secret", "x")),
        ("services", SERVICES, obj("Service", "x", spec={"ports": [{"port": 80}]})),
        ("resourcequotas", RESOURCE_QUOTAS, obj("ResourceQuota", "x", spec={"hard": {}})),
        ("count/deployments.apps", DEPLOYMENTS, obj("Deployment", "x", "apps/v1", spec={
            "selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": pod({})["spec"]},
        })),
    ],
)  # fmt: skip
def test_objects_are_counted(api: Api, name: str, kind: GroupResource, wanted: Object) -> None:
    limit = "1" if kind == RESOURCE_QUOTAS else "0"
    bound(api, quota({name: limit}))
    there = usage(api)[name]
    assert refusal(api, wanted, kind) == (
        f'{kind} "x" is forbidden: exceeded quota: q, requested: {name}=1, used: {name}={there},'
        f" limited: {name}={limit}"
    )


def test_a_service_that_becomes_more_is_asked_again(api: Api) -> None:
    bound(api, quota({"services": "5", "services.nodeports": "1", "services.loadbalancers": "0"}))
    ports = [{"name": name, "port": 80 + number} for number, name in enumerate("ab")]
    made = created(api, obj("Service", "s", spec={"ports": ports}), SERVICES)
    for kind, words in (
        ("NodePort", ("services.nodeports=2, used: services.nodeports=0, limited:"
         " services.nodeports=1")),
        ("LoadBalancer", ("services.loadbalancers=1,services.nodeports=2, used:"
         " services.loadbalancers=0,services.nodeports=0, limited:"
         " services.loadbalancers=0,services.nodeports=1")),
    ):  # fmt: skip
        with pytest.raises(Forbidden) as refused:
            api.update(SERVICES, made | {"spec": made["spec"] | {"type": kind}})
        assert refused.value.message == (
            f'services "s" is forbidden: exceeded quota: q, requested: {words}'
        )
    one = made["spec"] | {"type": "NodePort", "ports": made["spec"]["ports"][:1]}
    on_node = api.update(SERVICES, made | {"spec": one}).object
    api.update(SERVICES, on_node | {"metadata": on_node["metadata"] | {"labels": {"a": "b"}}})
    assert usage(api)["services.nodeports"] == "1"


def test_a_dry_run_is_refused_and_uses_nothing(api: Api) -> None:
    bound(api, quota({"pods": "1"}))
    for _ in range(2):
        api.create(PODS, pod({}), WriteOptions(dry_run=True))
    assert usage(api) == {"pods": "0"}
    created(api, pod({}, name="other"))
    with pytest.raises(Forbidden):
        api.create(PODS, pod({}), WriteOptions(dry_run=True))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("requests.storage", "persistentvolumeclaims"),
        ("gold.storageclass.storage.k8s.io/requests.storage", "persistentvolumeclaims"),
        ("replicationcontrollers", "replicationcontrollers"),
        ("hugepages-2Mi", "pods"),
        ("requests.hugepages-2Mi", "pods"),
        ("count/services.serving.knative.dev", "services.serving.knative.dev"),
        ("example.com/gpu", "None"),
    ],
)
def test_whose_usage_is_counted_under_a_name(name: str, kind: str) -> None:
    assert str(kind_counted(name)) == kind

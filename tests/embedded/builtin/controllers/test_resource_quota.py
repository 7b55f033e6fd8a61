from __future__ import annotations

from knlab.embedded.builtin.columns import RESOURCE_QUOTA_COLUMNS
from knlab.embedded.builtin.controllers.resource_quota import (
    resource_quota_controller,
    sync_resource_quota,
)
from knlab.embedded.builtin.kinds import CONFIG_MAPS, PODS, RESOURCE_QUOTAS
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.controller import NOTHING, Outcome
from knlab.embedded.kube.objects import Key, Object
from tests.embedded.builtin.bounded import bound, created, limits, obj, pod, quota
from tests.factories import NOW

KEY = ("default", "q")


def followed(api: Api) -> list[Key]:
    """The quotas that were to be looked at, from now on."""
    found: list[Key] = []
    controller = resource_quota_controller(api.store, api.after_write.append)
    assert controller.wakes is not None
    controller.wakes(found.append)
    return found


def counted(api: Api) -> Object:
    """The status of the quota after a look at it."""
    for write in sync_resource_quota(api, KEY, NOW).writes:
        api.update(RESOURCE_QUOTAS, write.object, subresource="status")
    assert sync_resource_quota(api, KEY, NOW) == Outcome()
    return dict(api.get(RESOURCE_QUOTAS, *KEY)["status"])


def test_the_status_shows_what_is_used(api: Api) -> None:
    hard = {"limits.cpu": "1", "pods": "2", "services": "1"}
    bound(api, quota(hard))
    nothing = {"limits.cpu": "0", "pods": "0", "services": "1"}
    assert counted(api) == {"hard": hard, "used": nothing}
    created(api, pod(limits(cpu="250m")))
    assert counted(api)["used"] == nothing | {"limits.cpu": "250m", "pods": "1"}
    api.delete(PODS, "default", "p")
    assert counted(api)["used"] == nothing
    row = [column.cell(api.get(RESOURCE_QUOTAS, *KEY), NOW) for column in RESOURCE_QUOTA_COLUMNS
           if column.cell is not None]  # fmt: skip
    assert row[:3] == ["q", "pods: 0/2, services: 1/1", "limits.cpu: 0/1"]
    assert sync_resource_quota(api, ("default", "other"), NOW) == NOTHING


def test_it_looks_again_when_somebody_uses_more_or_less(api: Api) -> None:
    bound(api, quota({"pods": "2"}))
    seen = followed(api)
    made = created(api, pod({}))
    assert seen == [KEY]
    made = api.update(PODS, made | {"status": {"phase": "Running"}}, subresource="status").object
    created(api, obj("ConfigMap", "c"), CONFIG_MAPS)
    created(api, obj("Pod", "p", metadata={"namespace": "kube-system"}, spec=pod({})["spec"]))
    assert seen == [KEY]
    api.update(PODS, made | {"status": {"phase": "Failed"}}, subresource="status")
    assert seen == [KEY, KEY]
    api.delete(PODS, "default", "p")
    assert seen == [KEY, KEY, KEY]

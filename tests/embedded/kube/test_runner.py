"""The runner: changes in, syncs and writes out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import pytest

from knlab.embedded.kube import controller as c
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.controller import Controller, Note, Outcome, View
from knlab.embedded.kube.objects import GroupResource, Key, Object, owner_reference
from knlab.embedded.kube.runner import run_controllers
from tests.embedded.kube.at_work import at_work, turns, until

pytestmark = pytest.mark.anyio

DEPLOYMENTS = GroupResource("apps", "deployments")
PODS = GroupResource("", "pods")
MAPS = GroupResource("", "configmaps")
EVENTS = GroupResource("", "events")


def running(
    api: Api, *controllers: Controller, log: Callable[[str], None] = lambda _line: None
) -> AbstractAsyncContextManager[None]:
    return at_work(run_controllers(controllers, api, log=log))


def deployment(name: str = "d", replicas: int = 1) -> Object:
    fields = {"name": name, "namespace": "default"}
    spec = {"replicas": replicas}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": fields, "spec": spec}


def pod(name: str, owner: Object | None = None) -> Object:
    fields: Object = {"name": name, "namespace": "default"}
    if owner:
        fields["ownerReferences"] = [owner_reference(owner)]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": fields, "spec": {}}


def config_map(name: str) -> Object:
    fields = {"name": name, "namespace": "default"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": fields}


def keep_pods(view: View, key: Key, now: float) -> Outcome:
    """As many pods as replicas, the number in the status, an event when they are complete."""
    parent = view.find(DEPLOYMENTS, *key)
    if parent is None:
        return c.NOTHING
    names = [f"{key[1]}-{n}" for n in range(parent["spec"].get("replicas", 0))]
    have = {each["metadata"]["name"]: each for each in view.list(PODS, key[0])}
    writes = [c.create(PODS, pod(name, parent)) for name in names if name not in have]
    writes += [c.delete(PODS, each) for name, each in have.items() if name not in names]
    status = {"replicas": len(have)}
    if parent.get("status") != status:
        writes.append(c.update_status(DEPLOYMENTS, parent | {"status": status}))
    notes = (Note(parent, "Normal", "Counted", f"{len(have)} pods"),) if writes else ()
    return Outcome(tuple(writes), notes)


class Recorder:
    """A sync that only notes for which keys it ran."""

    def __init__(self, *outcomes: Outcome | Exception) -> None:
        self.keys: list[Key] = []
        self._called = asyncio.Event()
        self.outcomes = list(outcomes)

    def __call__(self, view: View, key: Key, now: float) -> Outcome:
        self.keys.append(key)
        self._called.set()
        outcome = self.outcomes.pop(0) if self.outcomes else c.NOTHING
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def calls(self, count: int) -> None:
        """Wait until it ran `count` times."""
        async with asyncio.timeout(5):
            while len(self.keys) < count:
                self._called.clear()
                await self._called.wait()


KEEPER = Controller(name="keeper", parent=DEPLOYMENTS, sync=keep_pods, owns=(PODS,))


async def test_a_controller_brings_the_cluster_to_what_is_wanted(api: Api) -> None:
    api.create(DEPLOYMENTS, deployment(replicas=2))
    async with running(api, KEEPER):
        await until(
            api, lambda: api.get(DEPLOYMENTS, "default", "d").get("status") == {"replicas": 2}
        )
        assert [each["metadata"]["name"] for each in api.list(PODS)] == ["d-0", "d-1"]
        api.delete(PODS, "default", "d-0")
        await turns(5)
        assert len(api.list(PODS)) == 2
        api.scale(DEPLOYMENTS, "default", "d", 0)
        await until(api, lambda: api.list(PODS) == [])
    events = [event["message"] for event in api.list(EVENTS)]
    assert events == sorted(events, key=events.index)
    assert {event["source"]["component"] for event in api.list(EVENTS)} == {"keeper"}


async def test_a_change_is_handled_in_the_next_turns_of_the_loop(api: Api) -> None:
    async with running(api, KEEPER):
        await turns(5)
        api.create(DEPLOYMENTS, deployment())
        await turns(3)
        assert len(api.list(PODS)) == 1


async def test_many_changes_of_one_object_are_one_sync(api: Api) -> None:
    sync = Recorder()
    async with running(api, Controller(name="r", parent=DEPLOYMENTS, sync=sync)):
        await turns(5)
        api.create(DEPLOYMENTS, deployment())
        for replicas in range(2, 9):
            api.scale(DEPLOYMENTS, "default", "d", replicas)
        await turns(5)
    assert sync.keys == [("default", "d")]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(lambda api: api.create(MAPS, config_map("d1")), {"d1"}, id="what it watches"),
        pytest.param(
            lambda api: api.create(
                EVENTS,
                {
                    "apiVersion": "v1",
                    "kind": "Event",
                    "metadata": {"name": "e", "namespace": "default"},
                },
            ),
            {"d1", "d2"},
            id="what makes it look at everything",
        ),
        pytest.param(
            lambda api: api.create(PODS, pod("p", api.get(DEPLOYMENTS, "default", "d2"))),
            {"d2"},
            id="what a parent owns",
        ),
        pytest.param(lambda api: api.create(PODS, pod("p")), set(), id="what nobody owns"),
        pytest.param(
            lambda api: api.create(PODS, pod("p", api.get(MAPS, "default", "other"))),
            set(),
            id="what another kind owns",
        ),
        pytest.param(
            lambda api: api.delete(DEPLOYMENTS, "default", "d1"), {"d1"}, id="a parent that goes"
        ),
    ],
)
async def test_which_changes_matter(
    api: Api, change: Callable[[Api], object], expected: set[str]
) -> None:
    def same_name(obj: Object) -> Iterable[Key]:
        return [("default", obj["metadata"]["name"])]

    sync = Recorder()
    wired = Controller(
        name="r",
        parent=DEPLOYMENTS,
        sync=sync,
        owns=(PODS,),
        watches={MAPS: same_name},
        resync_on=(EVENTS,),
    )
    for name in ("d1", "d2"):
        api.create(DEPLOYMENTS, deployment(name))
    api.create(MAPS, config_map("other"))
    async with running(api, wired):
        await turns(5)
        assert {name for _, name in sync.keys} == {"d1", "d2"}
        sync.keys.clear()
        change(api)
        await turns(5)
    assert {name for _, name in sync.keys} == expected


async def test_again_after(api: Api) -> None:
    sync = Recorder(Outcome(again_after=0.005), Outcome(again_after=0.005))
    api.create(DEPLOYMENTS, deployment())
    async with running(api, Controller(name="r", parent=DEPLOYMENTS, sync=sync)):
        await sync.calls(3)
        await asyncio.sleep(0.02)
    assert len(sync.keys) == 3


async def test_a_stale_view_is_retried_without_a_word(api: Api) -> None:
    log: list[str] = []
    stale = api.create(DEPLOYMENTS, deployment()).object
    api.scale(DEPLOYMENTS, "default", "d", 5)
    sync = Recorder(
        Outcome((c.update(DEPLOYMENTS, stale),)),
        Outcome((c.update_status(DEPLOYMENTS, deployment("gone")),)),
        Outcome((c.create(DEPLOYMENTS, deployment()),)),
        Outcome((c.scale(DEPLOYMENTS, deployment(), 7),)),
    )
    async with running(api, Controller(name="r", parent=DEPLOYMENTS, sync=sync), log=log.append):
        await sync.calls(5)
    assert api.get(DEPLOYMENTS, "default", "d")["spec"]["replicas"] == 7
    assert log == []


async def test_failures_are_logged_and_retried_and_stop_nobody(api: Api) -> None:
    log: list[str] = []
    bad = deployment("Bad Name")
    failing = Recorder(
        ValueError("a defect"), Outcome((c.create(DEPLOYMENTS, bad),)), Outcome(failed="not yet")
    )
    healthy = Recorder()
    api.create(DEPLOYMENTS, deployment())
    async with running(
        api,
        Controller(name="failing", parent=DEPLOYMENTS, sync=failing),
        Controller(name="healthy", parent=DEPLOYMENTS, sync=healthy),
        log=log.append,
    ):
        await failing.calls(4)
    assert healthy.keys == [("default", "d")]
    assert "Traceback" in log[0]
    assert "ValueError: a defect (again in" not in log[0]
    assert "a lowercase RFC 1123 subdomain" in log[1]
    assert log[2] == "failing: default/d: not yet (again in 0.02 s)"


async def test_a_write_that_is_refused_ends_the_sync_as_it_says_itself(api: Api) -> None:
    log: list[str] = []
    parent = api.create(DEPLOYMENTS, deployment()).object
    plan = c.create(DEPLOYMENTS, deployment("Bad Name"))
    plan = replace(
        plan,
        refused=lambda words: Outcome(
            (c.update_status(DEPLOYMENTS, parent | {"status": {"replicas": len(words)}}),),
            (Note(parent, "Warning", "Refused", words),),
            failed="refused",
        ),
    )
    sync = Recorder(
        Outcome((c.create(MAPS, config_map("a")), plan, c.create(MAPS, config_map("b"))))
    )
    async with running(api, Controller(name="r", parent=DEPLOYMENTS, sync=sync), log=log.append):
        await sync.calls(2)
    assert [each["metadata"]["name"] for each in api.list(MAPS)] == ["a"]
    (event,) = api.list(EVENTS)
    assert event["reason"] == "Refused"
    assert 'Deployment.apps "Bad Name" is invalid' in event["message"]
    assert api.get(DEPLOYMENTS, "default", "d")["status"]["replicas"] == len(event["message"])
    assert log[-1] == "r: default/d: refused (again in 0.005 s)"


async def test_a_write_to_what_is_out_of_date_is_not_refused_but_retried(api: Api) -> None:
    api.create(DEPLOYMENTS, deployment())
    taken = replace(
        c.create(DEPLOYMENTS, deployment()), refused=lambda words: Outcome(failed=words)
    )
    sync = Recorder(Outcome((taken,)))
    log: list[str] = []
    async with running(api, Controller(name="r", parent=DEPLOYMENTS, sync=sync), log=log.append):
        await sync.calls(2)
    assert log == []


async def test_a_defect_in_a_mapping_stops_nothing(api: Api) -> None:
    log: list[str] = []

    def broken(obj: Object) -> Iterable[Key]:
        raise ValueError("a defect")

    sync = Recorder()
    wired = Controller(name="r", parent=DEPLOYMENTS, sync=sync, watches={MAPS: broken})
    async with running(api, wired, log=log.append):
        await turns(5)
        api.create(MAPS, config_map("a"))
        api.create(DEPLOYMENTS, deployment())
        await turns(5)
    assert sync.keys == [("default", "d")]
    assert "ValueError: a defect" in log[0]


async def test_deletes_only_the_object_that_was_seen(api: Api) -> None:
    seen = api.create(PODS, pod("p")).object
    api.delete(PODS, "default", "p")
    again = api.create(PODS, pod("p")).object
    api.create(DEPLOYMENTS, deployment())
    sync = Recorder(
        Outcome((c.delete(PODS, seen),)), Outcome((c.delete(PODS, again, gracePeriodSeconds=0),))
    )
    async with running(api, Controller(name="r", parent=DEPLOYMENTS, sync=sync)):
        await sync.calls(1)
        assert api.find(PODS, "default", "p") is not None
        await until(api, lambda: api.find(PODS, "default", "p") is None)


async def test_a_restarted_controller_looks_at_everything_again(api: Api) -> None:
    api.create(DEPLOYMENTS, deployment())
    sync = Recorder(Outcome(again_after=0.001))
    wired = Controller(name="r", parent=DEPLOYMENTS, sync=sync)
    async with running(api, wired):
        await turns(5)
    count = len(sync.keys)
    api.scale(DEPLOYMENTS, "default", "d", 4)
    await asyncio.sleep(0.01)
    assert len(sync.keys) == count
    async with running(api, wired):
        await turns(5)
    assert len(sync.keys) == count + 1


async def test_writes_and_events_belong_to_the_program_unless_the_controller_says_another(
    api: Api,
) -> None:
    def write(_view: View, key: Key, _now: float) -> Outcome:
        parent = deployment(key[1])
        return Outcome((c.create(PODS, pod(key[1])),), (Note(parent, "Normal", "Made", "a pod"),))

    api.create(DEPLOYMENTS, deployment("d"))
    for manager, noted in (("", "program"), ("other", "other")):
        maker = Controller(name="maker", manager=manager, parent=DEPLOYMENTS, sync=write)
        task = asyncio.create_task(
            run_controllers([maker], api, log=lambda _line: None, manager="program")
        )
        await until(api, lambda: bool(api.list(EVENTS)))
        task.cancel()
        for resource in (PODS, EVENTS):
            (made,) = api.list(resource)
            assert made["metadata"]["managedFields"][0]["manager"] == noted
            api.delete(resource, "default", made["metadata"]["name"])


async def test_an_update_keeps_owners_noted_since_the_object_was_read(api: Api) -> None:
    read = api.create(MAPS, config_map("m") | {"data": {"a": "1"}}).object
    api.patch(MAPS, "default", "m", lambda obj: obj | {"data": {"a": "1", "b": "2"}})
    del read["metadata"]["resourceVersion"]

    def write(_view: View, _key: Key, _now: float) -> Outcome:
        return Outcome((c.update(MAPS, read | {"data": {"a": "1", "b": "2", "c": "3"}}),))

    async with running(api, Controller(name="late", parent=MAPS, sync=write)):
        await until(api, lambda: "c" in api.list(MAPS)[0]["data"])
    (entry,) = api.list(MAPS)[0]["metadata"]["managedFields"]
    assert entry["fieldsV1"]["f:data"].keys() == {".", "f:a", "f:b", "f:c"}

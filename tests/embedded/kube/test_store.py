"""The store: durable, versioned, and honest to watchers."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from knlab._exceptions import StateError
from knlab.embedded.kube.errors import Expired, Timeout
from knlab.embedded.kube.index import Index
from knlab.embedded.kube.objects import GroupResource, Object
from knlab.embedded.kube.store import HISTORY, QUEUE, Change, Store

THINGS = GroupResource("ex.com", "things")
OTHERS = GroupResource("", "others")


def thing(name: str, namespace: str = "default", **spec: object) -> Object:
    return {"metadata": {"name": name, "namespace": namespace}, "spec": spec}


def names(store: Store, namespace: str | None = None) -> list[str]:
    return [obj["metadata"]["name"] for obj in store.items(THINGS, namespace)]


def test_every_write_gets_the_next_version(store: Store) -> None:
    first = store.put(THINGS, thing("a"))
    second = store.put(OTHERS, thing("a"))
    third = store.remove(THINGS, thing("a"))
    assert [first.version, second.version, third.version] == [1, 2, 3]
    assert [first.type, second.type, third.type] == ["ADDED", "ADDED", "DELETED"]
    assert third.object["metadata"]["resourceVersion"] == "3"
    assert third.old is first.object
    assert store.get(THINGS, ("default", "a")) is None


def test_items_are_sorted_by_namespace_and_name(store: Store) -> None:
    for namespace, name in (("b", "x"), ("a", "z"), ("a", "b-c"), ("a-b", "k"), ("a", "b")):
        store.put(THINGS, thing(name, namespace))
    assert names(store) == ["b", "b-c", "z", "k", "x"]
    assert names(store, "a") == ["b", "b-c", "z"]
    assert names(store, "nowhere") == []


def test_items_as_they_were(store: Store) -> None:
    store.put(THINGS, thing("a", n=1))
    store.put(THINGS, thing("b", "other"))
    then = store.put(THINGS, thing("c")).version
    store.put(THINGS, thing("a", n=2))
    store.put(THINGS, thing("a", n=3))
    store.remove(THINGS, thing("c"))
    store.put(THINGS, thing("d"))
    past = store.items_at(THINGS, then, "default")
    assert [(obj["metadata"]["name"], obj["spec"]) for obj in past] == [("a", {"n": 1}), ("c", {})]
    assert [obj["metadata"]["name"] for obj in store.items_at(THINGS, then)] == ["a", "c", "b"]
    assert store.items_at(THINGS, 0) == []
    assert store.items_at(THINGS, store.version) == store.items(THINGS)
    with pytest.raises(Timeout):
        store.items_at(THINGS, store.version + 1)


def test_a_new_process_finds_objects_and_the_version(tmp_path: Path) -> None:
    store = Store(tmp_path / "db")
    store.put(THINGS, thing("kept", size=1))
    store.put(THINGS, thing("kept", size=2))
    store.put(THINGS, thing("gone"))
    store.remove(THINGS, thing("gone"))
    store.close()
    again = Store(tmp_path / "db")
    assert again.version == 4
    assert [obj["spec"] for obj in again.items(THINGS)] == [{"size": 2}]
    assert again.resources == [THINGS]
    with pytest.raises(Expired, match=r"too old resource version: 3 \(4\)"):
        again.subscribe(THINGS, 3)
    again.close()


def test_kill_minus_nine_loses_nothing_that_was_written(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib; from knlab.embedded.kube.store import Store;"
        "from knlab.embedded.kube.objects import GroupResource\n"
        f"store = Store(pathlib.Path({str(tmp_path / 'db')!r}))\n"
        "for n in range(10**9):\n"
        "    store.put(GroupResource('ex.com', 'things'), {'metadata': {'name': f'n{n}'}})\n"
        "    print(n, flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        seen = [int(process.stdout.readline()) for _ in range(200)]
        process.send_signal(signal.SIGKILL)
        seen += [int(line) for line in process.stdout.read().split()]
    store = Store(tmp_path / "db")
    assert {f"n{n}" for n in seen} <= set(names(store))
    assert store.version == len(store.items(THINGS))
    store.close()


def _damage(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\0" + b"rubbish" * 1000)


def _make_newer(path: Path) -> None:
    Store(path).close()
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE format SET version = 99")
    connection.close()


def _break_an_object(path: Path) -> None:
    store = Store(path)
    store.put(THINGS, thing("a"))
    store.close()
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE objects SET body = 'no json'")
    connection.close()


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        pytest.param(_damage, "damaged", id="a damaged file"),
        pytest.param(_make_newer, "storage format 99", id="a file of a newer knlab"),
        pytest.param(_break_an_object, "damaged", id="a damaged object"),
        pytest.param(Path.mkdir, "cannot be written", id="a directory in its place"),
    ],
)
def test_unusable_files_are_refused_with_a_remedy(
    tmp_path: Path, prepare: object, message: str
) -> None:
    path = tmp_path / "db"
    assert callable(prepare)
    prepare(path)
    with pytest.raises(StateError, match=message) as caught:
        Store(path)
    assert caught.value.hint


def test_two_processes_cannot_share_a_file(tmp_path: Path) -> None:
    store = Store(tmp_path / "db")
    with pytest.raises(StateError, match="in use"):
        Store(tmp_path / "db")
    store.close()


def test_listeners_hear_their_kinds_or_everything(store: Store) -> None:
    some: list[Change] = []
    everything: list[Change] = []
    with store.listening(some.append, THINGS), store.listening(everything.append):
        store.put(THINGS, thing("a"))
        store.put(OTHERS, thing("b"))
    store.put(THINGS, thing("c"))
    assert [change.version for change in some] == [1]
    assert [change.resource for change in everything] == [THINGS, OTHERS]


@pytest.mark.anyio
async def test_a_watch_gets_everything_after_its_version(store: Store) -> None:
    for name in ("a", "b", "c"):
        store.put(THINGS, thing(name))
    with store.subscribe(THINGS, 1) as changes:
        store.put(THINGS, thing("b", size=1))
        got = [await anext(changes) for _ in range(3)]
    assert [(change.version, change.type) for change in got] == [
        (2, "ADDED"), (3, "ADDED"), (4, "MODIFIED"),
    ]  # fmt: skip


@pytest.mark.anyio
async def test_a_watch_from_now_waits_for_the_next_change(store: Store) -> None:
    store.put(THINGS, thing("before"))
    with store.subscribe(THINGS) as changes:
        waiting = asyncio.ensure_future(anext(changes))
        await asyncio.sleep(0)
        assert not waiting.done()
        store.put(OTHERS, thing("unrelated"))
        store.put(THINGS, thing("after"))
        assert (await waiting).object["metadata"]["name"] == "after"


@pytest.mark.anyio
async def test_a_cancelled_wait_loses_nothing(store: Store) -> None:
    with store.subscribe(THINGS) as changes:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(changes), 0.01)
        store.put(THINGS, thing("a"))
        assert (await anext(changes)).version == 1


@pytest.mark.anyio
async def test_some_are_all_that_wait_and_nothing_when_time_is_up(store: Store) -> None:
    now = asyncio.get_running_loop().time
    with store.subscribe(THINGS) as changes:
        assert await changes.some(until=now() + 0.01) == []
        waiting = asyncio.ensure_future(changes.some(until=now() + 60))
        await asyncio.sleep(0)
        store.put(THINGS, thing("a"))
        store.put(THINGS, thing("b"))
        assert [change.version for change in await waiting] == [1, 2]
        store.put(THINGS, thing("c"))
        assert [change.version for change in await changes.some(until=now())] == [3]
        waiting = asyncio.ensure_future(changes.some(until=now() + 60))
        await asyncio.sleep(0)
        changes.close()
        assert await waiting == []
        assert changes.closed


@pytest.mark.anyio
async def test_closing_ends_the_iteration_after_what_is_waiting(store: Store) -> None:
    changes = store.subscribe(THINGS)
    store.put(THINGS, thing("a"))
    changes.close()
    store.put(THINGS, thing("b"))
    assert [change.version async for change in changes] == [1]


@pytest.mark.anyio
async def test_closing_the_store_ends_every_watch(tmp_path: Path) -> None:
    store = Store(tmp_path / "db")
    waiting = asyncio.ensure_future(anext(store.subscribe(THINGS), None))
    await asyncio.sleep(0)
    store.close()
    assert await waiting is None


@pytest.mark.anyio
async def test_the_version_of_a_watch_is_what_it_has_delivered(store: Store) -> None:
    with store.subscribe(THINGS) as changes:
        assert changes.version == 0
        store.put(THINGS, thing("a"))
        store.put(OTHERS, thing("b"))
        assert changes.version == 0
        assert [change.version for change in changes.take()] == [1]
        assert changes.version == 2


@pytest.mark.anyio
async def test_history_has_an_end(store: Store) -> None:
    third = HISTORY // 3 * "x"
    for n in range(4):
        store.put(THINGS, thing("a", n=n, text=third))
    with store.subscribe(THINGS, 2) as changes:
        assert [change.version for change in changes.take()] == [3, 4]
    with pytest.raises(Expired, match=r"too old resource version: 1 \(2\)"):
        store.subscribe(THINGS, 1)
    with pytest.raises(Timeout, match="Too large resource version: 9999, current: 4"):
        store.subscribe(THINGS, 9999)


@pytest.mark.anyio
async def test_the_latest_change_is_remembered_however_large_it_is(store: Store) -> None:
    store.put(THINGS, thing("a"))
    store.put(THINGS, thing("a", text=HISTORY * "x"))
    with store.subscribe(THINGS, 1) as changes:
        assert [change.version for change in changes.take()] == [2]


@pytest.mark.anyio
async def test_what_is_compacted_is_forgotten_of_every_kind(store: Store) -> None:
    for resource in (THINGS, OTHERS, THINGS):
        store.put(resource, thing("a"))
    store.compact(2)
    with pytest.raises(Expired):
        store.items_at(THINGS, 0)
    with pytest.raises(Expired):
        store.subscribe(OTHERS, 1)
    with store.subscribe(THINGS, 2) as changes:
        assert [change.version for change in changes.take()] == [3]


def test_an_index_follows_every_write(store: Store) -> None:
    def colors(obj: Object) -> list[str]:
        found: list[str] = obj["spec"].get("colors", [])
        return found

    index = Index(THINGS, colors)

    def found(color: str) -> list[str]:
        return [obj["metadata"]["name"] for obj in store.having(index, color)]

    store.put(THINGS, thing("b", colors=["red"]))
    assert (found("red"), found("blue")) == (["b"], [])
    store.put(THINGS, thing("a", colors=["red", "blue"]))
    assert (found("red"), found("blue")) == (["a", "b"], ["a"])
    store.put(THINGS, thing("b", colors=["blue"]))
    assert (found("red"), found("blue")) == (["a"], ["a", "b"])
    store.remove(THINGS, thing("a"))
    assert (found("red"), found("blue")) == ([], ["b"])
    store.put(OTHERS, thing("c", colors=["blue"]))
    assert store.having(index, "blue") == [store.get(THINGS, ("default", "b"))]


def labelled(name: str, namespace: str = "default", **labels: str) -> Object:
    return {"metadata": {"name": name, "namespace": namespace, "labels": labels}}


@pytest.mark.parametrize(
    ("labels", "namespace", "expected"),
    [
        pytest.param({}, None, ["a", "b", "c", "d"], id="all without labels"),
        pytest.param({"app": "web"}, None, ["a", "b", "d"], id="one label"),
        pytest.param({"app": "web"}, "default", ["a", "b"], id="of a namespace"),
        pytest.param({"app": "web", "tier": "1"}, None, ["a", "d"], id="every label"),
        pytest.param({"app": "web", "tier": "9"}, None, [], id="a value that nobody has"),
        pytest.param({"none": "x"}, None, [], id="a label that nobody has"),
    ],
)
def test_objects_by_their_labels(
    store: Store, labels: dict[str, str], namespace: str | None, expected: list[str]
) -> None:
    for obj in (
        labelled("b", app="web"), labelled("a", app="web", tier="1"),
        labelled("d", "other", app="web", tier="1"), labelled("c", app="db", tier="1"),
    ):  # fmt: skip
        store.put(THINGS, obj)
    for _ in range(2):
        found = store.labelled(THINGS, labels, namespace)
        assert [obj["metadata"]["name"] for obj in found] == expected
        store.put(THINGS, labelled("a", app="web", tier="1", more="x"))


@pytest.mark.anyio
async def test_a_slow_watcher_must_start_over(store: Store) -> None:
    with store.subscribe(THINGS) as changes:
        for n in range(QUEUE + 1):
            changes._heard(Change("MODIFIED", thing("a"), None, n, THINGS))
        with pytest.raises(Expired):
            await anext(changes)
        with pytest.raises(Expired):
            changes.take()

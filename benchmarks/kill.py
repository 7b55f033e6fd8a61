"""`kill -9` at random points, again and again: what was acknowledged has to be there afterwards.

python -m benchmarks.kill [--kills 1000] [--writers 4] [--seed 1] [--durability process]

Each round starts the embedded cluster's whole process on the same state directory, lets the writers
create, change and delete ConfigMaps over https, kills the process at a random acknowledgement (one
time in ten: while it starts), starts it again and compares every object with what was acknowledged:
content, uid, resourceVersion. Only writes under way at the kill may or may not have happened.

Rounds are forks of a process that has loaded the modules, so that a thousand take minutes.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

from benchmarks.https_client import Server, server_of
from benchmarks.machine import machine
from knlab._state import DURABILITIES, Running, read_running
from knlab.embedded import __main__ as embedded

Object: TypeAlias = dict[str, Any]
PATH: Final = "/api/v1/namespaces/default/configmaps"
LABEL: Final = "written-by=kill"
MOST: Final = 40
"""Objects that a writer has at a time."""
LATEST: Final = 150
"""Acknowledgements of a round after which the kill comes at the latest."""
IN_THE_START: Final = 10
"""One round in so many is killed while the process starts."""
_START_SECONDS: Final = 0.4


@dataclass
class Ledger:
    """What one writer knows of its objects."""

    prefix: str
    number: int = 0
    known: dict[str, Object] = field(default_factory=dict)
    """As the server acknowledged them, by name."""
    deleted: set[str] = field(default_factory=set)
    pending: tuple[str, Object | None] | None = None
    """The write under way: the name, and the data it should get (None: it is to be deleted)."""
    acknowledged: int = 0

    def settle(self, found: dict[str, Object]) -> Iterator[str]:
        """What is wrong with `found`, the server's objects of this writer; take it for true."""
        name, data = self.pending or ("", None)
        for each in self.known.keys() | found.keys() | self.deleted:
            was, now = self.known.get(each), found.get(each)
            if now == was or (each == name and self._may_be(was, now, data)):
                continue
            yield f"{each}: acknowledged {_short(was)}, found {_short(now)}"
        self.deleted |= self.known.keys() - found.keys()
        self.known, self.pending = found, None

    def _may_be(self, was: Object | None, now: Object | None, data: Object | None) -> bool:
        """Whether the write under way makes `now` of `was`."""
        if now is None or data is None:
            return now is None and data is None
        newer = was is None or (
            now["uid"] == was["uid"] and int(now["resourceVersion"]) > int(was["resourceVersion"])
        )
        return newer and bool(now["data"] == data)

    @property
    def latest(self) -> int:
        """The highest version acknowledged for an object that is there."""
        return max((int(each["resourceVersion"]) for each in self.known.values()), default=0)


def _short(obj: Object | None) -> str:
    if obj is None:
        return "nothing"
    return f"version {obj['resourceVersion']} of {obj['uid']} with {len(str(obj['data']))} letters"


def _facts(obj: Object) -> Object:
    """The part of an object that has to come back."""
    facts = {name: obj["metadata"][name] for name in ("uid", "resourceVersion")}
    return facts | {"data": obj.get("data", {})}


class Writer(threading.Thread):
    """Writes one thing after another until the server is gone."""

    def __init__(
        self, ledger: Ledger, server: Server, chance: random.Random, told: Callable[[], None]
    ) -> None:
        super().__init__()
        self._ledger = ledger
        self._chance = chance
        self._told = told
        self._headers = {"Authorization": server.authorization}
        self._connection = http.client.HTTPSConnection(
            server.host, server.port, context=server.context, timeout=20
        )

    def run(self) -> None:
        """Write."""
        try:
            while True:
                self._write()
                self._ledger.pending = None
                self._ledger.acknowledged += 1
                self._told()
        except (OSError, http.client.HTTPException):
            self._connection.close()

    def _write(self) -> None:
        ledger, chance = self._ledger, self._chance
        data = {"text": "x" * chance.randrange(2000), "number": str(ledger.number)}
        if not ledger.known or (len(ledger.known) < MOST and chance.random() < 0.4):
            ledger.number += 1
            self._create(f"{ledger.prefix}-{ledger.number}", data)
            return
        name = chance.choice(sorted(ledger.known))
        if len(ledger.known) >= MOST or chance.random() < 0.3:
            ledger.pending = name, None
            self._ask("DELETE", f"{PATH}/{name}")
            del ledger.known[name]
            ledger.deleted.add(name)
        else:
            ledger.pending = name, data
            ledger.known[name] = _facts(self._ask("PATCH", f"{PATH}/{name}", {"data": data}))

    def _create(self, name: str, data: Object) -> None:
        labels = dict([LABEL.split("=")])
        body = {"apiVersion": "v1", "kind": "ConfigMap", "data": data}
        self._ledger.pending = name, data
        made = self._ask("POST", PATH, body | {"metadata": {"name": name, "labels": labels}})
        self._ledger.known[name] = _facts(made)

    def _ask(self, method: str, path: str, body: Object | None = None) -> Object:
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        text = None if body is None else json.dumps(body)
        self._connection.request(method, path, text, self._headers | {"Content-Type": kind})
        answer = self._connection.getresponse()
        said: Object = json.loads(answer.read())
        if answer.status >= 300:
            raise AssertionError(f"{method} {path}: {answer.status} {said}")
        return said


@dataclass
class Killing:
    """Rounds of writing and killing on one state directory."""

    start: Callable[[], Running]
    """Starts the process, or finds it; returns once clients can connect."""
    chance: random.Random
    ledgers: Sequence[Ledger]
    problems: list[str] = field(default_factory=list)

    def round(self) -> None:
        """Write, kill, start again, compare."""
        running = self.start()
        server = server_of(Path(running.kubeconfig))
        left = threading.Semaphore(0)
        writers = [
            Writer(ledger, server, random.Random(self.chance.random()), left.release)
            for ledger in self.ledgers
        ]
        for writer in writers:
            writer.start()
        for _ in range(self.chance.randrange(1, LATEST)):
            left.acquire()
        kill(running.pid)
        for writer in writers:
            writer.join()
        self.compare()

    def compare(self) -> None:
        """Start the process and note what differs from what was acknowledged."""
        server = server_of(Path(self.start().kubeconfig))
        version, found = _listed(server)
        highest = max(ledger.latest for ledger in self.ledgers)
        if version < highest:
            self.problems.append(f"versions went back from {highest} to {version}")
        for ledger in self.ledgers:
            mine = {n: obj for n, obj in found.items() if n.startswith(f"{ledger.prefix}-")}
            self.problems += ledger.settle(mine)

    @property
    def acknowledged(self) -> int:
        """Writes that were answered."""
        return sum(ledger.acknowledged for ledger in self.ledgers)


def _listed(server: Server) -> tuple[int, dict[str, Object]]:
    connection = http.client.HTTPSConnection(server.host, server.port, context=server.context)
    headers = {"Authorization": server.authorization}
    connection.request("GET", f"{PATH}?labelSelector={LABEL}", headers=headers)
    listed = json.loads(connection.getresponse().read())
    connection.close()
    found = {item["metadata"]["name"]: _facts(item) for item in listed["items"]}
    return int(listed["metadata"]["resourceVersion"]), found


def kill(pid: int) -> None:
    """`kill -9`, and wait until the process is gone if it is a child of this one."""
    os.kill(pid, signal.SIGKILL)
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        return


def ledgers(count: int) -> list[Ledger]:
    """Empty ones, for so many writers."""
    return [Ledger(f"writer{number}") for number in range(count)]


@dataclass(frozen=True)
class Forked:
    """The embedded cluster's process as a fork of this one."""

    directory: Path
    durability: str

    def begin(self) -> tuple[int, int]:
        """The process's id, and a descriptor that is readable once clients can connect."""
        ready, announce = os.pipe()
        pid = os.fork()
        if pid:
            os.close(announce)
            return pid, ready
        os.close(ready)
        sys.argv = [
            "knlab.embedded", "--state-dir", str(self.directory), "--ready-fd", str(announce),
            "--durability", self.durability,
        ]  # fmt: skip
        os._exit(embedded.main())

    def __call__(self) -> Running:
        """The process that runs, or one that does now."""
        if running := read_running(self.directory):
            return running
        pid, ready = self.begin()
        said = os.read(ready, 1)
        os.close(ready)
        running = read_running(self.directory)
        if not said or running is None or running.pid != pid:
            raise AssertionError("the process did not start; its words are above")
        return running


def main() -> int:
    """Kill and print; 1 if anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--durability", choices=DURABILITIES, default="process")
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="knlab-kill-", ignore_cleanup_errors=True) as home:
        start = Forked(Path(home) / "state", options.durability)
        killing = Killing(start, random.Random(options.seed), ledgers(options.writers))
        for number in range(1, options.kills + 1):
            if number % IN_THE_START:
                killing.round()
            else:
                _kill_in_the_start(killing, start)
            if number % 100 == 0:
                print(f"{number} kills, {killing.acknowledged} writes acknowledged", flush=True)
        kill(start().pid)
    print(f"\n{machine()}\ndurability {options.durability}, {options.writers} writers")
    print(f"kills {options.kills}, acknowledged writes {killing.acknowledged}", end="")
    print(f", lost {len(killing.problems)}, in {time.monotonic() - began:.0f} s")
    print(*killing.problems[:20], sep="\n")
    return 1 if killing.problems else 0


def _kill_in_the_start(killing: Killing, start: Forked) -> None:
    kill(start().pid)
    pid, ready = start.begin()
    time.sleep(killing.chance.random() * _START_SECONDS)
    kill(pid)
    os.close(ready)
    killing.compare()


if __name__ == "__main__":
    sys.exit(main())

"""The file of objects: what it survives, what it refuses, how older formats are read."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from knlab._exceptions import StateError
from knlab._state import Durability
from knlab.embedded.kube.errors import InternalError
from knlab.embedded.kube.objects import GroupResource, Object
from knlab.embedded.kube.storage_format import FORMAT
from knlab.embedded.kube.storage_log import StorageLog, Stored

MAPS = GroupResource("", "configmaps")
OLD = Path(__file__).parents[2] / "data" / "store"
NOBODY = 65534


def config_map(name: str, version: int, **data: str) -> Object:
    metadata = {"name": name, "namespace": "default", "resourceVersion": str(version)}
    return {"metadata": metadata, "data": data}


def put(log: StorageLog, name: str, version: int, **data: str) -> None:
    log.put(MAPS, ("default", name), version, config_map(name, version, **data))


def content(path: Path) -> tuple[int, list[Stored]]:
    """Everything in the file, read as a start reads it."""
    log = StorageLog(path)
    try:
        return log.load()
    finally:
        log.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that was closed in order, with some objects."""
    found = tmp_path / "store.sqlite"
    log = StorageLog(found)
    for version in range(1, 41):
        put(log, f"map-{version % 20}", version, text="x" * version)
    log.remove(MAPS, ("default", "map-7"), 41)
    log.close()
    return found


def killed(path: Path, *, writes: int = 5) -> None:
    """Leave `path` as `kill -9` in the middle of writing does: some writes are in the log only."""
    script = (
        "import sys, pathlib, signal, os\n"
        "from tests.embedded.kube.test_storage_log import StorageLog, put\n"
        "log = StorageLog(pathlib.Path(sys.argv[1]))\n"
        f"for version in range(100, {100 + writes}):\n"
        "    put(log, f'late-{version}', version)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, path], check=False)
    assert done.returncode == -signal.SIGKILL


# ── what it keeps ────────────────────────────────────────────────────────────────────────────


def test_what_was_written_and_removed_is_found_again(path: Path) -> None:
    latest, stored = content(path)
    assert latest == 41
    assert {each.key[1] for each in stored} == {f"map-{n}" for n in range(20)} - {"map-7"}
    assert all(each.object["data"]["text"] == "x" * each.version for each in stored)


def test_a_kill_leaves_every_write_in_the_log(path: Path) -> None:
    before = content(path)[1]
    killed(path)
    latest, stored = content(path)
    assert latest == 104
    assert stored == sorted(stored, key=lambda each: each.key)
    assert {each.key[1] for each in stored} - {each.key[1] for each in before} == {
        f"late-{version}" for version in range(100, 105)
    }
    assert not path.with_name("store.sqlite-wal").exists()


def test_only_its_owner_may_read_it(path: Path) -> None:
    log = StorageLog(path)
    put(log, "a", 50)
    modes = {stat.S_IMODE(each.stat().st_mode) for each in path.parent.glob("store.sqlite*")}
    log.close()
    assert modes == {0o600}


@pytest.mark.parametrize("durability", ["process", "power"])
def test_the_durability_is_remembered(path: Path, durability: Durability) -> None:
    StorageLog(path, durability).close()
    killed(path)
    log = StorageLog(path)
    synchronous = log._connection.execute("PRAGMA synchronous").fetchone()[0]
    log.close()
    assert (log.durability, synchronous) == (durability, {"process": 1, "power": 2}[durability])


def test_a_full_disk_refuses_the_write_and_keeps_the_rest(path: Path) -> None:
    log = StorageLog(path)
    log._connection.execute("PRAGMA max_page_count = 1").fetchall()  # not below what it has
    kept = {each.key[1] for each in log.load()[1]}
    for version in range(50, 200):
        try:
            put(log, f"big-{version}", version, text="x" * 2000)
        except InternalError as full:
            assert "cannot be written: database or disk is full" in full.message  # noqa: PT017
            break
        kept.add(f"big-{version}")
    assert f"big-{version}" not in kept
    assert {each.key[1] for each in log.load()[1]} == kept
    log.remove(MAPS, ("default", "map-1"), 300)
    log.close()
    latest, stored = content(path)
    assert (latest, {each.key[1] for each in stored}) == (300, kept - {"map-1"})


# ── older formats ────────────────────────────────────────────────────────────────────────────


def schema(path: Path) -> list[tuple[str]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()


def test_format_1_is_migrated(path: Path, tmp_path: Path) -> None:
    old = Path(shutil.copy(OLD / "format-1.sqlite", tmp_path / "old.sqlite"))
    latest, stored = content(old)
    assert latest == 6
    assert [(each.key, each.version) for each in stored] == [
        (("default", "first"), 4), (("default", "second"), 3), (("", "default"), 1),
    ]  # fmt: skip
    assert stored[0].object["data"] == {"a": "2"}
    assert stored[1].object["data"] == {"text": "Grüße\n"}
    assert stored[0].object["metadata"]["uid"] == "5f0c9c5c-0000-4000-8000-000000000002"
    assert content(old) == (latest, stored)
    normal = [(sql or "").replace('"', "") for (sql,) in schema(old)]
    assert normal == [sql or "" for (sql,) in schema(path)]


def test_a_migration_that_is_cut_short_has_not_happened(tmp_path: Path) -> None:
    old = Path(shutil.copy(OLD / "format-1.sqlite", tmp_path / "old.sqlite"))
    with closing(sqlite3.connect(old, isolation_level=None)) as connection:
        connection.execute("INSERT INTO objects VALUES ('', 'x', '', 'text', 7, 'no bytes')")
    with pytest.raises(StateError, match="damaged"):
        StorageLog(old)
    with closing(sqlite3.connect(old, isolation_level=None)) as connection:
        assert connection.execute("SELECT version FROM format").fetchall() == [(1,)]
        connection.execute("DELETE FROM objects WHERE name = 'text'")
    assert content(old)[0] == 6


def test_every_older_format_has_a_file_here() -> None:
    assert sorted(each.name for each in OLD.glob("*.sqlite")) == [
        f"format-{version}.sqlite" for version in range(1, FORMAT)
    ]


# ── what is refused ──────────────────────────────────────────────────────────────────────────


def executed(statement: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute(statement)

    return change


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def with_other_bytes(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"xxxx", b"xxxy", 1))


def without_its_log(path: Path) -> None:
    killed(path)
    path.with_name("store.sqlite-wal").unlink()


def without_its_file(path: Path) -> None:
    killed(path)
    path.unlink()


def with_a_foreign_log(path: Path) -> None:
    foreign = path.parent / "foreign" / path.name
    foreign.parent.mkdir()
    killed(foreign, writes=60)
    killed(path)
    shutil.copy(foreign.with_name("store.sqlite-wal"), path.with_name("store.sqlite-wal"))


def as_a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (cut, "damaged"),
        (with_other_bytes, r"damaged: configmaps default/map-\d+ does not match its checksum"),
        (lambda path: path.write_bytes(b""), "damaged: it is empty"),
        (lambda path: path.write_bytes(b"no database " * 400), "damaged: file is not a database"),
        (executed("UPDATE state SET removed = 7"), "damaged: its state does not match"),
        (executed("UPDATE objects SET name = 'b' WHERE name = 'map-3'"), "damaged: configmaps"),
        (executed("DROP TABLE objects"), "damaged: no such table"),
        (executed("DELETE FROM format"), "damaged: it says no storage format"),
        (executed("DELETE FROM state"), "damaged"),
        (without_its_log, "damaged: it was not closed in order, and store.sqlite-wal .* missing"),
        (without_its_file, "damaged: store.sqlite-wal is there without it"),
        (with_a_foreign_log, "damaged"),
        (as_a_directory, "cannot be written"),
        (executed("UPDATE format SET version = 99"), "storage format 99, this knlab reads up to"),
        (executed("UPDATE format SET version = 0"), "storage format 0, this knlab reads up to"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_each_time(
    path: Path, spoil: Callable[[Path], None], words: str
) -> None:
    spoil(path)
    for _ in range(2):
        with pytest.raises(StateError, match=words) as refused:
            content(path)
        assert refused.value.hint


def test_no_flipped_bit_goes_unnoticed(path: Path, tmp_path: Path) -> None:
    whole, truth = path.read_bytes(), content(path)
    chance = random.Random(4)
    flipped = tmp_path / "flipped" / path.name
    flipped.parent.mkdir()
    refused = 0
    for place in chance.sample(range(len(whole) * 8), 300):
        spoilt = bytearray(whole)
        spoilt[place // 8] ^= 1 << place % 8
        flipped.write_bytes(spoilt)
        try:
            assert content(flipped) == truth, f"bit {place}"
        except StateError:
            refused += 1
        for leftover in flipped.parent.iterdir():
            leftover.unlink()
    assert refused > 30  # the others are where nothing is


@contextmanager
def as_nobody() -> Iterator[None]:
    """Without root's right to write everywhere."""
    if os.geteuid():
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("mode", [0o500, 0o000], ids=["read only", "closed"])
def test_where_nobody_may_write(mode: int) -> None:
    with tempfile.TemporaryDirectory() as made:  # pytest's own directory is closed to others
        Path(made).chmod(0o755)
        directory = Path(made) / "state"
        directory.mkdir()
        path = directory / "store.sqlite"
        StorageLog(path).close()
        directory.chmod(mode | 0o055 if mode else mode)
        for each in (path, directory / "other.sqlite"):
            with as_nobody(), pytest.raises(StateError, match="cannot be written") as refused:
                StorageLog(each)
            assert "permissions" in refused.value.hint
        directory.chmod(0o700)

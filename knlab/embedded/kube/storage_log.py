"""Objects on disk: one SQLite file in which every write is committed before the call returns.

The file is in write-ahead mode: a write is appended to `FILE-wal` and moved into FILE later on.
What an answered write survives is a setting, which the file remembers:

process   the end of this process, `kill -9` included: the kernel has the write (synchronous=NORMAL)
power     a power cut and a crash of the kernel too: the disk has it (synchronous=FULL, an fsync for
          each write, as etcd does)

After a power cut with `process` the latest writes may be missing, the rest is whole and consistent.

The file is locked for as long as it is open, so two processes never share it. Each row has a
checksum, and opening reads everything: damage in FILE is found then and refused, not served. Of a
damaged `FILE-wal` the writes before the damage are there: it cannot be told from the end that a
power cut leaves.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from knlab._exceptions import StateError
from knlab._state import Durability
from knlab.embedded.kube import storage_format
from knlab.embedded.kube.errors import InternalError
from knlab.embedded.kube.objects import GroupResource, Key, Object

_SETTINGS: Final[dict[Durability, tuple[str, ...]]] = {
    "process": ("synchronous=NORMAL",),
    "power": ("synchronous=FULL", "fullfsync=ON", "checkpoint_fullfsync=ON"),
}
_CHECKPOINT_PAGES: Final = 8_000
"""Pages (32 MB) in the write-ahead file at which they are moved into FILE: every few thousand
writes, because the one that does it waits for the disk and everybody waits with it."""


class Stored(NamedTuple):
    """One object as found on disk."""

    resource: GroupResource
    key: Key
    version: int
    object: Object


class StorageLog:
    """The open file."""

    def __init__(self, path: Path, durability: Durability | None = None) -> None:
        """Open or create `path`, and bring it to this knlab's format.

        `durability` None: as it was opened last, `process` if it is new.

        Raises:
            StateError: if it is damaged, of a newer format, in use or not writable.
        """
        self._path = path
        log = path.with_name(f"{path.name}-wal")
        with _explained(path):
            had_log = log.exists()
            if not path.exists():
                if had_log:
                    raise sqlite3.DatabaseError(f"{log.name} is there without it")
                storage_format.make_file(path)
            elif path.is_file() and not path.stat().st_size:
                raise sqlite3.DatabaseError("it is empty")
            self._connection = sqlite3.connect(path, isolation_level=None, timeout=0.5)
            try:
                self._open(durability, had_log=had_log)
            except BaseException:
                self._connection.close()
                raise

    def _open(self, durability: Durability | None, *, had_log: bool) -> None:
        run = self._connection.execute
        checkpoints = f"wal_autocheckpoint={_CHECKPOINT_PAGES}"
        for setting in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", checkpoints):
            run(f"PRAGMA {setting}").fetchall()
        verdict: str = run("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict.splitlines()[-1])
        storage_format.migrate(self._connection, self._path)
        file_id, was_open, last, self._removed, checksum = run("SELECT * FROM state").fetchone()
        self._seed = storage_format.seed_of(str(file_id))  # damage may have made it bytes
        if checksum != storage_format.state_checksum(self._seed, last, self._removed):
            raise sqlite3.DatabaseError("its state does not match its checksum")
        if was_open and not had_log:
            raise sqlite3.DatabaseError(
                f"it was not closed in order, and {self._path.name}-wal with the latest writes is"
                " missing"
            )
        self.durability: Durability = durability or last
        for setting in _SETTINGS[self.durability]:
            run(f"PRAGMA {setting}").fetchall()
        if not was_open or self.durability != last:
            self._note(is_open=1)
            run("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _note(self, *, is_open: int) -> None:
        checksum = storage_format.state_checksum(self._seed, self.durability, self._removed)
        self._connection.execute(
            "UPDATE state SET is_open = ?, durability = ?, removed = ?, checksum = ?",
            (is_open, self.durability, self._removed, checksum),
        )

    def load(self) -> tuple[int, list[Stored]]:
        """The latest version ever written, and every object.

        Raises:
            StateError: something is damaged.
        """
        with _explained(self._path):
            rows = self._connection.execute("SELECT * FROM objects")
            stored = [self._checked(row) for row in rows]
            latest = max((each.version for each in stored), default=0)
            return max(latest, self._removed), stored

    def _checked(self, row: tuple[str, str, str, str, int, bytes, int]) -> Stored:
        group, plural, namespace, name, version, body, checksum = row
        if checksum != storage_format.object_checksum(self._seed, *row[:-1]):
            where = f"{namespace}/{name}" if namespace else name
            raise sqlite3.DatabaseError(f"{plural} {where} does not match its checksum")
        return Stored(GroupResource(group, plural), (namespace, name), version, orjson.loads(body))

    def put(self, resource: GroupResource, key: Key, version: int, obj: Object) -> None:
        """Keep `obj` under `key`.

        Raises:
            InternalError: the disk is full or broken; nothing is changed.
        """
        row = (resource.group, resource.plural, *key, version, orjson.dumps(obj))
        checksum = storage_format.object_checksum(self._seed, *row)
        with _reported():
            self._connection.execute(
                "REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?, ?)", (*row, checksum)
            )

    def remove(self, resource: GroupResource, key: Key, version: int) -> None:
        """Forget `key`; `version` stays the latest one after a restart.

        Raises:
            InternalError: the disk is full or broken; nothing is changed.
        """
        before, run = self._removed, self._connection.execute
        with _reported():
            run("BEGIN IMMEDIATE")
            try:
                run(
                    "DELETE FROM objects WHERE (grp, plural, namespace, name) = (?, ?, ?, ?)",
                    (resource.group, resource.plural, *key),
                )
                self._removed = version
                self._note(is_open=1)
                run("COMMIT")
            except sqlite3.Error:
                self._removed = before
                if self._connection.in_transaction:
                    run("ROLLBACK")
                raise

    def close(self) -> None:
        """Release the file; its write-ahead log is emptied into it and removed, if that can be."""
        try:
            self._note(is_open=0)
        except sqlite3.Error:
            pass  # then the next start finds what a crash leaves: the log, which has everything
        finally:
            self._connection.close()


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError, ValueError, TypeError) as error:
        if "locked" in str(error):
            message, hint = f"{path} is in use by another process", "stop it with `knlab down`"
        elif isinstance(error, OSError) or _is_about_access(error):
            message, hint = (
                f"{path} cannot be written: {error}",
                "check the directory's permissions and the free space of its disk",
            )
        else:
            message, hint = (
                f"{path} is damaged: {error}",
                "put a copy in its place, or start afresh with `knlab reset`",
            )
        raise StateError(message, hint=hint) from error


def _is_about_access(error: Exception) -> bool:
    words = ("unable to open", "readonly", "disk is full", "disk I/O")
    return any(each in str(error) for each in words)


@contextmanager
def _reported() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise InternalError(f"the cluster's state cannot be written: {error}") from error

"""Objects on disk: one SQLite file in which every write is committed before the call returns.

`kill -9` at any moment loses nothing that was answered (write-ahead log, `synchronous=NORMAL`).
The file is locked for as long as it is open, so two processes never share it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from knlab._exceptions import StateError
from knlab.embedded.kube.errors import InternalError
from knlab.embedded.kube.objects import GroupResource, Key, Object

FORMAT: Final = 1
_TABLES: Final = (
    "CREATE TABLE IF NOT EXISTS format (version INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS removed (version INTEGER NOT NULL)",
    (
        "CREATE TABLE IF NOT EXISTS objects (grp TEXT NOT NULL, plural TEXT NOT NULL,"
        " namespace TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL,"
        " body BLOB NOT NULL, PRIMARY KEY (grp, plural, namespace, name)) WITHOUT ROWID"
    ),
)


class Stored(NamedTuple):
    """One object as found on disk."""

    resource: GroupResource
    key: Key
    version: int
    object: Object


class StorageLog:
    """The open file."""

    def __init__(self, path: Path) -> None:
        """Open or create `path`.

        Raises:
            StateError: if it is damaged, of another format, in use or not writable.
        """
        self._path = path
        with _explained(path):
            self._connection = sqlite3.connect(path, isolation_level=None, timeout=0.5)
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def _prepare(self) -> None:
        for setting in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=NORMAL"):
            self._connection.execute(f"PRAGMA {setting}").fetchall()
        found = self._connection.execute(
            "SELECT count(*) FROM sqlite_master WHERE name = 'format'"
        ).fetchone()[0]
        if not found:
            self._create()
        version = self._connection.execute("SELECT version FROM format").fetchone()
        if version != (FORMAT,):
            shown = version[0] if version else "none"
            raise StateError(
                f"{self._path} has storage format {shown}, this knlab reads {FORMAT}",
                hint="use the knlab that made it, or `knlab reset` to start afresh",
            )

    def _create(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        for table in _TABLES:
            self._connection.execute(table)
        self._connection.execute("INSERT INTO format VALUES (?)", (FORMAT,))
        self._connection.execute("INSERT INTO removed VALUES (0)")
        self._connection.execute("COMMIT")

    def load(self) -> tuple[int, list[Stored]]:
        """The latest version ever written, and every object."""
        with _explained(self._path):
            latest: int = self._connection.execute(
                "SELECT max((SELECT version FROM removed),"
                " (SELECT coalesce(max(version), 0) FROM objects))"
            ).fetchone()[0]
            rows = self._connection.execute(
                "SELECT grp, plural, namespace, name, version, body FROM objects"
            )
            return latest, [_stored(row) for row in rows]

    def put(self, resource: GroupResource, key: Key, version: int, obj: Object) -> None:
        """Keep `obj` under `key`."""
        row = (resource.group, resource.plural, *key, version, orjson.dumps(obj))
        with _reported():
            self._connection.execute("REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?)", row)

    def remove(self, resource: GroupResource, key: Key, version: int) -> None:
        """Forget `key`; `version` stays the latest one after a restart."""
        with _reported():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.execute(
                    "DELETE FROM objects WHERE (grp, plural, namespace, name) = (?, ?, ?, ?)",
                    (resource.group, resource.plural, *key),
                )
                self._connection.execute("UPDATE removed SET version = ?", (version,))
                self._connection.execute("COMMIT")
            except sqlite3.Error:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Release the file."""
        self._connection.close()


def _stored(row: tuple[str, str, str, str, int, bytes]) -> Stored:
    group, plural, namespace, name, version, body = row
    return Stored(GroupResource(group, plural), (namespace, name), version, orjson.loads(body))


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, orjson.JSONDecodeError) as error:
        if "locked" in str(error):
            message, hint = f"{path} is in use by another process", "stop it with `knlab down`"
        elif "unable to open" in str(error) or "readonly" in str(error):
            message, hint = (
                f"{path} cannot be written: {error}",
                "check the directory's permissions",
            )
        else:
            message, hint = f"{path} is damaged: {error}", "`knlab reset` starts afresh"
        raise StateError(message, hint=hint) from error


@contextmanager
def _reported() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise InternalError(f"the cluster's state cannot be written: {error}") from error

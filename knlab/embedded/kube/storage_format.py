"""How objects lie on disk: the tables of the SQLite file, its making, its older formats.

format    1  objects, and the version of the latest removal
          2  a checksum for each row, seeded with the file's own id; what an answered write
             survives; whether the file was closed in order
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import zlib
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

from knlab._exceptions import StateError
from knlab._state import Durability

FORMAT: Final = 2
_DURABILITY: Final[Durability] = "process"

_OBJECTS: Final = (
    "CREATE TABLE objects (grp TEXT NOT NULL, plural TEXT NOT NULL, namespace TEXT NOT NULL,"
    " name TEXT NOT NULL, version INTEGER NOT NULL, body BLOB NOT NULL, checksum INTEGER NOT NULL,"
    " PRIMARY KEY (grp, plural, namespace, name)) WITHOUT ROWID"
)
_STATE: Final = (
    "CREATE TABLE state (id TEXT NOT NULL, is_open INTEGER NOT NULL, durability TEXT NOT NULL,"
    " removed INTEGER NOT NULL, checksum INTEGER NOT NULL)"
)
_FORMAT_TABLE: Final = "CREATE TABLE format (version INTEGER NOT NULL)"
"""Every format has this table: knlabs older and newer than the file find its version in it."""


def object_checksum(
    seed: int, group: str, plural: str, namespace: str, name: str, version: int, body: bytes
) -> int:
    """The checksum of a row of `objects`; `seed` is that of the file."""
    head = f"{group}\0{plural}\0{namespace}\0{name}\0{version}\0"
    return zlib.crc32(body, zlib.crc32(head.encode(), seed))


def state_checksum(seed: int, durability: str, removed: int) -> int:
    """The checksum of the row of `state`."""
    return zlib.crc32(f"{durability}\0{removed}".encode(), seed)


def seed_of(file_id: str) -> int:
    """What the checksums of a file begin with, so that another file's rows do not pass for ours."""
    return zlib.crc32(file_id.encode())


def make_file(path: Path) -> None:
    """An empty store at `path`, which appears in one piece and is on the disk before it is used.

    Raises:
        OSError, sqlite3.Error: it cannot be written.
    """
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    with closing(sqlite3.connect(draft, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA journal_mode=OFF")  # nothing to go back to, nothing to leave
        connection.execute("BEGIN")
        connection.execute(_FORMAT_TABLE)
        connection.execute("INSERT INTO format VALUES (?)", (FORMAT,))
        connection.execute(_OBJECTS)
        _add_state(connection, removed=0)
        connection.execute("COMMIT")
    draft.chmod(0o600)  # Secrets are in it; its write-ahead log gets the same mode
    draft.replace(path)
    _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the file to this format, in one transaction; nothing happens if it has it.

    Raises:
        StateError: a newer knlab wrote it.
        sqlite3.Error: it is damaged.
    """
    rows = connection.execute("SELECT version FROM format").fetchall()
    if len(rows) != 1 or not isinstance(rows[0][0], int):
        raise sqlite3.DatabaseError("it says no storage format")
    found: int = rows[0][0]
    if found != FORMAT and found not in _STEPS:
        raise StateError(
            f"{path} has storage format {found}, this knlab reads up to {FORMAT}",
            hint="use the knlab that made it, or `knlab reset` to start afresh",
        )
    if found == FORMAT:
        return
    connection.execute("BEGIN IMMEDIATE")
    for version in range(found, FORMAT):
        _STEPS[version](connection)
    connection.execute("UPDATE format SET version = ?", (FORMAT,))
    connection.execute("COMMIT")


def _add_checksums(connection: sqlite3.Connection) -> None:
    """From 1 to 2."""
    removed: int = connection.execute("SELECT version FROM removed").fetchone()[0]
    seed = _add_state(connection, removed=removed)
    connection.create_function(
        "object_checksum", 6, lambda *row: object_checksum(seed, *row), deterministic=True
    )
    connection.execute("DROP TABLE removed")
    connection.execute("ALTER TABLE objects RENAME TO unchecked")
    connection.execute(_OBJECTS)
    connection.execute(
        "INSERT INTO objects SELECT grp, plural, namespace, name, version, body,"
        " object_checksum(grp, plural, namespace, name, version, body) FROM unchecked"
    )
    connection.execute("DROP TABLE unchecked")


_STEPS: Final[Mapping[int, Callable[[sqlite3.Connection], None]]] = {1: _add_checksums}
"""From each older format to the next."""


def _add_state(connection: sqlite3.Connection, *, removed: int) -> int:
    """The seed of the checksums of a file that gets its id now."""
    file_id = secrets.token_hex(16)
    seed = seed_of(file_id)
    connection.execute(_STATE)
    row = (file_id, 0, _DURABILITY, removed, state_checksum(seed, _DURABILITY, removed))
    connection.execute("INSERT INTO state VALUES (?, ?, ?, ?, ?)", row)
    return seed

"""Requests as columns: what each row says, how rows are gathered, how a request can fail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class ErrorClass(IntEnum):
    """How a request failed; the numbers are stored in recordings and never change meaning."""

    NONE = 0
    DNS = 1
    """The name has no address."""
    REFUSED = 2
    """Nobody listens at the address."""
    UNREACHABLE = 3
    """No way to the address."""
    TLS = 4
    """No agreement on encryption or the certificate is not trusted."""
    RESET = 5
    """The connection ended before the answer did."""
    TIMEOUT = 6
    """No complete answer within the time allowed."""
    MALFORMED = 7
    """The answer is not HTTP."""
    STATUS = 8
    """An answer, complete, with a status other than 2xx."""
    UNFINISHED = 9
    """Still under way when the run ended: neither a success nor a failure."""

    @property
    def label(self) -> str:
        """The name in lower case, as frames and reports show it."""
        return self.name.lower()


COLUMNS: Final[Mapping[str, str]] = {
    "intended_start": "<f8",
    "start": "<f8",
    "namelookup": "<f4",
    "connect": "<f4",
    "tls": "<f4",
    "send": "<f4",
    "first_byte": "<f8",
    "end": "<f8",
    "status": "<u2",
    "bytes": "<i8",
    "error": "<u1",
    "connection": "<u4",
}
"""The columns of `Requests` and their types, little-endian so that recordings are portable."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Requests:
    """Every request of a run, one row each, as columns.

    `intended_start`, `start`, `first_byte` and `end` are instants; those of warm-up requests are
    before 0 at `start`. `namelookup`, `connect`, `tls` and `send` are durations, the first three
    0 on a connection that was open already. `first_byte` is NaN if no byte came.
    """

    intended_start: NDArray[np.float64]
    start: NDArray[np.float64]
    namelookup: NDArray[np.float32]
    connect: NDArray[np.float32]
    tls: NDArray[np.float32]
    send: NDArray[np.float32]
    first_byte: NDArray[np.float64]
    end: NDArray[np.float64]
    status: NDArray[np.uint16]
    bytes: NDArray[np.int64]
    error: NDArray[np.uint8]
    connection: NDArray[np.uint32]

    @classmethod
    def of(cls, columns: Mapping[str, Any]) -> Requests:
        """The rows in `columns`; a column that is missing is all zero, as in a plain success.

        Raises:
            ValueError: if a column has an unknown name or another length than the rest.
        """
        if unknown := set(columns) - set(COLUMNS):
            raise ValueError(f"unknown columns: {sorted(unknown)}")
        length = max((len(values) for values in columns.values()), default=0)
        made = {
            name: np.asarray(columns.get(name, np.zeros(length)), dtype=kind)
            for name, kind in COLUMNS.items()
        }
        if any(len(values) != length for values in made.values()):
            raise ValueError("columns differ in length")
        for values in made.values():
            values.setflags(write=False)
        return cls(**made)

    def __len__(self) -> int:
        return len(self.start)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Requests) and all(
            np.array_equal(mine, theirs, equal_nan=mine.dtype.kind == "f")
            for mine, theirs in zip(self.columns().values(), other.columns().values(), strict=True)
        )

    __hash__ = None  # type: ignore[assignment]  # arrays have no hash

    def columns(self) -> dict[str, NDArray[Any]]:
        """Name → values of every column."""
        return {column.name: getattr(self, column.name) for column in fields(self)}

    @property
    def measured(self) -> NDArray[np.bool_]:
        """Which rows belong to the measured part, not to the warm-up."""
        return self.start >= 0

    @property
    def succeeded(self) -> NDArray[np.bool_]:
        """Which measured rows are complete 2xx answers: the rows that have a latency."""
        return np.asarray(self.measured & (self.error == ErrorClass.NONE))

    @property
    def sent(self) -> NDArray[np.float64]:
        """The instant at which a request was on its way: name, connection and TLS are behind it."""
        return np.asarray(self.start + self.namelookup + self.connect + self.tls + self.send)

    @property
    def total(self) -> NDArray[np.float64]:
        """Service time: from the moment a request was really begun to its last byte."""
        return self.end - self.start

    @property
    def latency(self) -> NDArray[np.float64]:
        """Response time: from the moment a request should have begun to its last byte."""
        return self.end - self.intended_start


BLOCK: Final = 65_536


class Rows:
    """Columns that grow by blocks; instants are stored relative to the origin."""

    def __init__(self) -> None:
        self.count = 0
        self.failed = 0
        self.origin = 0.0
        self._blocks: list[dict[str, np.ndarray[Any, Any]]] = []
        self._views: tuple[Any, ...] = ()

    def add(self, values: tuple[float | int, ...]) -> None:
        """One more row, with a value for each column in order."""
        place = self.count % BLOCK
        if not place:
            block = {name: np.zeros(BLOCK, dtype=kind) for name, kind in COLUMNS.items()}
            self._blocks.append(block)
            self._views = tuple(memoryview(column.data) for column in block.values())
        for view, value in zip(self._views, values):  # noqa: B905 - both have one entry a column
            view[place] = value
        self.count += 1

    def columns(self) -> dict[str, np.ndarray[Any, Any]]:
        """Every column in one piece."""
        kinds = COLUMNS.items()
        return {
            name: np.concatenate([np.zeros(0, kind), *(block[name] for block in self._blocks)])[
                : self.count
            ]
            for name, kind in kinds
        }

"""Copies of a container's output: the first gets what came before, the slow hold it up."""

from __future__ import annotations

import os
import selectors
from collections.abc import Iterator

import pytest

from knlab.embedded.pods.taps import Taps


class Watched:
    """One stream, and its readers."""

    def __init__(self, *, keeps: bool) -> None:
        self.loop = selectors.DefaultSelector()
        self.drains = 0
        self.taps = Taps(self.loop, self._drained, keeps=keeps)
        self.ends: dict[str, int] = {}

    def _drained(self) -> None:
        self.drains += 1

    def open(self, name: str) -> None:
        self.ends[name], theirs = os.pipe()
        os.set_blocking(self.ends[name], False)
        self.taps.open(name, theirs)

    def read(self, name: str) -> bytes | None:
        """What there is: empty at the end, None if nothing is there now."""
        try:
            return os.read(self.ends[name], 1 << 20)
        except BlockingIOError:
            return None

    def turn(self) -> None:
        for key, _ in self.loop.select(0):
            key.data()


@pytest.fixture
def watched(request: pytest.FixtureRequest) -> Iterator[Watched]:
    made = Watched(keeps=bool(getattr(request, "param", False)))
    yield made
    for end in made.ends.values():
        os.close(end)
    made.loop.close()


def test_all_get_what_comes_while_they_are_there(watched: Watched) -> None:
    watched.taps.give(b"before")
    watched.open("a")
    watched.taps.give(b"one")
    watched.open("b")
    watched.taps.give(b"two")
    watched.taps.finish()
    assert (watched.read("a"), watched.read("b")) == (b"onetwo", b"two")
    assert (watched.read("a"), watched.read("b")) == (b"", b"")


@pytest.mark.parametrize("watched", [True], indirect=True)
def test_the_first_gets_what_came_before(watched: Watched) -> None:
    watched.taps.give(b"before")
    watched.open("a")
    watched.open("b")
    assert (watched.read("a"), watched.read("b")) == (b"before", None)


@pytest.mark.parametrize("watched", [True], indirect=True)
def test_too_much_came_before(watched: Watched) -> None:
    watched.taps.give(bytes(1 << 17))
    watched.taps.give(b"more")
    watched.open("a")
    assert watched.read("a") is None


def test_who_reads_slowly_holds_the_stream_up(watched: Watched) -> None:
    watched.open("a")
    watched.taps.give(bytes(1 << 18))
    read = 0
    while watched.taps.are_full:
        read += len(watched.read("a") or b"")
        watched.turn()
    assert watched.drains == 1
    watched.taps.finish()
    while piece := watched.read("a"):
        read += len(piece)
    assert read == 1 << 18


def test_the_end_comes_after_what_is_unsent(watched: Watched) -> None:
    watched.open("a")
    watched.taps.give(bytes(1 << 18))
    watched.taps.finish()
    read = 0
    while (piece := watched.read("a")) != b"":
        read += len(piece or b"")
        watched.turn()
    assert read == 1 << 18


def test_who_is_gone_holds_nothing_up(watched: Watched) -> None:
    for name in ("leaves", "vanishes"):
        watched.open(name)
    watched.taps.give(bytes(1 << 18))
    watched.taps.close("leaves")
    os.close(watched.ends.pop("vanishes"))
    watched.turn()
    assert not watched.taps.are_full

"""Running containers for those who attach: their input, and copies of their output."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from knlab._exceptions import KnlabError
from knlab.embedded.kube.objects import Object
from knlab.embedded.pods.descriptors import Descriptor, StandardStreams, pipes, terminal

STDIN: Final = "stdin"
STDOUT: Final = "stdout"
STDERR: Final = "stderr"

_UNREAD_LIMIT: Final = 1 << 20


class NotRunning(KnlabError):  # noqa: N818 - a situation, as in the tree of exceptions
    """The container has exited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How a container wants to be talked to."""

    stdin: bool = False
    """Whether it has an input; it reads nothing otherwise."""
    stdin_once: bool = False
    """Whether its input ends with that of the first who attaches."""
    tty: bool = False
    """Whether it has a terminal."""

    @classmethod
    def of(cls, spec: Object) -> Manners:
        """Those of the container `spec`."""
        flags = (bool(spec.get(name)) for name in ("stdin", "stdinOnce", "tty"))
        return cls(**dict(zip(("stdin", "stdin_once", "tty"), flags, strict=True)))

    @property
    def closes_input(self) -> bool:
        """Whether its input ends when somebody who was attached has no more, or goes."""
        return self.stdin_once and not self.tty


SILENT: Final = Manners()
"""Those of a container that nobody can talk to."""


class Source(Protocol):
    """Where output comes from."""

    async def read(self) -> bytes:
        """What is there, once something is; empty at the end."""


class Input:
    """The input of a container, which several may write to."""

    def __init__(self, end: Descriptor) -> None:
        self._end = end
        self._writing = asyncio.Lock()
        self._is_busy = False
        self._ended = False

    async def write(self, data: bytes) -> None:
        """Write all of `data`.

        Raises:
            OSError: nobody reads it any more.
        """
        async with self._writing:
            if self._ended:
                raise BrokenPipeError("the container's input has ended")
            self._is_busy = True
            try:
                await self._end.write(data)
            finally:
                self._is_busy = False
                self._let_go()

    def end(self) -> None:
        """Nothing more will be written."""
        self._ended = True
        self._let_go()

    def _let_go(self) -> None:
        if self._ended and not self._is_busy:
            self._end.close()


class Console(Protocol):
    """A running container, for those who attach to it."""

    @property
    def manners(self) -> Manners:
        """How it wants to be talked to."""

    @property
    def input(self) -> Input | None:
        """Its input, if it has one."""

    def resize(self, width: int, height: int) -> None:
        """Tell its terminal, if it has one, a size in characters."""

    def watched(self, names: Collection[str]) -> AbstractAsyncContextManager[Mapping[str, Source]]:
        """What it prints from now on, by name of the stream.

        Raises:
            NotRunning: it has exited.
            StartFailed, OSError: the operating system refused it.
        """


class Consoles:
    """The consoles of all containers that run, by the containers' own directories."""

    def __init__(self) -> None:
        self._open: dict[Path, Console] = {}

    def find(self, directory: Path) -> Console | None:
        """The one of the container whose directory it is, if that runs."""
        return self._open.get(directory)

    @contextmanager
    def opened(self, directory: Path, console: Console) -> Iterator[None]:
        """`console` can be found while the block lasts."""
        self._open[directory] = console
        try:
            yield
        finally:
            del self._open[directory]


class Watchable(Protocol):
    """A process whose output can be copied: `supervisor.Child`."""

    async def watch(self, tap: str, streams: Mapping[str, int]) -> None:
        """Have copies of its streams sent to the descriptors, until `unwatch`."""

    def unwatch(self, tap: str) -> None:
        """Have no more copies sent."""


class Ends:
    """Both ends of what a process is to have as its input."""

    def __init__(self, manners: Manners) -> None:
        """Open them; raises `OSError` if the system has none left."""
        self.manners = manners
        self.kind = "terminal" if manners.tty else "pipe" if manners.stdin else ""
        """What they are, in the words of the shim."""
        self._streams: StandardStreams | None = None
        self.given: tuple[int, ...] = ()
        """The descriptors that the shim needs."""
        self.ours: Descriptor | None = None
        if manners.tty:
            self._streams = terminal()
        elif manners.stdin:
            self._streams = pipes(stdin=True, stdout=False, stderr=False)
        if self._streams is not None and self._streams.stdin is not None:
            self.ours = self._streams.stdin
            screen = (self.ours.number,) if manners.tty else ()
            self.given = (self._streams.process[0], *screen)

    def handed_over(self) -> None:
        """The shim has what it needs."""
        if self._streams is not None:
            self._streams.handed_over()

    def close(self) -> None:
        """Let go of everything."""
        if self._streams is not None:
            self._streams.close()


class ProcessConsole:
    """The console of a process."""

    _taps = itertools.count(1)

    def __init__(self, process: Watchable, ends: Ends) -> None:
        self._process, self._ends = process, ends
        self._input = None if ends.ours is None else Input(ends.ours)

    @property
    def manners(self) -> Manners:
        """How it wants to be talked to."""
        return self._ends.manners

    @property
    def input(self) -> Input | None:
        """Its input, if it has one."""
        return self._input if self.manners.stdin else None

    def resize(self, width: int, height: int) -> None:
        """Tell its terminal, if it has one, a size in characters."""
        if self.manners.tty and self._ends.ours is not None:
            self._ends.ours.resize(width, height)

    def close(self) -> None:
        """The process has exited."""
        if self._input is not None:
            self._input.end()

    @asynccontextmanager
    async def watched(self, names: Collection[str]) -> AsyncIterator[Mapping[str, Source]]:
        """What it prints from now on, by name of the stream."""
        tap = str(next(self._taps))
        copies = pipes(stdin=False, stdout=STDOUT in names, stderr=STDERR in names)
        ours = {STDOUT: copies.stdout, STDERR: copies.stderr}
        theirs = dict(zip(ours, copies.process[1:], strict=True))
        try:
            await self._process.watch(tap, {name: theirs[name] for name in names})
            copies.handed_over()
            yield {name: end for name, end in ours.items() if end is not None}
        finally:
            self._process.unwatch(tap)
            copies.close()


class TaskConsole:
    """The console of what runs in this very process: it prints lines, and takes no input."""

    manners: Final = SILENT
    input: Final = None

    def __init__(self) -> None:
        self._readers: set[_Lines] = set()

    def resize(self, _width: int, _height: int) -> None:
        """Nothing has a size."""

    def print(self, output: bytes) -> None:
        """Give `output` to all who are attached."""
        for reader in self._readers:
            reader.give(output)

    def close(self) -> None:
        """Nothing more will be printed."""
        for reader in self._readers:
            reader.end()

    @asynccontextmanager
    async def watched(self, names: Collection[str]) -> AsyncIterator[Mapping[str, Source]]:
        """What it prints from now on, by name of the stream."""
        found = {name: _Lines() for name in names}
        if STDERR in found:
            found[STDERR].end()
        reader = found.get(STDOUT, _Lines())
        self._readers.add(reader)
        try:
            yield found
        finally:
            self._readers.discard(reader)


class _Lines:
    """Output on its way to one reader, who loses the rest if he is too slow."""

    def __init__(self) -> None:
        self._unread = b""
        self._ended = False
        self._something = asyncio.Event()

    def give(self, output: bytes) -> None:
        if len(self._unread) + len(output) > _UNREAD_LIMIT:
            self._ended = True
        if not self._ended:
            self._unread += output
        self._something.set()

    def end(self) -> None:
        self._ended = True
        self._something.set()

    async def read(self) -> bytes:
        """What is there, once something is; empty at the end."""
        while not self._unread and not self._ended:
            self._something.clear()
            await self._something.wait()
        taken, self._unread = self._unread, b""
        return taken

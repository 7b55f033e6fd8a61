"""What a command of the box works with: the container's files, variables, processes, streams."""

from __future__ import annotations

import marshal
import os
from collections.abc import Iterator

from knlab.embedded.programs.box import names
from knlab.embedded.programs.box.files import Files, Mount
from knlab.embedded.programs.box.processes import Processes

_PIECE = 65536


class Failure(Exception):  # noqa: N818 - a command's own end, not an error of ours
    """A command cannot go on: what it says (without its name) and its exit code."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code


class World:
    """The surroundings of a command."""

    def __init__(self, settings: str, manner: str) -> None:
        """As the file `settings` says; `manner` is one of those in `names`.

        The variables come from there too. In the environment of this very process the loader and
        the C library would have seen them first, who know nothing of the container's directory.
        """
        with open(settings, "rb") as file:
            found = marshal.load(file)
        directory = found["directory"]
        self.files = Files(f"{directory}/{names.ROOT}", [Mount(**one) for one in found["mounts"]])
        self.processes = Processes(f"{directory}/{names.PIDS}")
        self.env: dict[str, str] = found["env"]
        if manner == names.ON_TERMINAL:
            self.env["TERM"] = "xterm"
        self.image: str = found["image"]
        self.hostname: str = found["hostname"]
        self.ip: str = found["ip"]
        self.namespace: str = found["namespace"]
        self.network: str = found["network"]
        self.listen: str = found["listen"]
        self.workdir: str = found["workdir"]
        self.is_first = manner == names.FIRST
        """Whether this is the container's first process."""


def put(text: str | bytes, descriptor: int = 1) -> None:
    """Write all of `text` to a standard stream, at once."""
    data = memoryview(text if isinstance(text, bytes) else encoded(text))
    while data:
        data = data[os.write(descriptor, data) :]


def say(text: str) -> None:
    """Write a line to standard error."""
    put(f"{text}\n", 2)


def encoded(text: str) -> bytes:
    """`text` as bytes; bytes that were no text come back as they were."""
    return text.encode("utf-8", "surrogateescape")


def decoded(data: bytes) -> str:
    """`data` as text."""
    return data.decode("utf-8", "surrogateescape")


def pieces_of(world: World, path: str) -> Iterator[bytes]:
    """The content of the file at `path`; `-` is standard input.

    Raises:
        OSError: if it cannot be read.
    """
    return iter(lambda: os.read(0, _PIECE), b"") if path == "-" else world.files.read(path)


def is_terminal(descriptor: int = 0) -> bool:
    """Whether somebody types there."""
    return os.isatty(descriptor)


def give_up(name: str, text: str, code: int) -> int:
    """Say that the command `name` failed; its exit code."""
    say(f"{name}: {text}")
    return code

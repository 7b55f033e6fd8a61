"""What a command of the box works with: the container's files, variables, processes, streams."""

from __future__ import annotations

import os

from knlab.embedded.programs.box import names
from knlab.embedded.programs.box.files import Files, Mount
from knlab.embedded.programs.box.processes import Processes


class Failure(Exception):  # noqa: N818 - a command's own end, not an error of ours
    """A command cannot go on: what it says (without its name) and its exit code."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code


class World:
    """The surroundings of a command."""

    def __init__(self, settings: dict[str, str], env: dict[str, str]) -> None:
        self.files = Files(settings["root"], _mounts(settings["mounts"]))
        self.processes = Processes(settings["pids"])
        self.env = env
        self.image = settings["image"]
        self.hostname = settings["hostname"]
        self.ip = settings["ip"]
        self.namespace = settings["namespace"]
        self.network = settings["network"]
        self.listen = settings["listen"]
        self.workdir = settings["workdir"]
        self.is_first = bool(settings["first"])
        """Whether this is the container's first process."""


def read_settings() -> World:
    """The world that this process was started in; its settings leave the environment."""
    text = os.environ.pop(names.SETTINGS)
    settings = dict(part.split("=", 1) for part in text.split(names.SEPARATOR))
    if not settings["locale"]:
        os.environ.pop("LC_CTYPE", None)  # the interpreter's own addition
    return World(settings, dict(os.environ))


def _mounts(text: str) -> list[Mount]:
    found = []
    for entry in filter(None, text.split(names.MOUNT_SEPARATOR)):
        path, source, within, mode = entry.split(names.MOUNT_FIELD_SEPARATOR)
        found.append(Mount(path, source, within, read_only=mode == "ro"))
    return found


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


def words_of_failure(problem: OSError) -> str:
    """What the system says of `problem`."""
    return problem.strerror or str(problem)


def is_terminal(descriptor: int = 0) -> bool:
    """Whether somebody types there."""
    return os.isatty(descriptor)


def give_up(name: str, text: str, code: int) -> int:
    """Say that the command `name` failed; its exit code."""
    say(f"{name}: {text}")
    return code

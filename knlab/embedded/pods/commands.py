"""Which commands may run in a container, and how: the built-in ones, never a program of the host.

A command is a process of the box (`knlab.embedded.programs.box`): our own small Unix tools, whose
`/` is the directory of their container. What they need to know of it, its variables among that,
stands in a file beside that directory, so that `exec` finds it for as long as the pod is there.
Their own environment is empty: what a Pod says never meets the loader of a program of the host.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from knlab._exceptions import KnlabError
from knlab.embedded.images import shipped
from knlab.embedded.pods.box import Box, read_box
from knlab.embedded.pods.furnishing import furnish, is_furnished
from knlab.embedded.programs.box import names


class NoSuchCommand(KnlabError):  # noqa: N818 - a situation, as in the tree of exceptions
    """The container has no such command; the text is what its runtime would say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A process to start: everything it is given."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path


def exec_command(argv: Sequence[str], container: Path, *, tty: bool = False) -> Command:
    """The process that runs `argv` in a container whose own directory is `container`.

    That is `PODS_DIRECTORY/UID/CONTAINER_NAME`. Start it with pipes or a terminal as its standard
    streams, in a session of its own; its exit code is the command's.

    Raises:
        NoSuchBox: if the container has none.
        NoSuchCommand: if the first word is not a command that it has.
    """
    box = read_box(container)
    if not is_furnished(box):
        furnish(box)
    return _command(argv, box, names.ON_TERMINAL if tty else names.LATER)


def first_command(argv: Sequence[str], box: Box) -> Command:
    """The process that runs `argv` as the first of the container with `box`.

    Raises:
        NoSuchCommand: if the first word is not a command that the container has.
    """
    return _command(argv, box, names.FIRST)


def _command(argv: Sequence[str], box: Box, manner: str) -> Command:
    if not names.is_known(argv[0], box.image):
        raise NoSuchCommand(not_found(argv[0]))
    start = (*shipped("box.start").argv, str(box.settings), manner)
    return Command(argv=(*start, *argv), env={}, cwd=box.root)


def not_found(name: str) -> str:
    """What a container's runtime says of a command that the container does not have."""
    if "/" in name:
        return f'exec: "{name}": stat {name}: no such file or directory'
    return f'exec: "{name}": executable file not found in $PATH'

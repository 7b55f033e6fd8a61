"""Redirections: descriptors put elsewhere while a command runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from knlab.embedded.programs.box.expansion import Expansion
from knlab.embedded.programs.box.files import Files
from knlab.embedded.programs.box.tree import Redirection
from knlab.embedded.programs.box.world import encoded

_FLAGS = {
    "<": os.O_RDONLY,
    ">": os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
    ">|": os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
    ">>": os.O_WRONLY | os.O_CREAT | os.O_APPEND,
}
_SPARE = 10
"""Saved descriptors get numbers from here on."""


class BadRedirection(Exception):  # noqa: N818 - a situation
    """A file that cannot be opened; the text is the shell's."""


@contextmanager
def redirected(
    redirections: list[Redirection], expansion: Expansion, files: Files
) -> Iterator[None]:
    """The descriptors are elsewhere while the block runs.

    Raises:
        BadRedirection: if one cannot be.
    """
    saved: list[tuple[int, int | None]] = []
    try:
        for redirection in redirections:
            saved.append((redirection.descriptor, _saved(redirection.descriptor)))
            redirect(redirection, expansion, files)
        yield
    finally:
        for descriptor, copy in reversed(saved):
            if copy is None:
                with suppress(OSError):  # closed already by `>&-`
                    os.close(descriptor)
            else:
                os.dup2(copy, descriptor)
                os.close(copy)


def redirect(redirection: Redirection, expansion: Expansion, files: Files) -> None:
    """Put one descriptor elsewhere.

    Raises:
        BadRedirection: if that cannot be.
    """
    target = expansion.text(redirection.target)
    descriptor = redirection.descriptor
    if redirection.operator in {">&", "<&"} and target == "-":
        os.close(descriptor)
        return
    if redirection.operator in {">&", "<&"} and target.isdigit():
        os.dup2(int(target), descriptor)
        return
    if redirection.operator == "<<":
        opened = _text(target)
    else:
        opened = _opened(files, target, _FLAGS[redirection.operator.replace(">&", ">")])
    if opened != descriptor:
        os.dup2(opened, descriptor)
        os.close(opened)


def _opened(files: Files, path: str, flags: int) -> int:
    try:
        return files.open(path, flags)
    except OSError as problem:
        how, missing = ("create", "nonexistent directory") if flags else ("open", "no such file")
        why = missing if isinstance(problem, FileNotFoundError) else problem.strerror
        raise BadRedirection(f"can't {how} {path}: {why}") from None


def _saved(descriptor: int) -> int | None:
    import fcntl  # noqa: PLC0415 - most commands redirect nothing

    try:
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _SPARE)
    except OSError:
        return None


def _text(text: str) -> int:
    """A descriptor that gives `text`; a process of its own writes it if it is long."""
    read, write = os.pipe()
    data = encoded(text)
    if len(data) > 4096 and os.fork() == 0:
        os.close(read)
        while data:
            data = data[os.write(write, data) :]
        os._exit(0)
    elif len(data) <= 4096:
        os.write(write, data)
    os.close(write)
    return read

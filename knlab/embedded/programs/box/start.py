"""The beginning of every process of the box."""

from __future__ import annotations

import os
import signal
import sys

from knlab.embedded.programs.box.world import World, say

_IGNORED_BY_FIRST = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)


def main() -> None:
    """Run the command in the arguments, after the world's two, and exit with its code."""
    _, settings, manner, *argv = sys.argv
    world = World(settings, manner)
    world.processes.enter(" ".join(argv), first=world.is_first)
    _set_signals(world)
    os.umask(0o022)
    try:
        world.files.enter(world.workdir)
    except OSError:
        world.files.folder = "/"
    os._exit(_run(world, argv))


def _set_signals(world: World) -> None:
    """As the kernel has it: a container's first process only gets signals that it handles."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if world.is_first:
        for number in _IGNORED_BY_FIRST:
            signal.signal(number, signal.SIG_IGN)


def _run(world: World, argv: list[str]) -> int:
    from knlab.embedded.programs.box import tools  # noqa: PLC0415 - signals first

    try:
        return tools.run(world, argv) & 0xFF
    except KeyboardInterrupt:
        return 130
    except MemoryError:
        say(f"{argv[0]}: out of memory")
        return 1
    finally:
        world.processes.leave()

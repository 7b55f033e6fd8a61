"""Which module has which command, and running one."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from knlab.embedded.programs.box.names import bare
from knlab.embedded.programs.box.world import Failure, World, give_up, say

Tool = Callable[[World, list[str]], int]

_MODULES = {
    "conditions": "[ test",
    "text_tools": "cat echo head printf seq tail tee wc yes",
    "line_tools": "cut grep sed sort tr uniq",
    "file_tools": "basename cp dirname find ln ls mkdir mv readlink realpath rm rmdir touch",
    "system_tools": (
        "busybox clear date env false hostname id kill printenv ps pwd sleep timeout true uname"
        " usleep which whoami xargs"
    ),
    "terminal_tools": "stty tty",
    "network_tools": "nc nslookup",
    "web_tools": "curl wget",
    "session": "ash bash sh",
    "nginx": "docker-entrypoint.sh nginx",
}
_HOME = {name: module for module, listed in _MODULES.items() for name in listed.split()}
_FUNCTIONS = {"[": "test", "ash": "sh", "bash": "sh", "docker-entrypoint.sh": "entrypoint"}


def run(world: World, argv: list[str]) -> int:
    """The exit code of the command `argv`, which the caller knows to exist."""
    name = bare(argv[0])
    try:
        module = import_module(f"knlab.embedded.programs.box.{_HOME[name]}")
        tool: Tool = getattr(module, _FUNCTIONS.get(name, name))
        return tool(world, [name, *argv[1:]])
    except Failure as failure:
        return give_up(name, str(failure), failure.code)
    except BrokenPipeError:
        return 141
    except OSError as problem:
        where = f"{problem.filename}: " if isinstance(problem.filename, str) else ""
        say(f"{name}: {where}{problem.strerror}")
        return 1

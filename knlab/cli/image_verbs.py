"""image add, list: programs of the user's own as images of the embedded cluster."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from knlab import images
from knlab._state import claim
from knlab.cli.cluster_verbs import add_state_dir, state_dir

if TYPE_CHECKING:
    Verbs: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]


def add_verbs(verbs: Verbs) -> None:
    """Add this group to the parser."""
    text = "register programs of your own as images of the embedded cluster"
    parser = verbs.add_parser("image", help=text, description=text[0].upper() + text[1:] + ".")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    add = actions.add_parser("add", help="register a program: dev.local/NAME -- COMMAND …")
    add.add_argument("name", help="dev.local/NAME or dev.local/NAME:TAG")
    add.add_argument("command", nargs="+", help="the program and its arguments, after --")
    add.set_defaults(run=_add)
    shown = actions.add_parser("list", help="the programs registered")
    shown.set_defaults(run=_list)
    for action in (add, shown):
        add_state_dir(action)


def _add(chosen: argparse.Namespace) -> int:
    file = _registered(chosen)
    claim(file.parent)
    command = images.command_line(chosen.command, directory=Path.cwd())
    print(f"{images.register_program(file, chosen.name, command)} runs {shlex.join(command)}")
    return 0


def _list(chosen: argparse.Namespace) -> int:
    programs = images.registered_programs(_registered(chosen))
    for reference, command in programs.items():
        print(f"{reference}   {shlex.join(command)}")
    if not programs:
        print("no programs of your own yet: knlab image add dev.local/NAME -- COMMAND …")
    return 0


def _registered(chosen: argparse.Namespace) -> Path:
    return state_dir(chosen) / "images.json"

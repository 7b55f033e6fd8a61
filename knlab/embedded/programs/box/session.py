"""`sh`: one shell from its start to its end, with a script, a text, or somebody who types."""

from __future__ import annotations

import signal
from collections.abc import Callable

from knlab.embedded.programs.box.grammar import parse
from knlab.embedded.programs.box.jobs import Ended
from knlab.embedded.programs.box.shell import Jump, Shell
from knlab.embedded.programs.box.text_tools import line_from
from knlab.embedded.programs.box.traps import Interrupted
from knlab.embedded.programs.box.words import SyntaxProblem
from knlab.embedded.programs.box.world import World, decoded, is_terminal, put

_USAGE = 2


def sh(world: World, argv: list[str]) -> int:
    """Run a shell: `sh -c TEXT [NAME ARGUMENT…]`, `sh FILE [ARGUMENT…]`, or what is typed."""
    words = argv[1:]
    flags = ""
    text: str | None = None
    while words and words[0][:1] in {"-", "+"} and words[0] not in {"-", "--"}:
        flags += words.pop(0).lstrip("-")
    if words[:1] in (["-"], ["--"]):
        words = words[1:]
    if "c" in flags:
        if not words:
            return Shell(world, argv[0]).complain("-c requires an argument", _USAGE)
        text, words = words[0], words[1:]
        name = words[0] if words else argv[0]
    else:
        name = words[0] if words else argv[0]
    shell = Shell(world, name, words[1:])
    shell.stops_on_failure, shell.tells = "e" in flags, "x" in flags
    shell.scope.strict = "u" in flags
    return _ended(shell, lambda: _work(shell, text, words, flags))


def _work(shell: Shell, text: str | None, words: list[str], flags: str) -> int:
    if text is not None:
        return shell.run_text(text)
    if words:
        try:
            script = decoded(b"".join(shell.world.files.read(words[0])))
        except OSError as problem:
            return shell.complain(f"can't open '{words[0]}': {problem.strerror}", _USAGE)
        return shell.run_text(script)
    return _typed(shell, asks="i" in flags or is_terminal())


def _ended(shell: Shell, work: Callable[[], int]) -> int:
    try:
        status = work()
    except Ended as ended:
        status = ended.code
    except Jump as jump:
        status = jump.status
    except Interrupted as interrupted:
        status = 128 + interrupted.number
    shell.scope.status = status
    try:
        shell.traps.run_exit()
    except Ended as ended:
        status = ended.code
    return status


def _typed(shell: Shell, *, asks: bool) -> int:
    """Run line by line what standard input gives, with prompts if somebody types it."""
    if asks:
        shell.scope.flags = "i"
        shell.traps.break_on_interrupt()
        for number in (signal.SIGTERM, signal.SIGQUIT):
            signal.signal(number, signal.SIG_IGN)
    text = ""
    while True:
        try:
            line, complete = _line(shell, text) if asks else line_from(0)
        except Interrupted:
            if _is_broken_off(shell):
                text = ""
            continue
        if not line and not complete:
            put("\n" if asks and not text else "")
            return shell.run_text(text) if text else shell.scope.status
        text += f"{line}\n" if complete else line
        if _wants_more(text) and complete:
            continue
        if text.strip():
            _run(shell, text, asks=asks)
        text = ""


def _is_broken_off(shell: Shell) -> bool:
    """Whether the signal that came was Ctrl-C; traps of others have run."""
    try:
        shell.traps.run_pending()
    except Interrupted as interrupted:
        put("\n")
        shell.scope.status = 128 + interrupted.number
        return True
    return False


def _run(shell: Shell, text: str, *, asks: bool) -> None:
    try:
        shell.scope.status = shell.run_text(text)
    except Jump as jump:
        shell.scope.status = jump.status
    except Interrupted as interrupted:
        shell.scope.status = 128 + interrupted.number
    if asks and shell.scope.status == 128 + signal.SIGINT:
        put("\n")
    shell.jobs.reap()


def _wants_more(text: str) -> bool:
    try:
        parse(text)
    except SyntaxProblem as problem:
        return problem.incomplete
    except RecursionError:
        return False
    return text.endswith("\\\n")


def _line(shell: Shell, before: str) -> tuple[str, bool]:
    """A line that somebody types.

    Raises:
        Interrupted: if a signal came first.
    """
    put("> " if before else _prompt(shell))
    with shell.traps.waiting():
        return line_from(0)


def _prompt(shell: Shell) -> str:
    folder, home = shell.world.files.folder, shell.scope.get("HOME") or "/root"
    if home != "/" and (folder == home or folder.startswith(f"{home}/")):
        folder = f"~{folder[len(home) :]}"
    if shell.world.image == "nginx":
        return f"root@{shell.world.hostname}:{folder}# " if shell.scope.name == "bash" else "# "
    return f"{folder} # "

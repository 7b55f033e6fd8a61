"""Commands that the shell runs itself, because they change it."""

from __future__ import annotations

import signal
from collections.abc import Callable

from knlab.embedded.programs.box import names, text_tools
from knlab.embedded.programs.box.conditions import test
from knlab.embedded.programs.box.jobs import Ended
from knlab.embedded.programs.box.shell import NOT_FOUND, Jump, Shell
from knlab.embedded.programs.box.traps import Interrupted, signal_number
from knlab.embedded.programs.box.words import is_name
from knlab.embedded.programs.box.world import Failure, decoded, put, say

Builtin = Callable[[Shell, list[str]], int]


def _cd(shell: Shell, argv: list[str]) -> int:
    target = argv[1] if argv[1:] else shell.scope.get("HOME") or "/"
    if target == "-":
        target = shell.scope.get("OLDPWD") or shell.world.files.folder
        put(f"{target}\n")
    before = shell.world.files.folder
    try:
        shell.world.files.enter(target)
    except OSError as problem:
        return shell.complain(f"cd: can't cd to {target}: {problem.strerror}", 2)
    shell.scope.values |= {"OLDPWD": before, "PWD": shell.world.files.folder}
    return 0


def _exit(shell: Shell, argv: list[str]) -> int:
    if argv[1:] and not argv[1].isdigit():
        raise Ended(shell.complain(f"exit: Illegal number: {argv[1]}", 2))
    raise Ended(int(argv[1]) if argv[1:] else shell.scope.status)


def _export(shell: Shell, argv: list[str]) -> int:
    if argv[1:] in ([], ["-p"]):
        for name, value in sorted(shell.env.items()):
            put(f"export {name}='{value}'\n")
    for word in argv[1:]:
        name, equals, value = word.partition("=")
        if word == "-p":
            continue
        if not is_name(name):
            return shell.complain(f"export: {word}: bad variable name", 2)
        if equals:
            shell.scope.assign(name, value)
        shell.exported.add(name)
    return 0


def _local(shell: Shell, argv: list[str]) -> int:
    for word in argv[1:]:
        name, equals, value = word.partition("=")
        shell.hide(name)
        if equals:
            shell.scope.assign(name, value)
    return 0


def _unset(shell: Shell, argv: list[str]) -> int:
    for name in argv[1:]:
        shell.scope.values.pop(name, None)
        shell.functions.pop(name, None)
        shell.exported.discard(name)
    return 0


def _set(shell: Shell, argv: list[str]) -> int:
    words = argv[1:]
    if not words:
        for name, value in sorted(shell.scope.values.items()):
            put(f"{name}='{value}'\n")
    while words and words[0][:1] in {"-", "+"} and words[0] not in {"-", "--", "+"}:
        word = words.pop(0)
        letters = word[1:]
        if letters == "o":
            letters = {"errexit": "e", "nounset": "u", "xtrace": "x"}.get(words.pop(0), "")
        on = word[0] == "-"
        for letter in letters:
            _flag(shell, letter, on=on)
    if words[:1] == ["--"]:
        shell.scope.arguments = words[1:]
    elif words:
        shell.scope.arguments = words
    return 0


def _flag(shell: Shell, letter: str, *, on: bool) -> None:
    if letter == "e":
        shell.stops_on_failure = on
    elif letter == "x":
        shell.tells = on
    elif letter == "u":
        shell.scope.strict = on
    flags = shell.scope.flags.replace(letter, "")
    shell.scope.flags = flags + letter if on else flags


def _shift(shell: Shell, argv: list[str]) -> int:
    count = int(argv[1]) if argv[1:] and argv[1].isdigit() else 1
    if count > len(shell.scope.arguments):
        return 1
    del shell.scope.arguments[:count]
    return 0


def _eval(shell: Shell, argv: list[str]) -> int:
    return shell.run_text(" ".join(argv[1:]))


def _source(shell: Shell, argv: list[str]) -> int:
    if not argv[1:]:
        return shell.complain(".: filename argument required", 2)
    try:
        text = decoded(b"".join(shell.world.files.read(argv[1])))
    except OSError:
        raise Ended(
            shell.complain(f".: can't open '{argv[1]}': No such file or directory", 2)
        ) from None
    return shell.run_text(text)


def _exec(shell: Shell, argv: list[str]) -> int:
    if not argv[1:]:
        return 0
    if not names.is_known(argv[1], shell.world.image):
        raise Ended(shell.complain(f"exec: {argv[1]}: not found", NOT_FOUND))
    raise Ended(shell.become(argv[1:]))


def _read(shell: Shell, argv: list[str]) -> int:
    words = [word for word in argv[1:] if not word.startswith("-")] or ["REPLY"]
    try:
        with shell.traps.waiting():
            line, ended = text_tools.line_from(0)
    except Interrupted:
        return 1
    rest = line.strip(" \t")
    for name in words[:-1]:
        first, _, rest = rest.partition(" ")
        shell.scope.assign(name, first)
        rest = rest.lstrip(" \t")
    shell.scope.assign(words[-1], rest)
    return int(not ended)


def _trap(shell: Shell, argv: list[str]) -> int:
    words = argv[1:]
    if not words:
        for known, text in sorted(shell.traps.texts.items()):
            put(f"trap -- '{text}' {signal.Signals(known).name[3:]}\n")
        return 0
    words = words[1:] if words[0] == "--" else words
    resets = words[0] == "-" or signal_number(words[0]) is not None
    for name in words if words[0] != "-" and resets else words[1:]:
        if (number := signal_number(name)) is None:
            return shell.complain(f"trap: {name}: invalid signal specification")
        if resets:
            shell.traps.reset(number, ignored=shell.scope.pid == 1)
        else:
            shell.traps.set(number, words[0])
    return 0


def _wait(shell: Shell, argv: list[str]) -> int:
    jobs = shell.jobs
    wanted = [int(word) for word in argv[1:] if word.isdigit()]
    status = 0
    try:
        with shell.traps.waiting():
            for pid, number in tuple(jobs.background.items()):
                if not wanted or number in wanted:
                    jobs.wait_for(pid)
    except Interrupted as interrupted:
        return 128 + interrupted.number
    for number in wanted:
        status = jobs.ended.get(number, NOT_FOUND)
    return status


def _jump(kind: str) -> Builtin:
    def builtin(shell: Shell, argv: list[str]) -> int:
        if not shell.in_loops:
            return 0
        raise Jump(kind, int(argv[1]) if argv[1:] and argv[1].isdigit() else 1)

    return builtin


def _return(shell: Shell, argv: list[str]) -> int:
    status = int(argv[1]) if argv[1:] and argv[1].isdigit() else shell.scope.status
    raise Jump("return", status=status)


def _kill(shell: Shell, argv: list[str]) -> int:
    from knlab.embedded.programs.box.system_tools import kill  # noqa: PLC0415 - rarely needed

    return _tool(shell, argv, lambda: kill(shell.world, argv))


def _test(shell: Shell, argv: list[str]) -> int:
    return _tool(shell, argv, lambda: test(shell.world, argv))


def _echo(shell: Shell, argv: list[str]) -> int:
    return text_tools.echo(shell.world, argv)


def _printf(shell: Shell, argv: list[str]) -> int:
    return _tool(shell, argv, lambda: text_tools.printf(shell.world, argv))


def _tool(shell: Shell, argv: list[str], run: Callable[[], int]) -> int:
    try:
        return run()
    except Failure as failure:
        return shell.complain(f"{argv[0]}: {failure}", failure.code)


def _pwd(shell: Shell, _argv: list[str]) -> int:
    put(f"{shell.world.files.folder}\n")
    return 0


def _type(shell: Shell, argv: list[str]) -> int:
    status = 0
    for name in argv[1:]:
        if name in shell.functions:
            put(f"{name} is a shell function\n")
        elif name in BUILTINS:
            put(f"{name} is a shell builtin\n")
        elif names.is_known(name, shell.world.image):
            put(f"{name} is /bin/{names.bare(name)}\n")
        else:
            put(f"{name}: not found\n")
            status = NOT_FOUND
    return status


def _command(shell: Shell, argv: list[str]) -> int:
    words = argv[1:]
    if words[:1] not in (["-v"], ["-V"]):
        return shell.call(words) if words else 0
    for name in words[1:]:
        if name in BUILTINS or name in shell.functions:
            put(f"{name}\n")
        elif names.is_known(name, shell.world.image):
            put(f"/bin/{names.bare(name)}\n")
        else:
            return NOT_FOUND
    return 0


def _umask(_shell: Shell, _argv: list[str]) -> int:
    put("0022\n")
    return 0


def _jobs(shell: Shell, _argv: list[str]) -> int:
    shell.jobs.reap()
    for place, number in enumerate(shell.jobs.background.values(), 1):
        process = shell.world.processes.find(number)
        put(f"[{place}]  Running                    {process.command if process else ''}\n")
    return 0


def _refuse_job_control(shell: Shell, argv: list[str]) -> int:
    say(f"{shell.scope.name}: {argv[0]}: no job control here")
    return 1


BUILTINS: dict[str, Builtin] = {
    ":": lambda _shell, _argv: 0, "true": lambda _shell, _argv: 0,
    "false": lambda _shell, _argv: 1, ".": _source, "source": _source, "[": _test, "test": _test,
    "break": _jump("break"), "continue": _jump("continue"), "return": _return, "cd": _cd,
    "command": _command, "echo": _echo, "eval": _eval, "exec": _exec, "exit": _exit,
    "export": _export, "readonly": _export, "local": _local, "jobs": _jobs, "kill": _kill,
    "printf": _printf, "pwd": _pwd, "read": _read, "set": _set, "shift": _shift, "trap": _trap,
    "type": _type, "umask": _umask, "unset": _unset, "wait": _wait, "fg": _refuse_job_control,
    "bg": _refuse_job_control,
}  # fmt: skip

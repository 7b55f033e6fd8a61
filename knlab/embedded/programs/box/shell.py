"""The shell: runs what the grammar found, as busybox's does."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from knlab.embedded.programs.box import names, tools
from knlab.embedded.programs.box.arithmetic import BadExpression
from knlab.embedded.programs.box.expansion import BadSubstitution, Expansion, Scope, matches
from knlab.embedded.programs.box.grammar import parse
from knlab.embedded.programs.box.jobs import Ended, Jobs
from knlab.embedded.programs.box.redirecting import BadRedirection, redirected
from knlab.embedded.programs.box.traps import Traps
from knlab.embedded.programs.box.tree import (
    AndOr,
    Case,
    Command,
    For,
    Function,
    Group,
    If,
    Loop,
    Pipeline,
    Sequence,
    Simple,
)
from knlab.embedded.programs.box.words import SyntaxProblem
from knlab.embedded.programs.box.world import World, decoded, say

NOT_FOUND = 127
_NOT_EXECUTABLE = 126
_USAGE = 2


class Jump(Exception):  # noqa: N818 - a way out, not an error
    """`break`, `continue` and `return`: how far, and the status."""

    def __init__(self, kind: str, levels: int = 1, status: int = 0) -> None:
        super().__init__(kind)
        self.kind, self.levels, self.status = kind, levels, status


class Shell:
    """One shell."""

    def __init__(self, world: World, name: str = "sh", arguments: list[str] | None = None) -> None:
        self.world = world
        self.scope = Scope(dict(world.env), arguments or [], name)
        self.scope.pid = world.processes.pid
        self.scope.values.setdefault("PWD", world.files.folder)
        self.exported = set(world.env)
        self.functions: dict[str, Command] = {}
        self.traps = Traps(self.run_text)
        self.jobs = Jobs(world, self.traps)
        self.stops_on_failure = False
        """`set -e`."""
        self.tells = False
        """`set -x`."""
        self.in_loops = 0
        self._tested = 0
        self._hidden: dict[str, str | None] = {}
        self._substituted = 0
        self._is_last = False
        self.expansion = Expansion(self.scope, world.files, self._captured)
        self._runners: dict[type[Command], Callable[..., int]] = {
            Simple: self._simple, Pipeline: self._pipeline, AndOr: self._and_or,
            Sequence: self._sequence, If: self._if, Loop: self._loop, For: self._for,
            Case: self._case, Group: self._group, Function: self._function,
        }  # fmt: skip

    @property
    def env(self) -> dict[str, str]:
        """The variables that commands get."""
        values = self.scope.values
        return {name: value for name, value in values.items() if name in self.exported}

    # Running

    def _as_process(self, command: Command) -> int:
        """The status of `command`, which is all that this process does."""
        while isinstance(command, Sequence) and len(command.items) == 1:
            command = command.items[0][0]
        self._is_last = isinstance(command, Simple)
        return self.run(command)

    def run_text(self, text: str) -> int:
        """The status of the commands in `text`."""
        try:
            program = parse(text)
        except SyntaxProblem as wrong:
            return self.complain(str(wrong), _USAGE)
        except RecursionError:
            return self.complain("syntax error: nested too deeply", _USAGE)
        return self.run(program)

    def complain(self, text: str, status: int = 1) -> int:
        """Say `text` in the shell's name; `status`."""
        say(f"{self.scope.name}: {text}")
        return status

    def run(self, command: Command) -> int:
        """The status of `command`; problems of the shell's own are said and have one too."""
        try:
            with redirected(command.redirections, self.expansion, self.world.files):
                status = self._runners[type(command)](command)
        except (BadSubstitution, BadExpression) as wrong:
            raise Ended(self.complain(str(wrong), _USAGE)) from None
        except BadRedirection as wrong:
            status = self.complain(str(wrong))
        except OSError as problem:
            status = self.complain(problem.strerror or str(problem))
        except RecursionError:
            raise Ended(self.complain("nested too deeply", _USAGE)) from None
        self.scope.status = status
        self.traps.run_pending()
        return status

    def _stop_if_failed(self, status: int) -> None:
        if status and self.stops_on_failure and not self._tested:
            raise Ended(status)

    @contextmanager
    def _testing(self) -> Iterator[None]:
        self._tested += 1
        try:
            yield
        finally:
            self._tested -= 1

    def _sequence(self, sequence: Sequence) -> int:
        status = 0
        for command, in_background in sequence.items:
            if in_background:
                status = self._in_background(command)
            else:
                status = self.run(command)
                if not isinstance(command, AndOr | Pipeline) or not _is_negated(command):
                    self._stop_if_failed(status)
        return status

    def _in_background(self, command: Command) -> int:
        def action() -> int:
            null = os.open("/dev/null", os.O_RDONLY)
            os.dup2(null, 0)
            return self._as_process(command)

        pid, number = self.jobs.fork(action, self._title(command), in_background=True)
        self.jobs.background[pid] = number
        self.scope.latest_job = str(number)
        return 0

    def _title(self, command: Command) -> str:
        """What `ps` shows for a process of `command` until it says otherwise."""
        return self.scope.name if not isinstance(command, Simple) else "sh"

    def _and_or(self, chain: AndOr) -> int:
        with self._testing():
            status = self.run(chain.first)
        for number, (operator, command) in enumerate(chain.rest):
            if (status == 0) != (operator == "&&"):
                continue
            if number == len(chain.rest) - 1:
                status = self.run(command)
                self._stop_if_failed(status)
            else:
                with self._testing():
                    status = self.run(command)
        return status

    def _pipeline(self, pipeline: Pipeline) -> int:
        if not pipeline.commands[1:]:
            with self._testing():
                status = self.run(pipeline.commands[0])
        else:
            status = self._piped(pipeline.commands)
        return int(not status) if pipeline.negated else status

    def _piped(self, commands: list[Command]) -> int:
        pids: list[int] = []
        before: int | None = None
        for number, command in enumerate(commands):
            ends = os.pipe() if number < len(commands) - 1 else None

            def action(
                command: Command = command, read: int | None = before, ends: object = ends
            ) -> int:
                if read is not None:
                    os.dup2(read, 0)
                    os.close(read)
                if isinstance(ends, tuple):
                    os.dup2(ends[1], 1)
                    os.close(ends[0])
                    os.close(ends[1])
                return self._as_process(command)

            pids.append(self.jobs.fork(action, self._title(command))[0])
            if before is not None:
                os.close(before)
            before = None
            if ends is not None:
                os.close(ends[1])
                before = ends[0]
        return [self.jobs.wait(pid) for pid in pids][-1]

    def _if(self, command: If) -> int:
        for condition, body in command.branches:
            with self._testing():
                status = self.run(condition)
            if status == 0:
                return self.run(body)
        return self.run(command.otherwise) if command.otherwise else 0

    def _loop(self, loop: Loop) -> int:
        status = 0
        while True:
            with self._testing():
                holds = self.run(loop.condition) == 0
            if holds != loop.wanted:
                return status
            status, ended = self._turn(loop.body)
            if ended:
                return status

    def _turn(self, body: Command) -> tuple[int, bool]:
        """The status of one turn of a loop, and whether that was the last."""
        self.in_loops += 1
        try:
            return self.run(body), False
        except Jump as jump:
            if jump.kind == "return":
                raise
            if jump.levels > 1:
                raise Jump(jump.kind, jump.levels - 1) from None
            return 0, jump.kind == "break"
        finally:
            self.in_loops -= 1

    def _for(self, loop: For) -> int:
        words = self.expansion.fields(loop.words) if loop.words is not None else None
        status = 0
        for value in list(self.scope.arguments) if words is None else words:
            self.scope.assign(loop.name, value)
            status, ended = self._turn(loop.body)
            if ended:
                break
        return status

    def _case(self, command: Case) -> int:
        subject = self.expansion.text(command.subject)
        for patterns, body in command.branches:
            if any(matches(subject, self.expansion.pattern(one)) for one in patterns):
                return self.run(body)
        return 0

    def _group(self, group: Group) -> int:
        if group.own_process:
            return self.jobs.run(lambda: self._as_process(group.body), self.scope.name)
        return self.run(group.body)

    def _function(self, function: Function) -> int:
        self.functions[function.name] = function.body
        return 0

    # Simple commands

    def _simple(self, command: Simple) -> int:
        self._substituted = 0
        argv = self.expansion.fields(command.words)
        assigned = [(name, self.expansion.text(word)) for name, word in command.assignments]
        if self.tells:
            say(" ".join(["+", *(f"{name}={value}" for name, value in assigned), *argv]))
        if not argv:
            for name, value in assigned:
                self.scope.assign(name, value)
            return self._substituted
        with self._assigned(assigned):
            return self.call(argv)

    @contextmanager
    def _assigned(self, assigned: list[tuple[str, str]]) -> Iterator[None]:
        """Variables that hold, exported, for one command."""
        values, exported = self.scope.values, self.exported
        before = {name: values.get(name) for name, _ in assigned}
        added = {name for name, _ in assigned} - exported
        values.update(assigned)
        exported |= added
        try:
            yield
        finally:
            exported -= added
            self._restore(before)

    def call(self, argv: list[str]) -> int:
        """The status of the command `argv`."""
        from knlab.embedded.programs.box.builtins import BUILTINS  # noqa: PLC0415 - each the other

        if body := self.functions.get(argv[0]):
            self._is_last = False
            return self._called(body, argv[1:])
        if builtin := BUILTINS.get(argv[0]):
            return builtin(self, argv)
        if not names.is_known(argv[0], self.world.image):
            return self._missing(argv[0])
        if self._is_last:
            return self.become(argv)
        return self.jobs.run(lambda: self.become(argv), " ".join(argv))

    def become(self, argv: list[str]) -> int:
        """The exit code of the command `argv`, which goes on in this very process."""
        self.world.env = self.env
        self.world.processes.rename(" ".join(argv))
        return tools.run(self.world, argv)

    def _missing(self, name: str) -> int:
        if "/" in name and self._is_file(name):
            return self.complain(f"{name}: Permission denied", _NOT_EXECUTABLE)
        return self.complain(f"{name}: not found", NOT_FOUND)

    def _is_file(self, path: str) -> bool:
        try:
            self.world.files.status(path)
        except OSError:
            return False
        return True

    def _called(self, body: Command, arguments: list[str]) -> int:
        before, self.scope.arguments = self.scope.arguments, arguments
        outer, self._hidden = self._hidden, {}
        try:
            return self.run(body)
        except Jump as jump:
            if jump.kind != "return":
                raise
            return jump.status
        finally:
            self.scope.arguments = before
            self._restore(self._hidden)
            self._hidden = outer

    def hide(self, name: str) -> None:
        """Give the variable `name` back its value when the function that runs now ends."""
        self._hidden.setdefault(name, self.scope.values.get(name))

    def _restore(self, before: dict[str, str | None]) -> None:
        for name, value in before.items():
            if value is None:
                self.scope.values.pop(name, None)
            else:
                self.scope.values[name] = value

    def _captured(self, body: Sequence) -> str:
        """What `body` prints."""
        read, write = os.pipe()

        def action() -> int:
            os.dup2(write, 1)
            os.close(read)
            os.close(write)
            return self._as_process(body)

        pid, _ = self.jobs.fork(action, self.scope.name)
        os.close(write)
        pieces = list(iter(lambda: os.read(read, 65536), b""))
        os.close(read)
        self._substituted = self.scope.status = self.jobs.wait(pid)
        return decoded(b"".join(pieces).replace(b"\0", b""))


def _is_negated(command: Command) -> bool:
    """Whether a failure of `command` is somebody's business already."""
    return isinstance(command, AndOr) or (isinstance(command, Pipeline) and command.negated)

"""`test` and `[`: whether an expression holds."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable

from knlab.embedded.programs.box.world import Failure, World

_USAGE = 2
_KINDS: dict[str, Callable[[int], bool]] = {
    "-f": stat.S_ISREG, "-d": stat.S_ISDIR, "-p": stat.S_ISFIFO, "-S": stat.S_ISSOCK,
    "-c": stat.S_ISCHR, "-b": stat.S_ISBLK,
}  # fmt: skip
_ON_FILES = frozenset((*_KINDS, "-e", "-s", "-r", "-w", "-x", "-L", "-h"))
_ON_TEXTS = frozenset({"-n", "-z", "-t"})
_NUMBERS: dict[str, Callable[[int, int], bool]] = {
    "-eq": lambda a, b: a == b, "-ne": lambda a, b: a != b, "-lt": lambda a, b: a < b,
    "-le": lambda a, b: a <= b, "-gt": lambda a, b: a > b, "-ge": lambda a, b: a >= b,
}  # fmt: skip
_TEXTS: dict[str, Callable[[str, str], bool]] = {
    "=": lambda a, b: a == b, "==": lambda a, b: a == b, "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b, ">": lambda a, b: a > b,
}  # fmt: skip


def test(world: World, argv: list[str]) -> int:
    """0 if the expression holds, 1 if not.

    Raises:
        Failure: if it is none.
    """
    words = argv[1:]
    if argv[0].endswith("["):
        if words[-1:] != ["]"]:
            raise Failure("missing ]", _USAGE)
        words = words[:-1]
    if not words:
        return 1
    expression = _Expression(world, words)
    holds = expression.either()
    if expression.words:
        raise Failure(f"{expression.words[-1]}: unknown operand", _USAGE)
    return int(not holds)


class _Expression:
    def __init__(self, world: World, words: list[str]) -> None:
        self._world = world
        self.words = words[::-1]

    def either(self) -> bool:
        holds = self._both()
        while self.words[-1:] == ["-o"]:
            self.words.pop()
            holds = self._both() or holds
        return holds

    def _both(self) -> bool:
        holds = self._not()
        while self.words[-1:] == ["-a"]:
            self.words.pop()
            holds = self._not() and holds
        return holds

    def _not(self) -> bool:
        if self.words[-1:] == ["!"] and len(self.words) > 1:
            self.words.pop()
            return not self._not()
        return self._one()

    def _one(self) -> bool:
        if not self.words:
            raise Failure("argument expected", _USAGE)
        first = self.words.pop()
        operator = self.words[-1] if self.words else ""
        if len(self.words) > 1 and (operator in _NUMBERS or operator in _TEXTS):
            self.words.pop()
            return self._compare(first, operator, self.words.pop())
        if first == "(":
            holds = self.either()
            if not self.words or self.words.pop() != ")":
                raise Failure("closing paren expected", _USAGE)
            return holds
        if self.words and first in _ON_FILES | _ON_TEXTS:
            return self._unary(first, self.words.pop())
        return bool(first)

    def _compare(self, left: str, operator: str, right: str) -> bool:
        if operator in _TEXTS:
            return _TEXTS[operator](left, right)
        return _NUMBERS[operator](_number(left), _number(right))

    def _unary(self, operator: str, operand: str) -> bool:
        if operator in _ON_TEXTS:
            return {"-n": bool(operand), "-z": not operand}.get(
                operator, operand.isdigit() and os.isatty(int(operand))
            )
        try:
            found = self._world.files.status(operand, follow=operator not in {"-L", "-h"})
        except OSError:
            return False
        if operator in {"-L", "-h"}:
            return stat.S_ISLNK(found.st_mode)
        if operator == "-s":
            return found.st_size > 0
        if operator == "-x":
            return bool(found.st_mode & 0o111)
        return operator not in _KINDS or _KINDS[operator](found.st_mode)


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise Failure(f"{text}: bad number", _USAGE) from None

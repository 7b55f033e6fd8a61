"""What words stand for: variables and substitutions put in, split into fields, patterns matched."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from knlab.embedded.programs.box.arithmetic import evaluate
from knlab.embedded.programs.box.files import Files
from knlab.embedded.programs.box.tree import (
    Arithmetic,
    Part,
    Sequence,
    Substitution,
    Text,
    Variable,
    Word,
)

_BLANKS = " \t\n"
_MAGIC = frozenset("*?[")
Piece = tuple[str, bool]
"""A text and whether it is quoted."""


class BadSubstitution(Exception):  # noqa: N818 - what a shell calls it
    """A word that cannot be had; the text says why."""


class Scope:
    """Where a shell's variables and arguments are, and who runs its substitutions."""

    def __init__(self, values: dict[str, str], arguments: list[str], name: str) -> None:
        self.values = values
        self.arguments = arguments
        self.name = name
        """`$0`."""
        self.status = 0
        """`$?`."""
        self.pid = 0
        self.latest_job = ""
        """`$!`."""
        self.flags = ""
        self.strict = False
        """Whether an unset variable is an error."""
        self.assign: Callable[[str, str], None] = self.values.__setitem__

    def get(self, name: str) -> str | None:
        """The value of `$name`; None if it is not set."""
        special = {
            "?": str(self.status), "$": str(self.pid), "!": self.latest_job, "-": self.flags,
            "#": str(len(self.arguments)), "0": self.name,
        }  # fmt: skip
        if name in special:
            return special[name]
        if name in {"@", "*"}:
            return " ".join(self.arguments) if self.arguments else None
        if name.isdigit():
            number = int(name)
            return self.arguments[number - 1] if number <= len(self.arguments) else None
        return self.values.get(name)


class Expansion:
    """Expands the words of one shell."""

    def __init__(self, scope: Scope, files: Files, run: Callable[[Sequence], str]) -> None:
        self._scope, self._files, self._run = scope, files, run

    def fields(self, words: list[Word]) -> list[str]:
        """The fields of `words`, as a command gets them.

        Raises:
            BadSubstitution: for one that cannot be had.
        """
        return [
            found for word in words for field in self._split(word) for found in self._glob(field)
        ]

    def text(self, word: Word) -> str:
        """What `word` stands for, in one piece."""
        return "".join(text for text, _ in self._pieces(word))

    def pattern(self, word: Word) -> list[Piece]:
        """What `word` stands for, as a pattern to match."""
        return list(self._pieces(word))

    def _pieces(self, word: Word) -> Iterator[Piece]:
        tilde = "~" if _begins_with_tilde(word) else ""
        for number, part in enumerate(word.parts):
            if tilde and number == 0:
                yield self._scope.get("HOME") or "/", True
            else:
                yield self._value(part), part.quoted

    def _value(self, part: Part) -> str:
        if isinstance(part, Text):
            return part.text
        if isinstance(part, Substitution):
            return self._run(part.body).rstrip("\n")
        if isinstance(part, Arithmetic):
            return str(evaluate(self.text(part.expression), self._number, self._scope.assign))
        assert isinstance(part, Variable)
        return self._variable(part)

    def _number(self, name: str) -> str:
        return self._scope.get(name) or "0"

    def _variable(self, part: Variable) -> str:
        value = self._scope.get(part.name)
        operator, argument = part.operator, part.argument
        if operator == "length":
            return str(len(value or ""))
        if argument is None:
            if value is None and self._scope.strict and part.name not in {"@", "*"}:
                raise BadSubstitution(f"{part.name}: parameter not set")
            return value or ""
        if operator[-1] in "%#":
            return self._trimmed(value or "", operator, self.pattern(argument))
        missing = value is None or (operator[0] == ":" and not value)
        if operator[-1] == "+":
            return "" if missing else self.text(argument)
        if not missing:
            return value or ""
        default = self.text(argument)
        if operator[-1] == "?":
            raise BadSubstitution(f"{part.name}: {default or 'parameter not set'}")
        if operator[-1] == "=":
            self._scope.assign(part.name, default)
        return default

    def _trimmed(self, value: str, operator: str, pattern: list[Piece]) -> str:
        sizes = range(len(value) + 1)
        for size in sizes if len(operator) == 1 else reversed(sizes):
            cut = value[len(value) - size :] if operator[0] == "%" else value[:size]
            if matches(cut, pattern):
                return value[: len(value) - size] if operator[0] == "%" else value[size:]
        return value

    # Fields

    def _split(self, word: Word) -> list[list[Piece]]:
        fields = _Fields(self._scope.get("IFS"))
        if _begins_with_tilde(word):
            fields.add(self._scope.get("HOME") or "/", quoted=True)
            word = Word(word.parts[1:])
        for part in word.parts:
            if isinstance(part, Variable) and part.name == "@" and not part.operator:
                self._arguments(part, fields)
            elif part.quoted or isinstance(part, Text):
                fields.add(self._value(part), quoted=part.quoted)
            elif isinstance(part, Variable) and part.argument and part.operator[-1] in "-=+":
                self._defaulted(part, fields)
            else:
                fields.split(self._value(part))
        return fields.done()

    def _defaulted(self, part: Variable, fields: _Fields) -> None:
        """`${NAME-WORD}`: quotes in WORD keep what is in them together."""
        value = self._scope.get(part.name)
        missing = value is None or (part.operator[0] == ":" and not value)
        assert part.argument is not None
        if missing != (part.operator[-1] == "-"):
            fields.split(self._variable(part))
            return
        for text, quoted in self._pieces(part.argument):
            if quoted:
                fields.add(text, quoted=True)
            else:
                fields.split(text)

    def _arguments(self, part: Variable, fields: _Fields) -> None:
        for number, argument in enumerate(self._scope.arguments):
            if number:
                fields.cut()
            if part.quoted:
                fields.add(argument, quoted=True)
            else:
                fields.split(argument)

    def _glob(self, field: list[Piece]) -> list[str]:
        plain = "".join(text for text, _ in field)
        if not any(not quoted and _MAGIC & set(text) for text, quoted in field):
            return [plain]
        return self._matching(field, plain) or [plain]

    def _matching(self, field: list[Piece], plain: str) -> list[str]:
        found = ["/"] if plain.startswith("/") else [""]
        steps = [step for step in _steps(field) if step]
        for step in steps:
            text = "".join(piece for piece, _ in step)
            found = [
                f"{folder}{name}/"
                for folder in found
                for name in self._names(folder or ".")
                if matches(name, step) and (not name.startswith(".") or text.startswith("."))
            ]
        return [path.rstrip("/") for path in found]

    def _names(self, folder: str) -> list[str]:
        try:
            return self._files.names(folder)
        except OSError:
            return []


class _Fields:
    """Fields in the making."""

    def __init__(self, separators: str | None) -> None:
        self._separators = _BLANKS if separators is None else separators
        self._fields: list[list[Piece]] = []
        self._open: list[Piece] | None = None

    def add(self, text: str, *, quoted: bool) -> None:
        self._open = [*(self._open or []), (text, quoted)]

    def cut(self) -> None:
        if self._open is not None:
            self._fields.append(self._open)
        self._open = None

    def split(self, text: str) -> None:
        began = 0
        for at, char in enumerate(text):
            if char in self._separators:
                self._run(text[began:at], char)
                began = at + 1
        if text[began:]:
            self.add(text[began:], quoted=False)

    def _run(self, text: str, separator: str) -> None:
        if text or separator not in _BLANKS:
            self.add(text, quoted=False)
        self.cut()

    def done(self) -> list[list[Piece]]:
        self.cut()
        return self._fields


def matches(text: str, pattern: list[Piece]) -> bool:
    """Whether `text` is what `pattern` describes."""
    if not any(_MAGIC & set(piece) and not quoted for piece, quoted in pattern):
        return text == "".join(piece for piece, _ in pattern)
    from fnmatch import fnmatchcase  # noqa: PLC0415 - only patterns need it

    return fnmatchcase(text, "".join(_literal(*piece) for piece in pattern))


def _literal(text: str, quoted: bool) -> str:  # noqa: FBT001 - the two parts of a piece
    if quoted:
        return "".join(f"[{char}]" if char in _MAGIC else char for char in text)
    return text.replace("[^", "[!")


def _steps(field: list[Piece]) -> list[list[Piece]]:
    """The parts of a pattern between slashes."""
    steps: list[list[Piece]] = [[]]
    for text, quoted in field:
        for number, part in enumerate(text.split("/")):
            if number:
                steps.append([])
            if part:
                steps[-1].append((part, quoted))
    return steps


def _begins_with_tilde(word: Word) -> bool:
    first, *rest = word.parts[:2] or [Text("", quoted=True)]
    alone = all(isinstance(part, Text) and part.text == "/" for part in rest)
    return isinstance(first, Text) and first.text == "~" and not first.quoted and alone

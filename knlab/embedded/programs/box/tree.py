"""What the shell's grammar is made of: words with their parts, and commands of all kinds."""

from __future__ import annotations


class Part:
    """A piece of a word; `quoted` ones are neither split nor taken as patterns."""

    __slots__ = ("quoted",)

    def __init__(self, *, quoted: bool) -> None:
        self.quoted = quoted


class Text(Part):
    """Characters that stand for themselves."""

    __slots__ = ("text",)

    def __init__(self, text: str, *, quoted: bool) -> None:
        super().__init__(quoted=quoted)
        self.text = text


class Variable(Part):
    """`$NAME` or `${NAME OPERATOR ARGUMENT}`; the operator `#` before the name is `length`."""

    __slots__ = ("argument", "name", "operator")

    def __init__(
        self, name: str, operator: str = "", argument: Word | None = None, *, quoted: bool
    ) -> None:
        super().__init__(quoted=quoted)
        self.name, self.operator, self.argument = name, operator, argument


class Substitution(Part):
    """`$(COMMANDS)` or the same in backquotes."""

    __slots__ = ("body",)

    def __init__(self, body: Sequence, *, quoted: bool) -> None:
        super().__init__(quoted=quoted)
        self.body = body


class Arithmetic(Part):
    """`$((EXPRESSION))`; the expression may have variables and substitutions in it."""

    __slots__ = ("expression",)

    def __init__(self, expression: Word, *, quoted: bool) -> None:
        super().__init__(quoted=quoted)
        self.expression = expression


class Word:
    """What is between two blanks."""

    __slots__ = ("parts",)

    def __init__(self, parts: list[Part]) -> None:
        self.parts = parts


class Redirection:
    """`[DESCRIPTOR]OPERATOR TARGET`; the target of `<<` is the text itself."""

    __slots__ = ("descriptor", "operator", "target")

    def __init__(self, descriptor: int, operator: str, target: Word) -> None:
        self.descriptor, self.operator, self.target = descriptor, operator, target


class Command:
    """Anything that can be run."""

    __slots__ = ("redirections",)

    def __init__(self) -> None:
        self.redirections: list[Redirection] = []


class Simple(Command):
    """`NAME=VALUE… WORD…`."""

    __slots__ = ("assignments", "words")

    def __init__(self) -> None:
        super().__init__()
        self.assignments: list[tuple[str, Word]] = []
        self.words: list[Word] = []


class Pipeline(Command):
    """Commands joined by `|`, maybe with `!` before them."""

    __slots__ = ("commands", "negated")

    def __init__(self, commands: list[Command], *, negated: bool) -> None:
        super().__init__()
        self.commands, self.negated = commands, negated


class AndOr(Command):
    """Pipelines joined by `&&` and `||`; each comes with the operator before it."""

    __slots__ = ("first", "rest")

    def __init__(self, first: Command, rest: list[tuple[str, Command]]) -> None:
        super().__init__()
        self.first, self.rest = first, rest


class Sequence(Command):
    """Commands one after the other; each with whether it runs in the background."""

    __slots__ = ("items",)

    def __init__(self, items: list[tuple[Command, bool]]) -> None:
        super().__init__()
        self.items = items


class If(Command):
    """Conditions with what they guard, and what is left."""

    __slots__ = ("branches", "otherwise")

    def __init__(
        self, branches: list[tuple[Sequence, Sequence]], otherwise: Sequence | None
    ) -> None:
        super().__init__()
        self.branches, self.otherwise = branches, otherwise


class Loop(Command):
    """`while`, and `until` if `wanted` is false."""

    __slots__ = ("body", "condition", "wanted")

    def __init__(self, condition: Sequence, body: Sequence, *, wanted: bool) -> None:
        super().__init__()
        self.condition, self.body, self.wanted = condition, body, wanted


class For(Command):
    """`for NAME in WORD…`; without words over the arguments."""

    __slots__ = ("body", "name", "words")

    def __init__(self, name: str, words: list[Word] | None, body: Sequence) -> None:
        super().__init__()
        self.name, self.words, self.body = name, words, body


class Case(Command):
    """`case WORD in PATTERN|PATTERN) COMMANDS;;…`."""

    __slots__ = ("branches", "subject")

    def __init__(self, subject: Word, branches: list[tuple[list[Word], Sequence]]) -> None:
        super().__init__()
        self.subject, self.branches = subject, branches


class Group(Command):
    """`{ COMMANDS; }`, or `( COMMANDS )` with `own_process`."""

    __slots__ = ("body", "own_process")

    def __init__(self, body: Sequence, *, own_process: bool) -> None:
        super().__init__()
        self.body, self.own_process = body, own_process


class Function(Command):
    """`NAME() COMMAND`."""

    __slots__ = ("body", "name")

    def __init__(self, name: str, body: Command) -> None:
        super().__init__()
        self.name, self.body = name, body

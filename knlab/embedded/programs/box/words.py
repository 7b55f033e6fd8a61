"""Reading words of the shell's language: quotes, variables and substitutions. Pure."""

from __future__ import annotations

from collections.abc import Callable

from knlab.embedded.programs.box.tree import (
    Arithmetic,
    Part,
    Sequence,
    Substitution,
    Text,
    Variable,
    Word,
)

DELIMITERS = frozenset(" \t\n;&|<>()")
_SPECIAL = frozenset("?$!#@*-0123456789")
_ESCAPED_IN_QUOTES = frozenset('$`"\\\n')
_OPERATORS = (":-", ":=", ":?", ":+", "-", "=", "?", "+", "%%", "%", "##", "#")


class SyntaxProblem(Exception):  # noqa: N818 - Python has a SyntaxError of its own
    """Text that is no program; `incomplete` if more text could make it one."""

    def __init__(self, text: str, *, incomplete: bool = False) -> None:
        super().__init__(text)
        self.incomplete = incomplete


def unterminated(what: str) -> SyntaxProblem:
    """The problem of text that ends inside of `what`."""
    return SyntaxProblem(f"syntax error: unterminated {what}", incomplete=True)


def is_name(text: str) -> bool:
    """Whether `text` can name a variable."""
    return text.isascii() and text.isidentifier()


class WordReader:
    """A place in a text, and reading words from there."""

    def __init__(self, text: str, parse: Callable[[str], Sequence]) -> None:
        self.text = text
        self.at = 0
        self._parse = parse

    def peek(self, length: int = 1) -> str:
        """The next characters; fewer at the end."""
        return self.text[self.at : self.at + length]

    def word(self) -> Word | None:
        """The word that begins here; None if there is none."""
        parts: list[Part] = []
        while (char := self.peek()) and char not in DELIMITERS:
            self._piece(parts, char)
        return Word(parts) if parts else None

    def _piece(self, parts: list[Part], char: str) -> None:
        if char == "\\":
            self.at += 2
            escaped = self.text[self.at - 1 : self.at]
            if escaped != "\n":
                parts.append(Text(escaped or "\\", quoted=True))
        elif char == "'":
            parts.append(Text(self._until("'"), quoted=True))
        elif char == '"':
            self.at += 1
            parts += self.quoted('"')
            self.at += 1
        elif char in "$`":
            parts.append(self._dollar(quoted=False))
        else:
            self.at += 1
            parts.append(Text(char, quoted=False))

    def _until(self, quote: str) -> str:
        end = self.text.find(quote, self.at + 1)
        if end < 0:
            raise unterminated("quoted string")
        found = self.text[self.at + 1 : end]
        self.at = end + 1
        return found

    def quoted(self, end: str) -> list[Part]:
        """The parts up to the quote `end`, or up to the end of the text if that is empty."""
        parts: list[Part] = [Text("", quoted=True)]
        while (char := self.peek()) != end:
            if not char:
                raise unterminated("quoted string")
            if char in "$`":
                parts.append(self._dollar(quoted=True))
                continue
            self.at += 1
            if char == "\\" and self.peek() in _ESCAPED_IN_QUOTES and self.peek():
                char = self.peek().replace("\n", "")
                self.at += 1
            parts.append(Text(char, quoted=True))
        return parts

    def _dollar(self, *, quoted: bool) -> Part:
        if self.peek() == "`":
            body = self._until("`").replace("\\`", "`").replace("\\$", "$").replace("\\\\", "\\")
            return Substitution(self._parse(body), quoted=quoted)
        if self.peek(3) == "$((" and (end := self._arithmetic_end()) is not None:
            inner = WordReader(self.text[self.at + 3 : end], self._parse)
            self.at = end + 2
            return Arithmetic(Word(inner.quoted("")), quoted=quoted)
        if self.peek(2) == "$(":
            end = self._closing(self.at + 2)
            body = self.text[self.at + 2 : end]
            self.at = end + 1
            return Substitution(self._parse(body), quoted=quoted)
        if self.peek(2) == "${":
            return self._braces(quoted=quoted)
        self.at += 1
        if self.peek() in _SPECIAL and self.peek():
            self.at += 1
            return Variable(self.text[self.at - 1], quoted=quoted)
        name = self._name()
        return Variable(name, quoted=quoted) if name else Text("$", quoted=quoted)

    def _name(self) -> str:
        end = self.at
        while end < len(self.text) and is_name(self.text[self.at : end + 1]):
            end += 1
        name, self.at = self.text[self.at : end], end
        return name

    def _braces(self, *, quoted: bool) -> Part:
        self.at += 2
        is_length = self.peek() == "#" and self.peek(2) != "#}"
        self.at += is_length
        name = self._name()
        if not name:
            name = self.peek()
            self.at += 1
            if name not in _SPECIAL:
                raise SyntaxProblem("syntax error: bad substitution")
        operator = next((one for one in _OPERATORS if self.peek(len(one)) == one), "")
        self.at += len(operator)
        argument = Word(self._argument()) if operator else None
        if self.peek() != "}":
            complete = "}" in self.text[self.at :]
            raise SyntaxProblem("syntax error: bad substitution", incomplete=not complete)
        self.at += 1
        return Variable(name, "length" if is_length else operator, argument, quoted=quoted)

    def _argument(self) -> list[Part]:
        parts: list[Part] = []
        while (char := self.peek()) != "}":
            if not char:
                raise unterminated("quoted string")
            self._piece(parts, char)
        return parts

    def _arithmetic_end(self) -> int | None:
        """Where `))` ends the expression that begins here; None if it is a substitution."""
        depth = 0
        for at in range(self.at + 3, len(self.text)):
            char = self.text[at]
            if char == ")" and depth == 0:
                return at if self.text[at : at + 2] == "))" else None
            depth += (char == "(") - (char == ")")
        raise unterminated("arithmetic expression")

    def _closing(self, at: int) -> int:
        """Where the parenthesis ends that was opened just before `at`."""
        depth = 0
        while at < len(self.text):
            char = self.text[at]
            if char == "\\":
                at += 1
            elif char == "'":
                at = self.text.find("'", at + 1)
                if at < 0:
                    break
            elif char == '"':
                inner = WordReader(self.text, self._parse)
                inner.at = at + 1
                inner.quoted('"')
                at = inner.at
            elif char == "(":
                depth += 1
            elif char == ")":
                if not depth:
                    return at
                depth -= 1
            at += 1
        raise unterminated("command substitution")

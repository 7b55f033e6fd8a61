"""The shell's grammar: a text → the commands in it. Pure."""

from __future__ import annotations

from knlab.embedded.programs.box.tree import (
    AndOr,
    Case,
    Command,
    For,
    Function,
    Group,
    If,
    Loop,
    Part,
    Pipeline,
    Redirection,
    Sequence,
    Simple,
    Text,
    Word,
)
from knlab.embedded.programs.box.words import DELIMITERS, SyntaxProblem, WordReader, is_name

_CLOSERS = frozenset({"then", "elif", "else", "fi", "do", "done", "esac", "}"})
_REDIRECTIONS = ("<<-", "<<", "<&", "<", ">>", ">&", ">|", ">")


def parse(text: str) -> Sequence:
    """The commands of `text`.

    Raises:
        SyntaxProblem: if it is no program.
    """
    parser = _Parser(text)
    found = parser.sequence()
    parser.require_end()
    return found


class _Parser(WordReader):
    def __init__(self, text: str) -> None:
        super().__init__(text, parse)
        self._here: list[tuple[Redirection, str, bool, bool]] = []

    # Between words

    def _blanks(self) -> None:
        while self.at < len(self.text):
            if self.peek() in " \t":
                self.at += 1
            elif self.peek(2) == "\\\n":
                self.at += 2
            elif self.peek() == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            else:
                return

    def _newlines(self) -> None:
        self._blanks()
        while self.peek() == "\n":
            self._newline()
            self._blanks()

    def _newline(self) -> None:
        self.at += 1
        waiting, self._here = self._here, []
        for redirection, end, strip, literal in waiting:
            redirection.target = self._here_text(end, strip=strip, literal=literal)

    def _here_text(self, end: str, *, strip: bool, literal: bool) -> Word:
        lines: list[str] = []
        while self.at < len(self.text):
            line, _, _ = self.text[self.at :].partition("\n")
            self.at += len(line) + 1
            line = line.lstrip("\t") if strip else line
            if line == end:
                break
            lines.append(f"{line}\n")
        else:
            raise SyntaxProblem(f"syntax error: no {end} ends the here document", incomplete=True)
        self.at = min(self.at, len(self.text))
        text = "".join(lines)
        parts: list[Part] = [Text(text, quoted=True)]
        return Word(parts if literal else WordReader(text, parse).quoted(""))

    def _reserved(self) -> str:
        """The bare word that is next, as far as it could be a reserved one."""
        self._blanks()
        end = self.at
        while end < len(self.text) and self.text[end] not in DELIMITERS:
            end += 1
        return self.text[self.at : end]

    def _take(self, expected: str) -> None:
        self._newlines()
        if self._reserved() != expected:
            self._unexpected(f' (expecting "{expected}")')
        self.at += len(expected)

    def _unexpected(self, more: str = "") -> None:
        at_end = self.at >= len(self.text)
        names = {"\n": "newline", "": "end of file"}
        found = self.peek() if self.peek() in DELIMITERS else self._reserved()
        shown = names.get(found, f'"{found}"')
        raise SyntaxProblem(f"syntax error: unexpected {shown}{more}", incomplete=at_end)

    def require_end(self) -> None:
        """Refuse what is left.

        Raises:
            SyntaxProblem: if anything is.
        """
        if self.at < len(self.text):
            self._unexpected()
        if self._here:
            raise SyntaxProblem("syntax error: here document without a text", incomplete=True)

    # Commands

    def sequence(self) -> Sequence:
        """Commands up to a word or an operator that ends them."""
        items: list[tuple[Command, bool]] = []
        while True:
            self._newlines()
            ended = self.peek() in {"", ")", ";"} or self._reserved() in _CLOSERS
            if ended:
                return Sequence(items)
            command = self._and_or()
            self._blanks()
            items.append((command, self.peek() == "&"))
            if self.peek() == "\n":
                self._newline()
            elif self.peek() in {"&", ";"} and self.peek(2) != ";;":
                self.at += 1
            else:
                return Sequence(items)

    def _and_or(self) -> Command:
        first = self._pipeline()
        rest: list[tuple[str, Command]] = []
        self._blanks()
        while (operator := self.peek(2)) in {"&&", "||"}:
            self.at += 2
            self._newlines()
            rest.append((operator, self._pipeline()))
            self._blanks()
        return AndOr(first, rest) if rest else first

    def _pipeline(self) -> Command:
        negated = self._reserved() == "!"
        self.at += negated
        commands = [self._command()]
        self._blanks()
        while self.peek() == "|" and self.peek(2) != "||":
            self.at += 1
            self._newlines()
            commands.append(self._command())
            self._blanks()
        return Pipeline(commands, negated=negated) if negated or commands[1:] else commands[0]

    def _command(self) -> Command:
        compound = {
            "if": self._if,
            "while": self._while,
            "until": self._until_loop,
            "for": self._for,
            "case": self._case,
            "{": self._braced,
        }.get(self._reserved())
        if self.peek() == "(":
            compound = self._parenthesized
        if compound is None:
            return self._simple()
        command = compound()
        while self._redirection(command):
            pass
        return command

    def _if(self) -> Command:
        branches: list[tuple[Sequence, Sequence]] = []
        word = "if"
        while word in {"if", "elif"}:
            self._take(word)
            condition = self._some()
            self._take("then")
            branches.append((condition, self._some()))
            word = self._reserved()
        otherwise = None
        if word == "else":
            self._take("else")
            otherwise = self._some()
        self._take("fi")
        return If(branches, otherwise)

    def _some(self) -> Sequence:
        found = self.sequence()
        if not found.items:
            self._unexpected()
        return found

    def _while(self) -> Command:
        return self._loop("while")

    def _until_loop(self) -> Command:
        return self._loop("until")

    def _loop(self, word: str) -> Command:
        self._take(word)
        condition = self._some()
        return Loop(condition, self._body(), wanted=word == "while")

    def _body(self) -> Sequence:
        self._take("do")
        body = self._some()
        self._take("done")
        return body

    def _for(self) -> Command:
        self._take("for")
        name = self._reserved()
        if not is_name(name):
            self._unexpected()
        self.at += len(name)
        self._newlines()
        words: list[Word] | None = None
        if self._reserved() == "in":
            self._take("in")
            words = self._words()
        self._blanks()
        if self.peek() == ";":
            self.at += 1
        return For(name, words, self._body())

    def _words(self) -> list[Word]:
        words: list[Word] = []
        self._blanks()
        while word := self.word():
            words.append(word)
            self._blanks()
        return words

    def _case(self) -> Command:
        self._take("case")
        self._blanks()
        subject = self.word() or Word([])
        self._take("in")
        branches: list[tuple[list[Word], Sequence]] = []
        self._newlines()
        while self._reserved() != "esac":
            branches.append((self._patterns(), self.sequence()))
            self._newlines()
            if self.peek(2) != ";;":
                break
            self.at += 2
            self._newlines()
        self._take("esac")
        return Case(subject, branches)

    def _patterns(self) -> list[Word]:
        self.at += self.peek() == "("
        patterns: list[Word] = []
        while True:
            self._blanks()
            patterns.append(self.word() or Word([]))
            self._blanks()
            end = self.peek()
            if end not in {"|", ")"} or not patterns[-1].parts:
                self._unexpected()
            self.at += 1
            if end == ")":
                return patterns

    def _braced(self) -> Command:
        self._take("{")
        body = self._some()
        self._take("}")
        return Group(body, own_process=False)

    def _parenthesized(self) -> Command:
        self.at += 1
        body = self._some()
        self._newlines()
        if self.peek() != ")":
            self._unexpected(' (expecting ")")')
        self.at += 1
        return Group(body, own_process=True)

    def _simple(self) -> Command:
        command = Simple()
        while True:
            self._blanks()
            if self._redirection(command):
                continue
            began = self.at
            if not command.words and self._assignment(command):
                continue
            word = self.word()
            if word is None:
                break
            command.words.append(word)
            if len(command.words) == 1 and self.peek(2) == "()":
                return self._function(self.text[began : self.at])
        if not (command.words or command.assignments or command.redirections):
            self._unexpected()
        return command

    def _assignment(self, command: Simple) -> bool:
        name, equals, _ = self._reserved().partition("=")
        if not equals or not is_name(name):
            return False
        self.at += len(name) + 1
        command.assignments.append((name, self.word() or Word([])))
        return True

    def _function(self, name: str) -> Command:
        self.at += 2
        self._newlines()
        return Function(name, self._command())

    def _redirection(self, command: Command) -> bool:
        self._blanks()
        digits = self.at
        while self.peek().isdigit():
            self.at += 1
        operator = next((one for one in _REDIRECTIONS if self.peek(len(one)) == one), "")
        if not operator:
            self.at = digits
            return False
        number = self.text[digits : self.at]
        self.at += len(operator)
        self._blanks()
        began = self.at
        target = self.word()
        if target is None:
            self._unexpected()
            return False
        descriptor = int(number) if number else int(operator[0] == ">")
        redirection = Redirection(descriptor, operator[:2], target)
        if operator[:2] == "<<":
            source = self.text[began : self.at]
            end = "".join(char for char in source if char not in "'\"\\")
            self._here.append((redirection, end, operator == "<<-", end != source))
        command.redirections.append(redirection)
        return True

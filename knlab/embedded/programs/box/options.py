"""Options of commands, as getopt reads them."""

from __future__ import annotations

from knlab.embedded.programs.box.world import Failure


class Options:
    """What a command was given: `flags` that were set, `values` of those that have one, `rest`."""

    __slots__ = ("flags", "rest", "values")

    def __init__(self) -> None:
        self.flags: set[str] = set()
        self.values: dict[str, str] = {}
        self.rest: list[str] = []

    def has(self, *names: str) -> bool:
        """Whether one of `names` was given."""
        return any(name in self.flags for name in names)

    def number(self, name: str, default: int) -> int:
        """The value of `name` as a number.

        Raises:
            Failure: if it is none.
        """
        text = self.values.get(name)
        if text is None:
            return default
        try:
            return int(text)
        except ValueError:
            raise Failure(f"invalid number '{text}'") from None


def read_options(
    argv: list[str], flags: str = "", values: str = "", long: dict[str, str] | None = None
) -> Options:
    """The options in `argv`: letters of `flags`, letters of `values` with a value, and `long` ones.

    A long option means the letter that `long` has for it; the letter decides whether it has a
    value. Options and other words may be mixed, until `--`.

    Raises:
        Failure: for an option that the command does not have, or a value that is missing.
    """
    found = Options()
    words = argv[:0:-1]
    while words:
        word = words.pop()
        if word == "--":
            found.rest += words[::-1]
            break
        if word.startswith("--") and (long or {}).get(word[2:].partition("=")[0]):
            name, equals, value = word[2:].partition("=")
            letter = (long or {})[name]
            _note(found, letter, value if equals else None, words, values)
        elif word.startswith("--"):
            raise Failure(f"unrecognized option '{word}'")
        elif word[:1] == "-" and word[1:]:
            _letters(found, word[1:], words, flags, values)
        else:
            found.rest.append(word)
    return found


def _letters(found: Options, letters: str, words: list[str], flags: str, values: str) -> None:
    for at, letter in enumerate(letters):
        if letter in values:
            _note(found, letter, letters[at + 1 :] or None, words, values)
            return
        if letter not in flags:
            raise Failure(f"invalid option -- '{letter}'")
        found.flags.add(letter)


def _note(found: Options, letter: str, value: str | None, words: list[str], values: str) -> None:
    if letter not in values:
        found.flags.add(letter)
        return
    if value is None:
        if not words:
            raise Failure(f"option requires an argument -- '{letter}'")
        value = words.pop()
    found.flags.add(letter)
    found.values[letter] = value

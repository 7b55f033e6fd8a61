"""Commands about the terminal: tty, stty."""

from __future__ import annotations

import os
import termios

from knlab.embedded.programs.box.options import read_options
from knlab.embedded.programs.box.world import Failure, World, is_terminal, put

_IFLAG, _OFLAG, _CFLAG, _LFLAG, _ISPEED, _OSPEED, _CC = range(7)
_FLAGS = {
    "icrnl": (_IFLAG, termios.ICRNL),
    "opost": (_OFLAG, termios.OPOST),
    "isig": (_LFLAG, termios.ISIG),
    "icanon": (_LFLAG, termios.ICANON),
    "echo": (_LFLAG, termios.ECHO),
}
_MODES = {
    "cooked": ("icrnl", "opost", "isig", "icanon"),
    "-raw": ("icrnl", "opost", "isig", "icanon"),
    "raw": ("-icrnl", "-opost", "-isig", "-icanon"),
    "-cooked": ("-icrnl", "-opost", "-isig", "-icanon"),
    "sane": ("icrnl", "opost", "isig", "icanon", "echo"),
}


def tty(_world: World, argv: list[str]) -> int:
    """Print the name of the terminal: `tty [-s]`."""
    options = read_options(argv, "s")
    if not options.has("s"):
        put(f"{os.ttyname(0)}\n" if is_terminal() else "not a tty\n")
    return int(not is_terminal())


def stty(_world: World, argv: list[str]) -> int:
    """Print or change what the terminal does: `stty [size] [rows N] [cols N] [[-]FLAG…]`."""
    try:
        attributes = termios.tcgetattr(0)
    except termios.error as error:
        raise Failure(f"standard input: {error.args[1]}") from None
    words = argv[1:]
    if not words:
        off = [f"-{name}" for name, (field, bit) in _FLAGS.items() if not attributes[field] & bit]
        put("\n".join(["speed 38400 baud; line = 0;", *filter(None, [" ".join(off)])]) + "\n")
    words.reverse()
    while words:
        _apply(attributes, words.pop(), words)
    termios.tcsetattr(0, termios.TCSADRAIN, attributes)
    return 0


def _apply(attributes: list[object], word: str, words: list[str]) -> None:
    """Do what `word` says; more that it needs is taken from the end of `words`."""
    if word == "size":
        rows, columns = termios.tcgetwinsize(0)
        put(f"{rows} {columns}\n")
    elif word in {"rows", "cols", "columns"}:
        _resize(word, words.pop() if words else "")
    elif word in _MODES or word.removeprefix("-") in _FLAGS:
        for flag in _MODES.get(word, (word,)):
            _switch(attributes, flag.removeprefix("-"), on=flag[0] != "-")
    else:
        raise Failure(f"{word}: not available here")


def _resize(which: str, text: str) -> None:
    if not text.isdigit():
        raise Failure(f"invalid number '{text}'")
    rows, columns = termios.tcgetwinsize(0)
    wanted = (int(text), columns) if which == "rows" else (rows, int(text))
    termios.tcsetwinsize(0, wanted)


def _switch(attributes: list[object], name: str, *, on: bool) -> None:
    field, bit = _FLAGS[name]
    before = attributes[field]
    assert isinstance(before, int)
    attributes[field] = before | bit if on else before & ~bit

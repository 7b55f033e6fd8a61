"""Commands that print texts and files: echo, printf, cat, head, tail, wc, seq, tee, yes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from knlab.embedded.programs.box.options import read_options
from knlab.embedded.programs.box.world import Failure, World, decoded, encoded, pieces_of, put, say

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v",
            "\\": "\\", "e": "\x1b"}  # fmt: skip
_FOLLOW_EVERY = 0.2
_PIECE = 65536


def line_from(descriptor: int) -> tuple[str, bool]:
    """The next line of a stream, without its newline, and whether there was one.

    Nothing more than the line is taken: what follows is for whoever reads next.
    """
    read = bytearray()
    while char := os.read(descriptor, 1):
        if char == b"\n":
            return decoded(bytes(read)), True
        read += char
    return decoded(bytes(read)), False


def unescaped(text: str) -> tuple[str, bool]:
    r"""`text` with its escapes resolved, and whether it was cut off by `\c`."""
    made: list[str] = []
    at = 0
    while at < len(text):
        char, following = text[at], text[at + 1 : at + 2]
        at += 1
        if char != "\\" or not following:
            made.append(char)
        elif following == "c":
            return "".join(made), True
        elif following in _ESCAPES:
            made.append(_ESCAPES[following])
            at += 1
        else:
            code, length = _coded(text[at:])
            made.append(code)
            at += length
    return "".join(made), False


def _coded(text: str) -> tuple[str, int]:
    """The character that an octal or hexadecimal escape at the start of `text` means."""
    base, begin, most = (16, 1, 2) if text[0] == "x" else (8, 1 if text[0] == "0" else 0, 3)
    end = begin
    while end < min(len(text), begin + most) and text[end] in "0123456789abcdefABCDEF"[: base + 6]:
        if base == 8 and text[end] not in "01234567":
            break
        end += 1
    if end == begin:
        return ("\0", 1) if text[0] == "0" else ("\\", 0)
    return decoded(bytes([int(text[begin:end], base) & 0xFF])), end


def echo(_world: World, argv: list[str]) -> int:
    """Print the arguments; `-n` without a newline, `-e` with escapes."""
    words = argv[1:]
    flags = ""
    while words and words[0][:1] == "-" and words[0][1:] and not set(words[0][1:]) - set("neE"):
        flags += words.pop(0)[1:]
    text, cut = " ".join(words), False
    if "e" in flags:
        text, cut = unescaped(text)
    put(text if cut or "n" in flags else f"{text}\n")
    return 0


def printf(_world: World, argv: list[str]) -> int:
    """Print the arguments as the format says, again until all are printed."""
    if not argv[1:]:
        raise Failure("usage: printf FORMAT [ARGUMENT...]", 2)
    values = argv[2:]
    while True:
        text, used, cut = _formatted(argv[1], values)
        put(text)
        values = values[used:]
        if not values or not used or cut:
            return 0


def _formatted(template: str, values: list[str]) -> tuple[str, int, bool]:
    made: list[str] = []
    used = 0
    pieces = template.split("%")
    first, cut = unescaped(pieces[0])
    made.append(first)
    at = 1
    while at < len(pieces) and not cut:
        piece = pieces[at]
        if not piece and at + 1 < len(pieces):
            made.append("%")
            at += 1
            rest = pieces[at]
        else:
            size = len(piece) - len(piece.lstrip("-+ #0123456789."))
            made.append(
                _converted(piece[:size], piece[size : size + 1], "".join(values[used : used + 1]))
            )
            used += 1
            rest = piece[size + 1 :]
        text, cut = unescaped(rest)
        made.append(text)
        at += 1
    return "".join(made), used, cut


def _converted(flags: str, kind: str, value: str) -> str:
    if kind == "b":
        return unescaped(value)[0]
    if kind == "c":
        return value[:1]
    if kind == "s":
        return f"%{flags}s" % value
    if kind and kind in "diouxXeEfgG":
        try:
            number = float(value or 0) if kind in "eEfgG" else int(value or "0", 0)
        except ValueError:
            raise Failure(f"invalid number '{value}'") from None
        return f"%{flags}{'d' if kind == 'u' else kind}" % number
    raise Failure(f"%{flags}{kind}: invalid format")


def cat(world: World, argv: list[str]) -> int:
    """Print files, or standard input."""
    options = read_options(argv, "nu")
    status, number = 0, 0
    for path in options.rest or ["-"]:
        try:
            source = pieces_of(world, path)
            if options.has("n"):
                for line in b"".join(source).splitlines(keepends=True):
                    number += 1
                    put(b"%6d\t%b" % (number, line))
            else:
                for piece in source:
                    put(piece)
        except BrokenPipeError:
            raise
        except OSError as problem:
            what = "read error" if problem.filename is None else f"can't open '{path}'"
            say(f"cat: {what}: {problem.strerror}")
            status = 1
    return status


def _amount(argv: list[str]) -> list[str]:
    """`argv` with the old `-5` written as `-n5`."""
    return [f"-n{word[1:]}" if word[:1] == "-" and word[1:].isdigit() else word for word in argv]


def head(world: World, argv: list[str]) -> int:
    """Print the first lines (`-n`) or bytes (`-c`) of files."""
    options = read_options(_amount(argv), "qv", "nc")
    status = 0
    for number, path in enumerate(options.rest or ["-"]):
        if options.rest[1:]:
            put(f"{chr(10) if number else ''}==> {path} <==\n")
        try:
            source = pieces_of(world, path)
            _head(source, options.number("n", 10), options.number("c", -1))
        except OSError as problem:
            say(f"head: {path}: {problem.strerror}")
            status = 1
    return status


def _head(source: Iterator[bytes], lines: int, size: int) -> None:
    for piece in source:
        if size >= 0:
            put(piece[:size])
            size -= min(size, len(piece))
            if not size:
                return
            continue
        kept = piece.splitlines(keepends=True)[:lines]
        put(b"".join(kept))
        lines -= sum(line.endswith(b"\n") for line in kept)
        if lines <= 0:
            return


def tail(world: World, argv: list[str]) -> int:
    """Print the last lines (`-n`, `+N` from the Nth on) or bytes (`-c`); `-f` goes on for ever."""
    options = read_options(_amount(argv), "fFqv", "ncs")
    status = 0
    descriptors: list[int] = []
    for number, path in enumerate(options.rest or ["-"]):
        if options.rest[1:]:
            put(f"{chr(10) if number else ''}==> {path} <==\n")
        try:
            descriptor = 0 if path == "-" else world.files.open(path)
        except OSError as problem:
            say(f"tail: can't open '{path}': {problem.strerror}")
            status = 1
            continue
        put(_tail(descriptor, options.values.get("n", "10"), options.values.get("c", "")))
        descriptors.append(descriptor)
    while options.has("f", "F") and descriptors:
        time.sleep(_FOLLOW_EVERY)
        for descriptor in descriptors:
            while piece := os.read(descriptor, _PIECE):
                put(piece)
    return status


def _tail(descriptor: int, lines: str, size: str) -> bytes:
    content = b"".join(iter(lambda: os.read(descriptor, _PIECE), b""))
    units = [content[at : at + 1] for at in range(len(content))] if size else (
        content.splitlines(keepends=True)
    )  # fmt: skip
    text = size or lines
    try:
        count = abs(int(text))
    except ValueError:
        raise Failure(f"invalid number '{text}'") from None
    if text.startswith("+"):
        return b"".join(units[max(0, count - 1) :])
    return b"".join(units[-count:] if count else [])


def wc(world: World, argv: list[str]) -> int:
    """Count lines (`-l`), words (`-w`) and bytes (`-c`) of files."""
    options = read_options(argv, "lwcm")
    wanted = [flag for flag in "lwc" if options.has(flag)] or ["l", "w", "c"]
    status = 0
    totals = dict.fromkeys("lwc", 0)
    for path in options.rest or [""]:
        try:
            content = b"".join(pieces_of(world, path or "-"))
        except OSError as problem:
            say(f"wc: {path}: {problem.strerror}")
            status = 1
            continue
        counts = {"l": content.count(b"\n"), "w": len(content.split()), "c": len(content)}
        totals = {key: totals[key] + counts[key] for key in totals}
        put(_counts(counts, wanted, path))
    if options.rest[1:]:
        put(_counts(totals, wanted, "total"))
    return status


def _counts(counts: dict[str, int], wanted: list[str], path: str) -> str:
    numbers = [counts[key] for key in wanted]
    alone = not numbers[1:]
    texts = [str(number) if alone else f"{number:9}" for number in numbers]
    return f"{' '.join(texts)}{f' {path}' if path else ''}\n"


def seq(_world: World, argv: list[str]) -> int:
    """Print numbers: `seq [FIRST [STEP]] LAST`."""
    options = read_options(
        [word if not _is_number(word) else f"\0{word}" for word in argv], "w", "s"
    )
    try:
        numbers = [int(word.removeprefix("\0")) for word in options.rest]
    except ValueError:
        raise Failure(f"invalid number '{options.rest[0]}'") from None
    if not 1 <= len(numbers) <= 3:
        raise Failure("usage: seq [-w] [-s SEP] [FIRST [INC]] LAST")
    first, step, last = {1: (1, 1), 2: (numbers[0], 1), 3: tuple(numbers[:2])}[len(numbers)] + (
        numbers[-1],
    )  # fmt: skip
    if not step:
        raise Failure("increment is zero")
    found = range(first, last + (1 if step > 0 else -1), step)
    width = max((len(str(number)) for number in found), default=0) if options.has("w") else 0
    separator = options.values.get("s", "\n")
    if found:
        put(separator.join(f"{number:0{width}}" for number in found) + "\n")
    return 0


def _is_number(word: str) -> bool:
    return word.lstrip("-").isdigit()


def tee(world: World, argv: list[str]) -> int:
    """Copy standard input to standard output and to files; `-a` appends."""
    options = read_options(argv, "ai")
    how = os.O_APPEND if options.has("a") else os.O_TRUNC
    files = [world.files.open(path, os.O_WRONLY | os.O_CREAT | how) for path in options.rest]
    while piece := os.read(0, _PIECE):
        for descriptor in (1, *files):
            put(piece, descriptor)
    return 0


def yes(_world: World, argv: list[str]) -> int:
    """Print `y`, or the arguments, for ever."""
    line = encoded(" ".join(argv[1:]) or "y") + b"\n"
    while True:
        put(line * 100)

"""Commands that work on lines: cut, grep, sed (substitutions), sort, tr, uniq."""

from __future__ import annotations

import re
from collections.abc import Iterator

from knlab.embedded.programs.box.options import Options, read_options
from knlab.embedded.programs.box.text_tools import unescaped
from knlab.embedded.programs.box.world import Failure, World, decoded, pieces_of, put, say


def _lines(world: World, name: str, paths: list[str]) -> Iterator[tuple[str, str]]:
    """The lines of files (or of standard input) as they come, each with its file."""
    for path in paths or ["-"]:
        rest = b""
        try:
            for piece in pieces_of(world, path):
                *whole, rest = (rest + piece).split(b"\n")
                yield from ((path, decoded(line)) for line in whole)
        except OSError as problem:
            say(f"{name}: {path}: {problem.strerror}")
        if rest:
            yield path, decoded(rest)


def _expression(text: str, *, extended: bool) -> str:
    """A POSIX regular expression as Python writes it."""
    if not extended:
        text = re.sub(r"\\?[(){}|+?]", lambda found: _swapped(found[0]), text)
    return re.sub(r"\[:(\w+):\]", lambda found: _CLASSES.get(found[1], ""), text)


_CLASSES = {
    "alpha": "a-zA-Z", "digit": "0-9", "alnum": "a-zA-Z0-9", "upper": "A-Z", "lower": "a-z",
    "space": r"\s", "blank": " \t", "punct": r"!-/:-@\[-`{-~", "xdigit": "0-9a-fA-F",
}  # fmt: skip


def _swapped(found: str) -> str:
    return found[1:] if found.startswith("\\") else f"\\{found}"


def _compiled(text: str, flags: int = 0) -> re.Pattern[str]:
    try:
        return re.compile(text, flags)
    except re.error as wrong:
        raise Failure(f"bad regex '{text}': {wrong}", 2) from None


def grep(world: World, argv: list[str]) -> int:
    """Print the lines that match; 1 if none does."""
    options = read_options(argv, "EFvinqclohHswx", "em")
    words = options.rest
    if "e" not in options.values and not words:
        raise Failure("usage: grep [-EFvinqcloHhswx] PATTERN [FILE...]", 2)
    text = options.values["e"] if "e" in options.values else words.pop(0)
    made = re.escape(text) if options.has("F") else _expression(text, extended=options.has("E"))
    if options.has("w"):
        made = rf"\b(?:{made})\b"
    if options.has("x"):
        made = rf"^(?:{made})$"
    pattern = _compiled(made, re.IGNORECASE if options.has("i") else 0)
    return _Grep(options, pattern).run(_lines(world, "grep", words))


class _Grep:
    def __init__(self, options: Options, pattern: re.Pattern[str]) -> None:
        self._options, self._pattern = options, pattern
        self._named = options.has("H") or (bool(options.rest[1:]) and not options.has("h"))
        self._most = options.number("m", -1)

    def run(self, lines: Iterator[tuple[str, str]]) -> int:
        counts: dict[str, int] = dict.fromkeys(self._options.rest or ["-"], 0)
        number, before = 0, ""
        for path, line in lines:
            number = number + 1 if path == before else 1
            before = path
            if bool(self._pattern.search(line)) == self._options.has("v"):
                continue
            counts[path] += 1
            if self._options.has("q"):
                return 0
            if not self._options.has("c", "l"):
                self._show(path, line, number)
            if sum(counts.values()) == self._most:
                break
        for path, count in counts.items():
            if self._options.has("c"):
                put(f"{f'{path}:' if self._named else ''}{count}\n")
            elif self._options.has("l") and count:
                put(f"{path}\n")
        return int(not any(counts.values()))

    def _show(self, path: str, line: str, number: int) -> None:
        head = f"{path}:" if self._named else ""
        head += f"{number}:" if self._options.has("n") else ""
        only = self._options.has("o")
        shown = [found[0] for found in self._pattern.finditer(line)] if only else [line]
        put("".join(f"{head}{text}\n" for text in shown))


def sed(world: World, argv: list[str]) -> int:
    """Substitute in lines: `sed [-nE] 's/PATTERN/TEXT/gip'`; other commands are refused."""
    options = read_options(argv, "nEri", "e")
    words = options.rest
    script = options.values["e"] if "e" in options.values else "".join(words[:1])
    words = words if "e" in options.values else words[1:]
    if options.has("i") or script[:1] != "s" or len(script) < 4:
        raise Failure(
            f"unsupported command {script or '-i'}: only s/PATTERN/TEXT/FLAGS is known here"
        )
    parts = re.split(rf"(?<!\\){re.escape(script[1])}", script[2:])
    if len(parts) != 3:
        raise Failure("unterminated s command")
    text, replacement, flags = (part.replace(f"\\{script[1]}", script[1]) for part in parts)
    pattern = _compiled(
        _expression(text, extended=options.has("E", "r")),
        re.IGNORECASE if "i" in flags.lower() else 0,
    )
    made = re.sub(r"(?<!\\)&", r"\\g<0>", replacement).replace("\\&", "&")
    for _, line in _lines(world, "sed", words):
        changed, count = pattern.subn(made, line, count=0 if "g" in flags else 1)
        if not options.has("n") or ("p" in flags and count):
            put(f"{changed}\n")
    return 0


def sort(world: World, argv: list[str]) -> int:
    """Sort lines: `-n` as numbers, `-r` reversed, `-u` once each, `-k N` by a field."""
    options = read_options(argv, "nrufb", "kt")
    lines = [line for _, line in _lines(world, "sort", options.rest)]
    field = options.values.get("k", "").partition(",")[0].partition(".")[0]
    place = int(field) - 1 if field.isdigit() else -1

    def key(line: str) -> tuple[float, str]:
        parts = line.split(options.values.get("t"))
        text = line if place < 0 else "".join(parts[place : place + 1])
        found = re.match(r"\s*(-?\d+(?:\.\d*)?)", text) if options.has("n") else None
        number = float(found[1]) if found else 0.0
        return number, "" if options.has("n") and place >= 0 else text

    lines.sort(key=key, reverse=options.has("r"))
    put("".join(f"{line}\n" for line in (dict.fromkeys(lines) if options.has("u") else lines)))
    return 0


def uniq(world: World, argv: list[str]) -> int:
    """Drop lines that are equal to the one before; `-c` counts them, `-d` shows only those."""
    options = read_options(argv, "cdu")
    runs: list[tuple[str, int]] = []
    for _, line in _lines(world, "uniq", options.rest):
        if runs and runs[-1][0] == line:
            runs[-1] = (line, runs[-1][1] + 1)
        else:
            runs.append((line, 1))
    for line, count in runs:
        if (options.has("d") and count == 1) or (options.has("u") and count > 1):
            continue
        put(f"{count:7} {line}\n" if options.has("c") else f"{line}\n")
    return 0


def cut(world: World, argv: list[str]) -> int:
    """Print fields (`-f`, separated by `-d`) or characters (`-c`) of lines."""
    options = read_options(argv, "s", "fdcb")
    chosen = options.values.get("f") or options.values.get("c") or options.values.get("b")
    if not chosen:
        raise Failure("expected a list of bytes, characters, or fields")
    wanted = [_range(part) for part in chosen.split(",")]
    separator = options.values.get("d", "\t") if options.has("f") else ""
    for _, line in _lines(world, "cut", options.rest):
        units = line.split(separator) if separator else list(line)
        if separator and separator not in line:
            put("" if options.has("s") else f"{line}\n")
            continue
        kept = [
            unit
            for place, unit in enumerate(units, 1)
            if any(first <= place <= last for first, last in wanted)
        ]
        put(f"{separator.join(kept)}\n")
    return 0


def _range(text: str) -> tuple[int, float]:
    first, dash, last = text.partition("-")
    try:
        begin = int(first or 1)
        return begin, (int(last) if last else float("inf")) if dash else begin
    except ValueError:
        raise Failure(f"invalid range {text}") from None


def tr(world: World, argv: list[str]) -> int:
    """Translate characters of standard input; `-d` deletes them, `-s` squeezes runs of them."""
    options = read_options(argv, "dsc")
    sets = [_characters(word) for word in options.rest]
    if not sets or (not sets[1:] and not options.has("d", "s")):
        raise Failure("usage: tr [-cds] STRING1 [STRING2]")
    text = decoded(b"".join(pieces_of(world, "-")))
    chosen = set(sets[0])

    def hit(char: str) -> bool:
        return (char in chosen) != options.has("c")

    if options.has("d"):
        text = "".join(char for char in text if not hit(char))
    elif sets[1:] and sets[1]:
        last = sets[1][-1]
        table = dict(zip(sets[0], sets[1] + last * len(sets[0]), strict=False))
        text = "".join(
            (last if options.has("c") else table[char]) if hit(char) else char for char in text
        )
    if options.has("s"):
        squeezed = set(sets[-1])
        text = "".join(
            char for at, char in enumerate(text)
            if char not in squeezed or text[at - 1 : at] != char
        )  # fmt: skip
    put(text)
    return 0


def _characters(text: str) -> str:
    text = unescaped(re.sub(r"\[:(\w+):\]", lambda found: _CLASSES.get(found[1], ""), text))[0]
    return re.sub(
        r"(.)-(.)",
        lambda found: "".join(map(chr, range(ord(found[1]), ord(found[2]) + 1))),
        text.replace(r"\s", " \t\n\r"),
        flags=re.DOTALL,
    )

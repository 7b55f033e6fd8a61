"""Commands that work on files: basename, cp, dirname, find, ln, ls, mkdir, mv, rm, touch …"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from knlab.embedded.programs.box.options import Options, read_options
from knlab.embedded.programs.box.world import Failure, World, put, say

_SIX_MONTHS = 182 * 86400


def _each(paths: list[str], action: Callable[[str], None], failed: str) -> int:
    """Do `action` with every path; what fails is said as `failed` has it. 1 if anything did."""
    status = 0
    for path in paths:
        try:
            action(path)
        except OSError as problem:
            say(f"{failed.format(path)}: {problem.strerror}")
            status = 1
    return status


def basename(_world: World, argv: list[str]) -> int:
    """Print the last name of a path, without a suffix."""
    if not argv[1:]:
        raise Failure("missing operand")
    name = os.path.basename(argv[1].rstrip("/")) or "/"
    suffix = "".join(argv[2:3])
    put(f"{name.removesuffix(suffix) if name != suffix else name}\n")
    return 0


def dirname(_world: World, argv: list[str]) -> int:
    """Print a path without its last name."""
    if not argv[1:]:
        raise Failure("missing operand")
    put(f"{os.path.dirname(argv[1].rstrip('/')) or ('/' if argv[1][:1] == '/' else '.')}\n")
    return 0


def readlink(world: World, argv: list[str]) -> int:
    """Print the target of a link; `-f` the whole path without links."""
    options = read_options(argv, "fn")
    for path in options.rest:
        if options.has("f"):
            put(f"{world.files.full(path)}\n")
            continue
        with world.files.place(path, follow=False) as place:
            put(f"{os.readlink(place.name, dir_fd=place.folder)}\n")
    return 0


def realpath(world: World, argv: list[str]) -> int:
    """Print the whole path of files, without links."""
    return _each(argv[1:], lambda path: put(f"{world.files.full(path)}\n"), "realpath: {}")


def touch(world: World, argv: list[str]) -> int:
    """Make files, or have them changed now."""
    options = read_options(argv, "cam")

    def action(path: str) -> None:
        flags = os.O_WRONLY | (0 if options.has("c") else os.O_CREAT)
        if _is_folder(world, path):
            flags = os.O_RDONLY
        try:
            opened = world.files.open(path, flags)
        except FileNotFoundError:
            if options.has("c"):
                return
            raise
        os.utime(opened)
        os.close(opened)

    return _each(options.rest, action, "touch: {}")


def mkdir(world: World, argv: list[str]) -> int:
    """Make directories; `-p` with those above, and none that is there already."""
    options = read_options(argv, "p", "m")

    def action(path: str) -> None:
        if options.has("p"):
            world.files.make_folders(path)
            return
        with world.files.place(path) as place:
            place.require_writable()
            os.mkdir(place.name, 0o755, dir_fd=place.folder)

    return _each(options.rest, action, "mkdir: can't create directory '{}'")


def rmdir(world: World, argv: list[str]) -> int:
    """Remove empty directories."""

    def action(path: str) -> None:
        with world.files.place(path, follow=False) as place:
            place.require_writable()
            os.rmdir(place.name, dir_fd=place.folder)

    return _each(read_options(argv, "p").rest, action, "rmdir: '{}'")


def rm(world: World, argv: list[str]) -> int:
    """Remove files; `-r` directories with what is in them, `-f` without a word if nothing is."""
    options = read_options(argv, "rRfi")
    status = 0
    for path in options.rest:
        try:
            _remove(world, path, deep=options.has("r", "R"))
        except IsADirectoryError:
            say(f"rm: '{path}' is a directory")
            status = 1
        except OSError as problem:
            if not (options.has("f") and problem.errno == errno.ENOENT):
                say(f"rm: can't remove '{path}': {problem.strerror}")
                status = 1
    return status


def _remove(world: World, path: str, *, deep: bool) -> None:
    with world.files.place(path, follow=False) as place:
        is_folder = stat.S_ISDIR(place.status().st_mode)
        if is_folder and not deep:
            raise IsADirectoryError
        place.require_writable()
        if is_folder:
            for name in world.files.names(path):
                _remove(world, f"{path}/{name}", deep=True)
            if place.name == ".":
                raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
            os.rmdir(place.name, dir_fd=place.folder)
        else:
            os.unlink(place.name, dir_fd=place.folder)


def _is_folder(world: World, path: str) -> bool:
    try:
        return stat.S_ISDIR(world.files.status(path).st_mode)
    except OSError:
        return False


def _targets(world: World, options: Options) -> Iterator[tuple[str, str]]:
    """Each source with the path that it goes to."""
    *sources, target = options.rest or [""]
    if not sources:
        raise Failure("missing file operand")
    into = _is_folder(world, target)
    if sources[1:] and not into:
        raise Failure(f"target '{target}' is not a directory")
    for source in sources:
        name = os.path.basename(source.rstrip("/"))
        yield source, f"{target.rstrip('/')}/{name}" if into else target


def cp(world: World, argv: list[str]) -> int:
    """Copy files; `-r` directories too."""
    options = read_options(argv, "rRapfi")
    status = 0
    for source, target in _targets(world, options):
        try:
            _copy(world, source, target, deep=options.has("r", "R", "a"))
        except OSError as problem:
            say(f"cp: can't stat '{source}': {problem.strerror}")
            status = 1
    return status


def _copy(world: World, source: str, target: str, *, deep: bool) -> None:
    if not _is_folder(world, source):
        pieces = world.files.read(source)
        written = world.files.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for piece in pieces:
            put(piece, written)
        os.close(written)
    elif not deep:
        raise Failure(f"omitting directory '{source}'")
    else:
        names = world.files.names(source)
        if not _is_folder(world, target):
            with world.files.place(target) as place:
                place.require_writable()
                os.mkdir(place.name, 0o755, dir_fd=place.folder)
        for name in names:
            _copy(world, f"{source}/{name}", f"{target}/{name}", deep=True)


def mv(world: World, argv: list[str]) -> int:
    """Move or rename files."""
    for source, target in _targets(world, read_options(argv, "fi")):
        with world.files.place(source, follow=False) as old, world.files.place(target) as new:
            old.require_writable()
            new.require_writable()
            os.rename(old.name, new.name, src_dir_fd=old.folder, dst_dir_fd=new.folder)
    return 0


def ln(world: World, argv: list[str]) -> int:
    """Make symbolic links (`-s`); they lead nowhere but into the container."""
    options = read_options(argv, "sfn")
    if not options.has("s"):
        raise Failure("only symbolic links can be made here: ln -s TARGET NAME")
    for source, target in _targets(world, options):
        with world.files.place(target, follow=False) as place:
            place.require_writable()
            if options.has("f") and target in options.rest:
                _remove_quietly(place.name, place.folder)
            os.symlink(source, place.name, dir_fd=place.folder)
    return 0


def _remove_quietly(name: str, folder: int) -> None:
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)


def find(world: World, argv: list[str]) -> int:
    """Print the files below directories; `-name PATTERN`, `-type f|d|l`."""
    words = argv[1:]
    paths: list[str] = []
    while words and not words[0].startswith("-"):
        paths.append(words.pop(0))
    tests: list[Callable[[str, int], bool]] = []
    while words:
        word = words.pop(0)
        if word not in {"-name", "-type", "-print"}:
            raise Failure(f"unrecognized: {word}")
        if word != "-print" and words:
            tests.append(_find_test(word, words.pop(0)))

    def visit(path: str) -> None:
        mode = world.files.status(path, follow=False).st_mode
        if all(holds(path, mode) for holds in tests):
            put(f"{path}\n")
        if stat.S_ISDIR(mode):
            for name in world.files.names(path):
                visit(f"{path.rstrip('/')}/{name}")

    return _each(paths or ["."], visit, "find: {}")


def _find_test(word: str, value: str) -> Callable[[str, int], bool]:
    from fnmatch import fnmatchcase  # noqa: PLC0415 - only patterns need it

    if word == "-name":
        return lambda path, _mode: fnmatchcase(os.path.basename(path), value)
    kind = {"f": stat.S_ISREG, "d": stat.S_ISDIR, "l": stat.S_ISLNK}.get(value)
    if kind is None:
        raise Failure(f"{value}: unknown type")
    return lambda _path, mode: kind(mode)


def ls(world: World, argv: list[str]) -> int:
    """List files: `-l` with what is known of them, `-a` hidden ones too, `-1` one a line."""
    options = read_options(argv, "laA1hdRtrFni", long={"color": "F"})
    status = 0
    folders: list[str] = []
    files: list[str] = []
    for path in options.rest or ["."]:
        try:
            mode = world.files.status(path, follow=not options.has("l")).st_mode
        except OSError as problem:
            say(f"ls: {path}: {problem.strerror}")
            status = 1
            continue
        (folders if stat.S_ISDIR(mode) and not options.has("d") else files).append(path)
    if files:
        _list(world, "", files, options)
    for number, folder in enumerate(folders):
        if options.rest[1:]:
            put(f"{chr(10) if files or number else ''}{folder}:\n")
        names = world.files.names(folder)
        if not options.has("a", "A"):
            names = [name for name in names if not name.startswith(".")]
        elif options.has("a"):
            names = [".", "..", *names]
        _list(world, f"{folder}/", names, options)
    return status


def _list(world: World, folder: str, names: list[str], options: Options) -> None:
    if options.has("t"):
        names = sorted(
            names, key=lambda name: -world.files.status(folder + name, follow=False).st_mtime
        )
    if options.has("r"):
        names = names[::-1]
    if options.has("l"):
        if folder:
            put("total 0\n")
        put("".join(_long(world, folder, name, human=options.has("h")) for name in names))
    elif options.has("1") or not os.isatty(1):
        put("".join(f"{name}\n" for name in names))
    elif names:
        put(_columns(names, os.get_terminal_size(1).columns or 80))


def _columns(names: list[str], width: int) -> str:
    size = max(map(len, names)) + 2
    across = max(1, width // size)
    down = -(-len(names) // across)
    rows = ("".join(f"{name:{size}}" for name in names[row::down]) for row in range(down))
    return "".join(f"{row.rstrip()}\n" for row in rows)


def _long(world: World, folder: str, name: str, *, human: bool) -> str:
    path = folder + name
    found = world.files.status(path, follow=False)
    target = ""
    if stat.S_ISLNK(found.st_mode):
        with world.files.place(path, follow=False) as place:
            target = f" -> {os.readlink(place.name, dir_fd=place.folder)}"
    moment = time.gmtime(found.st_mtime)
    old = time.mktime(time.gmtime()) - time.mktime(moment) > _SIX_MONTHS
    when = time.strftime("%b %e  %Y" if old else "%b %e %H:%M", moment)
    size = _human(found.st_size) if human else str(found.st_size)
    return (
        f"{stat.filemode(found.st_mode)} {found.st_nlink:4} root     root     {size:>9} {when}"
        f" {name}{target}\n"
    )


def _human(size: float) -> str:
    for unit in ("", "K", "M"):
        if size < 1024:
            return f"{size:.1f}{unit}" if unit else f"{size:.0f}"
        size /= 1024
    return f"{size:.1f}G"

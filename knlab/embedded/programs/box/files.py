"""The files of a container, as its commands see them: paths that cannot leave its directory.

A path is walked one name at a time from the directory that plays `/`, each step relative to the
directory before it and without following links; `..` goes back on the way that we came, and a
link's target is walked in the same manner. So neither `..`, nor a link, nor one that changes while
we walk leads out. Volumes are directories elsewhere that the walk steps into at their paths.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator

_MOST_LINKS = 40
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_STREAMS = {"stdin": 0, "stdout": 1, "stderr": 2, "tty": 0}
_HOST_DEVICES = {"null", "zero", "urandom", "random", "full"}
PieceOfPath = tuple[str, ...]


def problem(number: int, path: str) -> OSError:
    """The error `number` about `path`."""
    return OSError(number, os.strerror(number), path)


class Mount:
    """A volume: what of the host is at a path of the container."""

    __slots__ = ("_source", "_within", "read_only", "where")

    def __init__(self, path: str, source: str, within: str = "", *, read_only: bool) -> None:
        self.where: PieceOfPath = tuple(filter(None, path.split("/")))
        self._source, self._within, self.read_only = source, within, read_only

    def open(self) -> tuple[int, str]:
        """A directory and a name in it, which is `.` if a directory is mounted.

        What is `within` the volume is walked to like any path of a container: it may be a link.
        """
        walk = _Walk(self._source, [])
        try:
            place = walk.run(self._within, follow=True)
            if place.name != "." and stat.S_ISDIR(place.status().st_mode):
                flags = _DIRECTORY | os.O_NOFOLLOW
                return os.open(place.name, flags, dir_fd=place.folder), "."
            return os.dup(place.folder), place.name
        finally:
            walk.close()


class Place:
    """Where a path leads: `name` in the open directory `folder`. Close it after use."""

    __slots__ = ("_folders", "name", "path", "read_only")

    def __init__(
        self, folders: list[int], name: str, path: PieceOfPath, *, read_only: bool
    ) -> None:
        self._folders = folders
        self.name, self.path, self.read_only = name, path, read_only

    @property
    def folder(self) -> int:
        """The descriptor of the directory that has `name`."""
        return self._folders[-1]

    def __enter__(self) -> Place:
        return self

    def __exit__(self, *_: object) -> None:
        for folder in self._folders:
            os.close(folder)

    def status(self) -> os.stat_result:
        """What is there; a link is not followed.

        Raises:
            OSError: if nothing is.
        """
        return os.stat(self.name, dir_fd=self.folder, follow_symlinks=False)

    def require_writable(self) -> None:
        """Refuse to change a volume that is read-only.

        Raises:
            OSError: if it is.
        """
        if self.read_only:
            raise problem(errno.EROFS, "/" + "/".join(self.path))


class _Walk:
    """One way from `/` down to a path."""

    def __init__(self, root: str, mounts: list[Mount]) -> None:
        self._mounts = {mount.where: mount for mount in mounts}
        self.folders = [os.open(root, _DIRECTORY)]
        self.names: list[str] = []
        self.read_only = [False]
        self._links = 0

    def close(self) -> None:
        for folder in self.folders:
            os.close(folder)

    def _up(self) -> None:
        if self.names:
            self.names.pop()
            self.read_only.pop()
            os.close(self.folders.pop())

    def _down(self, name: str, folder: int, *, read_only: bool) -> None:
        self.names.append(name)
        self.folders.append(folder)
        self.read_only.append(read_only)

    def run(self, path: str, *, follow: bool) -> Place:
        if "\0" in path:
            raise problem(errno.ENOENT, path)
        todo = path.split("/")[::-1]
        while todo:
            name = todo.pop()
            if name in {"", "."}:
                continue
            if name == "..":
                self._up()
                continue
            is_last = not any(todo)
            if mount := self._mounts.get((*self.names, name)):
                folder, inner = mount.open()
                self._down(name, folder, read_only=mount.read_only)
                if inner == ".":
                    continue
                if any(todo):
                    raise problem(errno.ENOTDIR, path)
                return Place(self.folders, inner, tuple(self.names), read_only=mount.read_only)
            target = self._link(name) if follow or not is_last else None
            if target is not None:
                self._follow(target, todo, path)
            elif is_last:
                where = (*self.names, name)
                self._require_directory(name, path, wanted=bool(todo))
                return Place(self.folders, name, where, read_only=self.read_only[-1])
            else:
                flags = _DIRECTORY | os.O_NOFOLLOW
                opened = os.open(name, flags, dir_fd=self.folders[-1])
                self._down(name, opened, read_only=self.read_only[-1])
        return Place(self.folders, ".", tuple(self.names), read_only=self.read_only[-1])

    def _require_directory(self, name: str, path: str, *, wanted: bool) -> None:
        """A path that ends with a slash names a directory, unless nothing is there yet."""
        if wanted:
            try:
                found = os.stat(name, dir_fd=self.folders[-1], follow_symlinks=False)
            except FileNotFoundError:
                return
            if not stat.S_ISDIR(found.st_mode):
                raise problem(errno.ENOTDIR, path)

    def _link(self, name: str) -> str | None:
        """The target of the link `name`; None if that is no link or not there."""
        try:
            return os.readlink(name, dir_fd=self.folders[-1])
        except OSError as not_a_link:
            if not_a_link.errno in {errno.EINVAL, errno.ENOENT}:
                return None
            raise

    def _follow(self, target: str, todo: list[str], path: str) -> None:
        self._links += 1
        if self._links > _MOST_LINKS:
            raise problem(errno.ELOOP, path)
        if target.startswith("/"):
            while self.names:
                self._up()
        todo += target.split("/")[::-1]


class Files:
    """What the commands of one container do with files. Relative paths begin at `folder`."""

    def __init__(self, root: str, mounts: list[Mount]) -> None:
        self._root, self._mounts = root, mounts
        self.folder = "/"

    def place(self, path: str, *, follow: bool = True) -> Place:
        """Where `path` leads; `follow` a link that it names.

        Raises:
            OSError: if its directory does not exist.
        """
        if not path:
            raise problem(errno.ENOENT, path)
        walk = _Walk(self._root, self._mounts)
        try:
            return walk.run(
                path if path.startswith("/") else f"{self.folder}/{path}", follow=follow
            )
        except OSError as failed:
            walk.close()
            raise OSError(failed.errno, failed.strerror, path) from None

    def status(self, path: str, *, follow: bool = True) -> os.stat_result:
        """What is at `path`.

        Raises:
            OSError: if nothing is.
        """
        with self.place(path, follow=follow) as place:
            if device := _device(place.path):
                return os.stat(device) if isinstance(device, str) else os.fstat(device[0])
            return place.status()

    def open(self, path: str, flags: int = os.O_RDONLY) -> int:
        """A descriptor of the file at `path`; `/dev/null` and its like are the machine's.

        Raises:
            OSError: as from `os.open`; if it is neither a file nor a directory.
        """
        with self.place(path) as place:
            if device := _device(place.path):
                return os.open(device, flags) if isinstance(device, str) else os.dup(device[0])
            safe = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
            try:
                if flags & _WRITES:
                    place.require_writable()
                opened = os.open(place.name, flags | safe, 0o644, dir_fd=place.folder)
            except OSError as failed:
                raise problem(failed.errno or 0, path) from None
        mode = os.fstat(opened).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            os.close(opened)
            raise problem(errno.ENXIO, path)
        os.set_blocking(opened, True)
        return opened

    def read(self, path: str) -> Iterator[bytes]:
        """The content of the file at `path`, in pieces.

        Raises:
            OSError: if it cannot be read.
        """
        opened = self.open(path)
        try:
            while piece := os.read(opened, 65536):
                yield piece
        finally:
            os.close(opened)

    def names(self, path: str) -> list[str]:
        """What the directory at `path` has, sorted.

        Raises:
            OSError: if it is none.
        """
        with self.place(path) as place:
            opened = os.open(place.name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=place.folder)
            path_of_it = place.path
        try:
            mounted = {mount.where[-1] for mount in self._mounts if mount.where[:-1] == path_of_it}
            return sorted({*os.listdir(opened), *mounted})
        finally:
            os.close(opened)

    def make_folders(self, path: str) -> None:
        """Make the directory at `path` and those above it, unless they are there.

        Raises:
            OSError: if one cannot be made.
        """
        steps = [step for step in path.split("/") if step]
        beginning = "/" if path.startswith("/") else ""
        for number in range(1, len(steps) + 1):
            step = beginning + "/".join(steps[:number])
            with self.place(step) as place:
                if place.name == "." or _is_folder(place):
                    continue
                place.require_writable()
                os.mkdir(place.name, 0o755, dir_fd=place.folder)

    def full(self, path: str) -> str:
        """`path` from `/` on, without links.

        Raises:
            OSError: if its directory does not exist.
        """
        with self.place(path) as place:
            return "/" + "/".join(place.path)

    def enter(self, path: str) -> None:
        """Make `path` the directory where relative paths begin.

        Raises:
            OSError: if it is no directory.
        """
        with self.place(path) as place:
            if not stat.S_ISDIR(place.status().st_mode):
                raise problem(errno.ENOTDIR, path)
            self.folder = "/" + "/".join(place.path)


def _is_folder(place: Place) -> bool:
    try:
        return stat.S_ISDIR(place.status().st_mode)
    except FileNotFoundError:
        return False


def _device(path: PieceOfPath) -> str | tuple[int] | None:
    """The machine's device at `path`, or the standard stream that is meant."""
    if len(path) == 2 and path[0] == "dev":
        if path[1] in _HOST_DEVICES:
            return f"/dev/{path[1]}"
        if path[1] in _STREAMS:
            return (_STREAMS[path[1]],)
    if path[:-1] in {("dev", "fd"), ("proc", "self", "fd")} and path[-1] in {"0", "1", "2"}:
        return (int(path[-1]),)
    return None

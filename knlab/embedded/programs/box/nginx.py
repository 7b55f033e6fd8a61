"""The stand-in for nginx: serves the files of a directory, with nginx's logs and answers."""

from __future__ import annotations

import errno
import os
import signal
import stat
import time

from knlab.embedded.programs._http import Head, Reply, Server, Steps
from knlab.embedded.programs.box import names, tools
from knlab.embedded.programs.box.world import Failure, World, put, say

_PAGES = "/usr/share/nginx/html"
_CONFIGURATION = "/etc/nginx/nginx.conf"
_PORT = 80
_NOT_FOUND = 127
_TYPES = {
    "html": "text/html", "htm": "text/html", "css": "text/css", "xml": "text/xml",
    "txt": "text/plain", "js": "application/javascript", "json": "application/json",
    "png": "image/png", "jpg": "image/jpeg", "gif": "image/gif", "svg": "image/svg+xml",
    "ico": "image/x-icon", "pdf": "application/pdf",
}  # fmt: skip
_SIGNALS = {"stop": signal.SIGTERM, "quit": signal.SIGQUIT, "reload": signal.SIGHUP}


def entrypoint(world: World, argv: list[str]) -> int:
    """What the image starts with: run the command in the arguments."""
    if not argv[1:]:
        raise Failure("usage: docker-entrypoint.sh COMMAND [ARGUMENT...]")
    if not names.is_known(argv[1], world.image):
        raise Failure(f"exec: {argv[1]}: not found", _NOT_FOUND)
    world.processes.rename(" ".join(argv[1:]))
    return tools.run(world, argv[1:])


def nginx(world: World, argv: list[str]) -> int:
    """Serve; `-v` prints the version, `-t` looks at the configuration, `-s` signals the server."""
    version = f"nginx/{world.env.get('NGINX_VERSION', '1')}"
    words = argv[1:]
    if "-v" in words or "-V" in words:
        say(f"nginx version: {version} (knlab stand-in)")
        return 0
    if "-t" in words:
        say(f"nginx: the configuration file {_CONFIGURATION} syntax is ok")
        say(f"nginx: configuration file {_CONFIGURATION} test is successful")
        return 0
    if words[:1] == ["-s"]:
        return _signal(world, "".join(words[1:2]))
    return _Site(world, version).serve()


def _signal(world: World, name: str) -> int:
    if name not in _SIGNALS:
        raise Failure(f'invalid option: "-s {name}"')
    for process in world.processes.all():
        if process.command.startswith("nginx") and process.pid != world.processes.pid:
            os.kill(process.host_pid, _SIGNALS[name])
            return 0
    raise Failure('[error] open() "/run/nginx.pid" failed (2: No such file or directory)')


class _Site:
    """The pages of one container."""

    def __init__(self, world: World, version: str) -> None:
        self._world, self._version = world, version
        self._count = 0

    def serve(self) -> int:
        host, _, port = self._world.listen.rpartition(":")
        try:
            server = Server(self._answer, host, int(port))
        except OSError as problem:
            where = f"bind() to 0.0.0.0:{_PORT} failed"
            number = problem.errno or 0
            self._log("emerg", f"{where} ({number}: {os.strerror(number)})")
            return 1

        def stop(number: int, _frame: object) -> None:
            self._log(
                "notice", f"signal {number} ({signal.Signals(number).name}) received, exiting"
            )
            server.stop()

        for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT):
            signal.signal(number, stop)
        signal.signal(signal.SIGHUP, lambda *_: self._log("notice", "reconfiguring"))
        self._log("notice", f"{self._version} (knlab stand-in)")
        self._log("notice", f"serving {_PAGES} on port {_PORT}")
        server.run(os.getppid())
        self._log("notice", "exit")
        return 0

    def _log(self, level: str, text: str) -> None:
        stamp = time.strftime("%Y/%m/%d %H:%M:%S", time.gmtime())
        pid = self._world.processes.pid
        say(f"{stamp} [{level}] {pid}#{pid}: {text}")

    def _answer(self, head: Head, client: str) -> Steps:
        reply = self._reply(head, client)
        seen = {
            name: head.fields.get(name, "-")
            for name in ("referer", "user-agent", "x-forwarded-for")
        }
        stamp = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime())
        size = 0 if head.method == "HEAD" else len(reply.body)
        put(
            f'{client} - - [{stamp}] "{head.first}" {reply.status} {size} "{seen["referer"]}"'
            f' "{seen["user-agent"]}" "{seen["x-forwarded-for"]}"\n'
        )
        yield from ()  # an answer is a generator, also one that never waits
        return reply

    def _reply(self, head: Head, client: str) -> Reply:
        if head.method not in {"GET", "HEAD"}:
            return self._page(405, "405 Not Allowed")
        path = f"{_PAGES}/{_decoded(head.path)}"
        if "\0" in path:
            return self._page(400, "400 Bad Request")
        try:
            found = self._world.files.status(path)
            if stat.S_ISDIR(found.st_mode):
                return self._folder(head, path)
            return self._file(head, path, found)
        except (FileNotFoundError, NotADirectoryError) as missing:
            self._missing(head, client, missing)
            return self._page(404, "404 Not Found")
        except OSError:
            return self._page(403, "403 Forbidden")

    def _folder(self, head: Head, path: str) -> Reply:
        if not head.path.endswith("/"):
            where = f"Location: http://{head.fields.get('host', '')}{head.path}/\r\n"
            return self._page(301, "301 Moved Permanently", where)
        try:
            return self._file(
                head, f"{path}index.html", self._world.files.status(f"{path}index.html")
            )
        except FileNotFoundError:
            return self._page(403, "403 Forbidden")

    def _missing(self, head: Head, client: str, problem: OSError) -> None:
        self._count += 1
        self._log(
            "error",
            f'*{self._count} open() "{_PAGES}{head.path}" failed'
            f" ({problem.errno}: {problem.strerror}), client: {client}, server: localhost,"
            f' request: "{head.first}", host: "{head.fields.get("host", "")}"',
        )

    def _file(self, head: Head, path: str, found: os.stat_result) -> Reply:
        if not self._world.files.full(path).startswith(f"{_PAGES}/"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        kind = _TYPES.get(path.rpartition(".")[2], "application/octet-stream")
        changed = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(found.st_mtime))
        tag = f'"{int(found.st_mtime):x}-{found.st_size:x}"'
        headers = f"Last-Modified: {changed}\r\nETag: {tag}\r\n"
        unchanged = head.fields.get("if-none-match") == tag
        if unchanged or head.fields.get("if-modified-since") == changed:
            return Reply(304, b"", self._server_line + headers)
        body = b"".join(self._world.files.read(path))
        more = f"Content-Type: {kind}\r\n"
        return Reply(200, body, self._server_line + headers + more)

    @property
    def _server_line(self) -> str:
        return f"Server: {self._version} (knlab stand-in)\r\n"

    def _page(self, status: int, title: str, headers: str = "") -> Reply:
        body = (
            f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n"
            f"<center><h1>{title}</h1></center>\r\n<hr><center>{self._version}</center>\r\n"
            "</body>\r\n</html>\r\n"
        )
        kind = "Content-Type: text/html\r\n"
        return Reply(status, body.encode(), self._server_line + kind + headers)


def _decoded(path: str) -> str:
    """A request's path without its percent signs."""
    first, *rest = path.encode("latin-1").split(b"%")
    made = bytearray(first)
    for part in rest:
        try:
            made += bytes([int(part[:2], 16)]) + part[2:]
        except ValueError:
            made += b"%" + part
    return made.decode("utf-8", "surrogateescape")

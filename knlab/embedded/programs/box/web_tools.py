"""`wget` and a small `curl`."""

from __future__ import annotations

import os

from knlab.embedded.programs.box.http_client import Answer, Url, request
from knlab.embedded.programs.box.network import UnknownHost, address, resolve
from knlab.embedded.programs.box.options import Options, read_options
from knlab.embedded.programs.box.world import Failure, World, encoded, put, say

_MOST_REDIRECTIONS = 5
_REDIRECTIONS = frozenset({301, 302, 303, 307, 308})
_RESOLVE, _CONNECT, _HTTP_ERROR, _TIMED_OUT, _EMPTY = 6, 7, 22, 28, 52
"""curl's exit codes."""


def wget(world: World, argv: list[str]) -> int:
    """Fetch a URL into a file, or with `-O -` to standard output, as busybox's does."""
    long = {"spider": "Z", "quiet": "q", "output-document": "O", "timeout": "T", "header": "H",
            "server-response": "S", "post-data": "D", "user-agent": "U",
            "no-check-certificate": "N", "tries": "t"}  # fmt: skip
    headers = [word.partition("=")[2] for word in argv if word.startswith("--header=")]
    options = read_options(argv, "qScZN", "OTUDHtPY", long)
    if len(options.rest) != 1:
        raise Failure("usage: wget [-cqS] [--spider] [-O FILE] [-T SEC] URL")
    headers += [f"User-Agent: {options.values.get('U', 'Wget')}"]
    url = Url(options.rest[0])
    try:
        return _fetch(world, url, options, headers)
    except TimeoutError:
        raise Failure("download timed out") from None


def _fetch(world: World, url: Url, options: Options, headers: list[str]) -> int:
    data = encoded(options.values.get("D", ""))
    for _ in range(_MOST_REDIRECTIONS):
        ip = address(world, url.host)
        _tell(options, f"Connecting to {url.authority} ({ip}:{url.port})")
        try:
            answer = request(
                world, url, ip, method="POST" if data else "GET", headers=headers, body=data,
                timeout=float(options.number("T", 900)),
            )  # fmt: skip
        except ConnectionRefusedError as refused:
            raise Failure(f"can't connect to remote host ({ip}): {refused.strerror}") from None
        except ConnectionResetError:
            raise Failure("error getting response: Connection reset by peer") from None
        if options.has("S"):
            put("".join(f"  {line}\n" for line in answer.head), 2)
        if answer.status in _REDIRECTIONS and "location" in answer.fields:
            url = url.followed(answer.fields["location"])
            continue
        if not 200 <= answer.status < 300:
            raise Failure(f"server returned error: {answer.head[0]}")
        return _save(world, url, options, answer)
    raise Failure("too many redirections")


def _tell(options: Options, text: str) -> None:
    if not options.has("q"):
        say(text)


def _save(world: World, url: Url, options: Options, answer: Answer) -> int:
    if options.has("Z"):
        _tell(options, "remote file exists")
        return 0
    name = options.values.get("O") or url.path.partition("?")[0].rpartition("/")[2] or "index.html"
    target = 1
    if name != "-":
        how = os.O_TRUNC if "O" in options.values else os.O_EXCL
        try:
            target = world.files.open(name, os.O_WRONLY | os.O_CREAT | how)
        except OSError as problem:
            raise Failure(f"can't open '{name}': {problem.strerror}") from None
    _tell(options, "writing to stdout" if name == "-" else f"saving to '{name}'")
    size = 0
    for piece in answer.body():
        put(piece, target)
        size += len(piece)
    _tell(options, f"{name[:20]:<20} 100% |{'*' * 32}| {size:5}  0:00:00 ETA")
    _tell(options, "written to stdout" if name == "-" else f"'{name}' saved")
    return 0


def curl(world: World, argv: list[str]) -> int:
    """Print what a URL answers: -s -S -i -I -v -f -L -o -w -H -X -d -m -A -k are known."""
    long = {"silent": "s", "show-error": "S", "include": "i", "head": "I", "verbose": "v",
            "fail": "f", "location": "L", "output": "o", "write-out": "w", "header": "H",
            "request": "X", "data": "d", "max-time": "m", "user-agent": "A", "insecure": "k",
            "connect-timeout": "m"}  # fmt: skip
    headers = _repeated(argv, "-H", "--header")
    options = read_options(argv, "sSiIvfLk", "owHXdmA", long)
    if not options.rest:
        raise Failure("no URL specified", 2)
    headers += [f"User-Agent: {options.values.get('A', 'curl/8 (knlab stand-in)')}", "Accept: */*"]
    status = 0
    for text in options.rest:
        status = _curl(world, Url(text), options, headers)
    return status


def _repeated(argv: list[str], *names: str) -> list[str]:
    return [argv[at + 1] for at, word in enumerate(argv[:-1]) if word in names]


def _curl(world: World, url: Url, options: Options, headers: list[str]) -> int:
    for _ in range(_MOST_REDIRECTIONS):
        try:
            answer = _asked(world, url, options, headers)
        except UnknownHost:
            return _sorry(options, _RESOLVE, f"Could not resolve host: {url.host}")
        except ConnectionRefusedError:
            why = f"Failed to connect to {url.host} port {url.port} after 0 ms: Couldn't connect"
            return _sorry(options, _CONNECT, f"{why} to server")
        except TimeoutError:
            limit = float(options.number("m", 0)) * 1000
            return _sorry(
                options, _TIMED_OUT, f"Operation timed out after {limit:.0f} milliseconds"
            )
        except OSError:
            return _sorry(options, _EMPTY, "Empty reply from server")
        follows = options.has("L") and answer.status in _REDIRECTIONS
        if not follows or "location" not in answer.fields:
            break
        url = url.followed(answer.fields["location"])
    return _shown(world, options, answer)


def _asked(world: World, url: Url, options: Options, headers: list[str]) -> Answer:
    body = encoded(options.values.get("d", ""))
    method = "HEAD" if options.has("I") else "POST" if body else "GET"
    if body:
        headers = [*headers, "Content-Type: application/x-www-form-urlencoded"]
    ip = resolve(world, url.host)[1][0]
    if options.has("v"):
        say(f"* Connected to {url.host} ({ip}) port {url.port}\n> {method} {url.path} HTTP/1.1")
    limit = float(options.number("m", 0)) or None
    method = options.values.get("X", method)
    return request(world, url, ip, method=method, headers=headers, body=body, timeout=limit)


def _shown(world: World, options: Options, answer: Answer) -> int:
    if options.has("f") and answer.status >= 400:
        why = f"The requested URL returned error: {answer.status}"
        return _sorry(options, _HTTP_ERROR, why)
    if options.has("v"):
        put("".join(f"< {line}\n" for line in answer.head), 2)
    name = options.values.get("o", "-")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    target = 1 if name == "-" else world.files.open(name, flags)
    if options.has("i", "I"):
        put("".join(f"{line}\r\n" for line in [*answer.head, ""]), target)
    size = 0
    for piece in () if options.has("I") else answer.body():
        put(piece, target)
        size += len(piece)
    text = options.values.get("w", "").replace("\\n", "\n").replace("\\t", "\t")
    known = {"%{http_code}": answer.status, "%{response_code}": answer.status,
             "%{size_download}": size}  # fmt: skip
    for variable, value in known.items():
        text = text.replace(variable, str(value))
    put(text)
    return 0


def _sorry(options: Options, code: int, text: str) -> int:
    if not options.has("s") or options.has("S"):
        say(f"curl: ({code}) {text}")
    return code

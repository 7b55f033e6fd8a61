"""Random requests: most are good HTTP with a bad object, the others are bad in every other way."""

from __future__ import annotations

import gzip
import json
import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import quote

from benchmarks.fuzz.samples import NAMESPACE, SAMPLES, Sample
from benchmarks.fuzz.values import json_patch, mutated

Ending = Literal["wait", "half-close", "close"]
"""After sending: wait for the answer, say that nothing follows and wait, or just hang up."""

_JSON: Final = "application/json"
_PATCHES: Final = (
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
)
_TYPES: Final = (
    "", "text/plain", "application/xml", "application/vnd.kubernetes.protobuf", "application/yaml",
    "application/json; charset=utf-16", "multipart/form-data", ";;;", "a" * 500, "application/JSON",
    "application/cbor", "application/apply-patch+cbor",
)  # fmt: skip
_NAMES: Final = ("f", "g", "kube-root-ca.crt", "none")
_SUBRESOURCES: Final = (
    "status", "scale", "log", "exec", "attach", "portforward", "eviction", "binding", "token",
    "proxy", "finalize", "ephemeralcontainers", "x", "status/x", "log/..", "proxy/a/b",
)  # fmt: skip
_SPACE: Final = f"/api/v1/namespaces/{NAMESPACE}"
_MAY: Final = {"user": "a", "groups": ["b"], "resourceAttributes": {"verb": "get"}}
_ACTIONS: Final[tuple[tuple[str, str, dict[str, Any]], ...]] = (
    (
        "POST", f"{_SPACE}/pods/f/eviction",
        {"metadata": {"name": "f"}, "deleteOptions": {"preconditions": {"uid": "x"}}},
    ),
    (
        "POST", f"{_SPACE}/pods/f/binding",
        {"metadata": {"name": "f"}, "target": {"kind": "Node", "name": "n"}},
    ),
    ("POST", f"{_SPACE}/bindings", {"metadata": {"name": "g"}, "target": {"name": "n"}}),
    (
        "POST", f"{_SPACE}/serviceaccounts/default/token",
        {"spec": {"expirationSeconds": 700, "audiences": ["a"], "boundObjectRef": {"kind": "Pod"}}},
    ),
    ("PUT", f"{_SPACE}/finalize", {"metadata": {"name": NAMESPACE}, "spec": {"finalizers": ["a"]}}),
    ("POST", "/apis/authentication.k8s.io/v1/tokenreviews", {"spec": {"token": "a.b.c"}}),
    ("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {"metadata": {}}),
    ("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", {"spec": _MAY}),
    ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {"spec": _MAY}),
    (
        "POST", f"/apis/authorization.k8s.io/v1/namespaces/{NAMESPACE}/localsubjectaccessreviews",
        {"spec": _MAY},
    ),
    ("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", {"spec": {"namespace": "a"}}),
)  # fmt: skip
"""Requests about bodies that nobody stores: method, path and a good body."""
_METHODS: Final = (
    "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "BREW", "get",
    "PROPFIND",
)  # fmt: skip
_ODD_TEXTS: Final = (
    "", "0", "-1", "1.5", "abc", "99999999999999999999", "true", "1", "True", "%00", "%ff", "a,b",
    "a in (", "=", "!!", "a>b", "a in (b,c),!d", "metadata.name=f", "spec.x=1", "x" * 2000, "All",
    "Strict", "Nothing", "null", "%0d%0aX:1", "..", "2001-01-01T00:00:00Z",
    "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MX0", "Foreground", "\u00e9",
)  # fmt: skip
_PARAMETERS: Final = (
    "limit", "continue", "resourceVersion", "resourceVersionMatch", "labelSelector",
    "fieldSelector", "timeoutSeconds", "dryRun", "fieldManager", "fieldValidation", "force",
    "pretty", "includeObject", "gracePeriodSeconds", "propagationPolicy", "orphanDependents",
    "sendInitialEvents", "timeout", "allowWatchBookmarks", "container", "tailLines", "sinceSeconds",
    "sinceTime", "limitBytes", "previous", "command", "stdout", "ports", "verbose", "exclude",
    "hash", "unknown",
)  # fmt: skip
_PATHS: Final = (
    "/", "//", "/api", "/apis", "/api/", "/api//v1", "/api/v1/../../etc/passwd",
    "/api/v1/%2e%2e/%2e%2e/etc/passwd", "/api/v1/namespaces/../pods", "/api/v1/namespaces//pods",
    "/api/v1/namespaces/%00/pods", "/api/v1/pods/%ff%fe", "/api/v2/pods", "/apis/apps",
    "/apis/apps/v1/", "/apis/apps/v9/deployments", "/apis/..", "/apis/%2f/v1", "/openapi/v2",
    "/openapi/v3", "/openapi/v3/", "/openapi/v3/apis/apps/v1?hash=x", "/openapi/v3/../v2",
    "/version", "/healthz/x", "/livez?verbose", "/readyz/ping", "/metrics", "/logs/",
    "/debug/pprof", "/%", "/%zz", "/api/v1/%u0041", "/api/v1/watch", "/api/v1/watch/pods/x/y/z",
    "/api/v1/watch/namespaces/fuzz", "/api/v1/namespaces/a/b/c/d/e/f/g/h",
    "http://other.example/api/v1/pods", "*", "/" + "a" * 9000, "/api/v1/namespaces/" + "b" * 3000,
    "/api/v1/pods;x=1", "/api/v1/pods#fragment", "/api/v1?watch=true",
    "/api/v1/nodes/x/proxy/etc/passwd", "\\..\\..", "/\u00e9", "/.well-known/openid-configuration",
    "/favicon.ico", "/api/v1/namespaces/fuzz/pods/f/log?follow=true",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to send."""

    label: str
    raw: bytes
    """What goes on the wire; `{authorization}` and `{host}` stand for the server's."""
    ending: Ending = "wait"
    is_http: bool = True
    """Whether a server must understand it: if not, it may hang up without an answer."""
    streams: bool = False
    """Whether the answer may go on for ever: its head is enough."""


def cases(seed: int, count: int) -> Iterator[Case]:
    """`count` cases, the same for the same seed."""
    rng = random.Random(seed)
    makers, weights = zip(*_MAKERS, strict=True)
    for _ in range(count):
        yield rng.choices(makers, weights)[0](rng)


def _request(
    method: str, target: str, body: bytes = b"", media_type: str = _JSON, *extra: str
) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: {host}", "Authorization: {authorization}"]
    lines += [f"Content-Type: {media_type}"] if media_type else []
    lines += [f"Content-Length: {len(body)}", *extra, "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + body


def _encoded(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _query(rng: random.Random, count: int, *, dry: bool = False) -> str:
    chosen = [(rng.choice(_PARAMETERS), rng.choice(_ODD_TEXTS)) for _ in range(count)]
    pairs = [f"{name}={value if '%' in value else quote(value)}" for name, value in chosen]
    pairs += ["dryRun=All"] if dry else []
    return "?" + "&".join(pairs) if pairs else ""


def _object(rng: random.Random) -> tuple[Sample, dict[str, Any]]:
    sample = rng.choice(SAMPLES)
    return sample, mutated(
        sample.named(rng.choice(_NAMES)), rng, changes=rng.choice((0, 1, 1, 1, 2, 4))
    )


def _bad_create(rng: random.Random) -> Case:
    sample, obj = _object(rng)
    query = _query(rng, rng.choice((0, 0, 0, 1)), dry=not sample.keep or rng.random() < 0.3)
    return Case("create", _request("POST", sample.collection + query, _encoded(obj)))


def _bad_update(rng: random.Random) -> Case:
    sample, obj = _object(rng)
    part = rng.choice(("", "", "/status", "/scale"))
    query = _query(rng, 0, dry=not sample.keep)
    path = f"{sample.collection}/{rng.choice(_NAMES)}{part}{query}"
    return Case("update", _request("PUT", path, _encoded(obj)))


def _bad_patch(rng: random.Random) -> Case:
    sample, obj = _object(rng)
    media_type = rng.choice(_PATCHES)
    body = json_patch(rng) if media_type == _PATCHES[0] and rng.random() < 0.9 else obj
    manager = f"fieldManager=m{rng.randrange(12)}" if rng.random() < 0.8 else ""
    force = f"force={rng.choice(('true', 'false', '1', 'x'))}" if rng.random() < 0.5 else ""
    dry = "" if sample.keep else "dryRun=All"
    query = "&".join(filter(None, (manager, force, dry)))
    part = rng.choice(("", "", "", "/status", "/scale"))
    path = f"{sample.collection}/{rng.choice(_NAMES)}{part}?{query}"
    return Case("patch", _request("PATCH", path, _encoded(body), media_type))


def _bad_delete(rng: random.Random) -> Case:
    sample = rng.choice([each for each in SAMPLES if each.namespaced])
    options = {"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0,
               "propagationPolicy": "Background", "preconditions": {"uid": "x"}}  # fmt: skip
    body = _encoded(mutated(options, rng, changes=2)) if rng.random() < 0.7 else b""
    path = f"{sample.collection}/{rng.choice(_NAMES)}" + _query(rng, rng.choice((0, 1)))
    return Case("delete", _request("DELETE", path, body))


def _bad_action(rng: random.Random) -> Case:
    method, path, good = rng.choice(_ACTIONS)
    body = mutated(good, rng, changes=rng.choice((1, 1, 2, 4)))
    query = _query(rng, rng.choice((0, 0, 1)), dry=True)
    return Case("action", _request(method, path + query, _encoded(body)))


def _odd_query(rng: random.Random) -> Case:
    sample = rng.choice(SAMPLES)
    name = rng.choice(("", "", f"/{rng.choice(_NAMES)}"))
    watch = rng.random() < 0.25
    query = _query(rng, rng.choice((1, 2, 3))) + ("&watch=true&timeoutSeconds=1" if watch else "")
    accept = rng.choice((
        _JSON, "*/*", "application/json;as=Table;v=v1;g=meta.k8s.io", "application/yaml",
        "text/html", "application/json;as=Nothing", "application/json;q=x", ";",
        "application/vnd.kubernetes.protobuf",
        "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1", "a/b;" * 200,
    ))  # fmt: skip
    raw = _request("GET", sample.collection + name + query, b"", "", f"Accept: {accept}")
    return Case("query", raw, streams=watch)


def _odd_path(rng: random.Random) -> Case:
    path = rng.choice(_PATHS)
    if rng.random() < 0.3:
        sample = rng.choice(SAMPLES)
        path = f"{sample.collection}/{rng.choice(_NAMES)}/{rng.choice(_SUBRESOURCES)}"
        path += _query(rng, rng.choice((0, 2)))
    method = rng.choice(_METHODS) if rng.random() < 0.5 else "GET"
    body = b"{}" if method in {"POST", "PUT", "PATCH"} else b""
    return Case(
        "path",
        _request(method, path, body),
        is_http=path.startswith("/"),
        streams="log" in path or "/watch/" in path,
    )


def _odd_body(rng: random.Random) -> Case:
    sample = rng.choice(SAMPLES)
    good = _encoded(sample.named("f"))
    cut = rng.randrange(len(good))
    flipped = bytearray(good)
    flipped[cut] ^= 1 << rng.randrange(8)
    body = rng.choice((
        b"", b"null", b"[]", b"3", b'"x"', b"{", b"\xff\xfe", b"{}" * 2, good[:cut], bytes(flipped),
        b"[" * 100_000, b'{"a":' * 5000, b'{"metadata":{"name":"\\ud800"}}', b'{"a":NaN}',
        b'{"a":1e999}', b"\x00" * 10, b'{"kind":"ConfigMap","kind":"Pod"}',
        good.replace(b'"name"', b'"name":"x","name"'), gzip.compress(good), b"\xef\xbb\xbf" + good,
        b" " * 100_000 + good,
    ))  # fmt: skip
    extra = ("Content-Encoding: gzip",) if rng.random() < 0.1 else ()
    return Case("body", _request("POST", sample.collection + "?dryRun=All", body, _JSON, *extra))


def _odd_type(rng: random.Random) -> Case:
    sample, obj = _object(rng)
    method = rng.choice(("POST", "PUT", "PATCH", "DELETE"))
    name = "" if method == "POST" else "/f"
    raw = _request(
        method, f"{sample.collection}{name}?dryRun=All", _encoded(obj), rng.choice(_TYPES)
    )
    return Case("type", raw)


def _odd_yaml(rng: random.Random) -> Case:
    bomb = b"a: &a [x,x,x,x,x,x,x,x]\n" + b"".join(
        b"%c: &%c [%s]\n" % (98 + i, 98 + i, b",".join([b"*%c" % (97 + i)] * 9)) for i in range(9)
    )
    body = rng.choice((
        bomb, b"a: b: c", b"\t", b"- x", b"? [a, b]\n: c", b"!!python/object/apply:os.system ['x']",
        b"a: *b", b"<<: {a: 1}\nkind: ConfigMap", b"a: 2001-01-01", b"---\na: 1\n---\nb: 2",
        b"%YAML 9.9\n---\n", b"{" * 3000, b"a: 0o17\nb: 0x1F\nc: .inf\nd: ~\n1: 2\ntrue: 3\n",
        b"kind: ConfigMap\nmetadata: {name: y}\ndata: {a: 1}", b"a: " + b"- " * 5000, b"kind: \xff",
        b"x: '" + b"y" * 50_000,
    ))  # fmt: skip
    media_type = rng.choice(("application/yaml", "application/apply-patch+yaml"))
    path = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
    if media_type.startswith("application/apply"):
        return Case("yaml", _request("PATCH", f"{path}/y?fieldManager=m", body, media_type))
    return Case("yaml", _request("POST", path, body, media_type))


def _odd_protobuf(rng: random.Random) -> Case:
    inner = rng.randbytes(rng.choice((0, 3, 40, 400)))
    kind = rng.choice((b"ConfigMap", b"Pod", b"Namespace", b"Nothing", b"DeleteOptions"))
    meta = b"\x0a\x02v1\x12" + bytes([len(kind)]) + kind
    framed = b"\x0a" + bytes([len(meta)]) + meta + b"\x12" + _varint(len(inner)) + inner
    whole = b"k8s\x00" + framed
    body = rng.choice((whole, whole[: rng.randrange(len(whole))], b"k8s\x00", b"", inner,
        b"k8s\x00" + b"\xff" * 20,
                       b"k8s\x00\x12" + _varint(2**40), b"k8s\x00" + struct.pack("<Q",
                       2**63)))  # fmt: skip
    media_type = "application/vnd.kubernetes.protobuf"
    method, name = rng.choice((("POST", ""), ("DELETE", "/f"), ("PUT", "/f")))
    path = f"/api/v1/namespaces/{NAMESPACE}/configmaps{name}"
    return Case("protobuf", _request(method, path, body, media_type))


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes((*out, number))


def _odd_headers(rng: random.Random) -> Case:
    get = "GET /api/v1 HTTP/1.1\r\nHost: {host}\r\nAuthorization: {authorization}\r\n"
    line = rng.choice((
        "Host: evil.example", "Origin: https://evil.example", "Origin: null", "Content-Length: -1",
        "X: " + "y" * 20_000, "Content-Length: abc", "Content-Length: 5\r\nContent-Length: 6",
        "Transfer-Encoding: gzip", "no colon here",
        "Transfer-Encoding: chunked\r\nContent-Length: 3", " folded: header", "X\x00: y",
        "X: \x01\x02", ": empty", "Expect: 100-continue", "Expect: nonsense",
        "Connection: Upgrade\r\nUpgrade: websocket", "Connection: Upgrade\r\nUpgrade: SPDY/3.1",
        "Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA", "Authorization: Basic eDp5",
        "Authorization: Bearer", "Authorization: Bearer \xff", "Cookie: " + "a=b;" * 3000,
        "Accept-Encoding: gzip, br;q=x", "If-None-Match: *", "Range: bytes=0-1",
        "X-Forwarded-Host: evil.example", "\r\n".join(f"H{i}: {i}" for i in range(500)),
        "Impersonate-User: root", "X-Stream-Protocol-Version: v4",
    ))  # fmt: skip
    return Case("headers", f"{get}{line}\r\n\r\n".encode("latin-1"), is_http=False)


def _odd_upgrade(rng: random.Random) -> Case:
    pod = f"/api/v1/namespaces/{NAMESPACE}/pods/{rng.choice(_NAMES)}"
    path = pod + rng.choice(
        (
            "/exec?command=ls&stdout=true",
            "/portforward?ports=80",
            "/attach?stdout=1",
            "/exec",
            "/log",
        )
    )
    protocol = rng.choice(
        ("v5.channel.k8s.io", "v4.channel.k8s.io", "SPDY/3.1+portforward.k8s.io", "x", "", ",")
    )
    websocket = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                 "Sec-WebSocket-Key: " + rng.choice(("dGhlIHNhbXBsZSBub25jZQ==", "x", "")),
                 f"Sec-WebSocket-Protocol: {protocol}")  # fmt: skip
    spdy = ("Connection: Upgrade", "Upgrade: SPDY/3.1", f"X-Stream-Protocol-Version: {protocol}")
    headers = rng.choice((websocket, websocket[:3], spdy, spdy[:2]))
    raw = _request(rng.choice(("GET", "POST")), path, b"", "", *headers)
    return Case(
        "upgrade", raw + rng.randbytes(rng.choice((0, 0, 1, 200))), is_http=False, streams=True
    )


def _broken(rng: random.Random) -> Case:
    sample, obj = _object(rng)
    whole = _request("POST", sample.collection + "?dryRun=All", _encoded(obj))
    chunked = _request("POST", sample.collection, b"", _JSON, "Transfer-Encoding: chunked").replace(
        b"Content-Length: 0\r\n", b""
    )
    raw = rng.choice((
        whole[: rng.randrange(len(whole))], chunked + b"zz\r\n{}\r\n",
        chunked + b"ffffffffffffffff\r\n", chunked + b"2\r\n{}", rng.randbytes(200),
        b"\r\n\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"G" * 20_000, whole + b"garbage after it",
    ))  # fmt: skip
    return Case("broken", raw, rng.choice(("half-close", "close")), is_http=False)


def _large(rng: random.Random) -> Case:
    size = rng.choice((3 * 1024 * 1024 + 1, 10 * 1024 * 1024))
    body = _encoded({"kind": "ConfigMap", "metadata": {"name": "big"}, "data": {"a": "x" * size}})
    return Case(
        "large", _request("POST", f"/api/v1/namespaces/{NAMESPACE}/configmaps", body), is_http=False
    )


_MAKERS: Final[tuple[tuple[Callable[[random.Random], Case], float], ...]] = (
    (_bad_create, 28), (_bad_action, 8), (_bad_update, 10), (_bad_patch, 20), (_bad_delete, 3),
    (_odd_query, 8), (_odd_path, 8), (_odd_body, 6), (_odd_type, 4), (_odd_yaml, 3),
    (_odd_protobuf, 4), (_odd_headers, 4), (_odd_upgrade, 3), (_broken, 4), (_large, 0.1),
)  # fmt: skip

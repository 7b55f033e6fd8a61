"""Knative's own headers, and answers as Go's servers write them. Names are in lower case."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from knlab.embedded.net.http import Address, Header, Request, Response

REVISION: Final = b"knative-serving-revision"
NAMESPACE: Final = b"knative-serving-namespace"
TAG: Final = b"knative-serving-tag"
DEFAULT_ROUTE: Final = b"knative-serving-default-route"
PROBE: Final = b"k-network-probe"
PROBE_HASH: Final = b"k-network-hash"
PROXY: Final = b"k-proxy-request"
ORIGINAL_HOST: Final = b"k-original-host"
KUBELET_PROBE: Final = b"k-kubelet-probe"

KUBE_PROBE_AGENT: Final = b"kube-probe/"
ACTIVATOR_PROBE_AGENT: Final = b"Knative-Activator-Probe"
AUTOSCALING_PROBE_AGENT: Final = b"Knative-Autoscaling-Probe"

CLUSTER_DOMAIN: Final = b"cluster.local"
ACTIVATOR: Final = b"activator"
QUEUE: Final = b"queue"

QUEUE_PORT: Final = 8012
QUEUE_H2C_PORT: Final = 8013
QUEUE_ADMIN_PORT: Final = 8022
QUEUE_STATS_PORT: Final = 9090

_PLAIN_TEXT: Final[Header] = (b"content-type", b"text/plain; charset=utf-8")


def http_error(status: int, text: str) -> Response:
    """An error as Go's `http.Error` writes it: the text and a line end."""
    headers = [_PLAIN_TEXT, (b"x-content-type-options", b"nosniff")]
    return Response(status, headers, f"{text}\n".encode())


def plain(status: int, body: bytes = b"") -> Response:
    """A plain-text answer without a line end; without any type if `body` is empty."""
    return Response(status, [_PLAIN_TEXT] if body else [], body)


def is_kubelet_probe(fields: Mapping[bytes, bytes]) -> bool:
    """Whether the kubelet asks, which is never counted as a request."""
    return fields.get(b"user-agent", b"").startswith(KUBE_PROBE_AGENT) or KUBELET_PROBE in fields


def revision_in(fields: Mapping[bytes, bytes]) -> tuple[str, str]:
    """Namespace and name of the revision that a request is for; empty if it does not say.

    From Knative's headers, else from a host like `<revision>.<namespace>.svc.cluster.local`.
    """
    name, namespace = fields.get(REVISION, b""), fields.get(NAMESPACE, b"")
    if not (name and namespace):
        parts = fields.get(b"host", b"").split(b".", 3)
        if len(parts) == 4 and (parts[2], parts[3].partition(b":")[0]) == (b"svc", CLUSTER_DOMAIN):
            name, namespace = parts[0], parts[1]
    return namespace.decode("latin-1"), name.decode("latin-1")


def network_probe_answer(fields: Mapping[bytes, bytes]) -> Response:
    """The answer to `K-Network-Probe: probe`: the hash of the configuration that led here."""
    digest = fields.get(PROBE_HASH)
    if not digest:
        text = 'a probe request must contain a non-empty "K-Network-Hash" header'
        return http_error(400, text)
    return Response(200, [(PROBE_HASH, digest)])


def transport_error(error: OSError, address: Address) -> str:
    """`error` as Go words it; what a reverse proxy answers with a 502."""
    if isinstance(error, ConnectionRefusedError):
        return f"dial tcp {address[0]}:{address[1]}: connect: connection refused"
    return str(error)


def forwarded_for(request: Request, fields: Mapping[bytes, bytes]) -> Header:
    """The X-Forwarded-For line of a reverse proxy: what came, then whom it came from."""
    came = b""
    if b"x-forwarded-for" in fields:
        lines = (value for name, value in request.headers if name == b"x-forwarded-for")
        came = b", ".join(lines) + b", "
    return b"x-forwarded-for", came + request.peer.encode()


def forwarded(fields: Mapping[bytes, bytes]) -> bytes | None:
    """The Forwarded header that X-Forwarded-For, -Host and -Proto amount to.

    None if there is nothing to make it from, or it is there already.
    """
    if fields.get(b"forwarded"):
        return None
    came_for = fields.get(b"x-forwarded-for", b"")
    host = fields.get(b"x-forwarded-host", b"")
    proto = fields.get(b"x-forwarded-proto", b"")
    if not (came_for or host or proto):
        return None
    nodes = [_node(part.strip()) for part in came_for.removesuffix(b",").split(b",")]
    nodes = nodes if came_for else []
    first = [b"for=" + nodes[0]] if nodes else []
    if host:
        first.append(b"host=" + host)
    if proto:
        first.append(b"proto=" + proto)
    return b", ".join([b";".join(first), *(b"for=" + node for node in nodes[1:])])


def _node(address: bytes) -> bytes:
    return b'"[%b]"' % address if b":" in address else address

"""The `portforward` subresource of pods: connections to a pod's ports over one session.

Three ways, as with Kubernetes 1.34: SPDY/3.1, SPDY/3.1 in a WebSocket, and WebSocket channels, of
which each pair carries exactly one connection.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from knlab.embedded.builtin.controllers.pod_states import is_over
from knlab.embedded.kube.errors import BadRequest
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.paths import Parameters
from knlab.embedded.kube.store import Store
from knlab.embedded.kube.subresources import Subresource, SubresourceRequest
from knlab.embedded.net.channels import PORTS_LIMIT, ChannelSession, Tunnel
from knlab.embedded.net.http import Duplex, Response, text_response
from knlab.embedded.net.joining import SocketEnd, join
from knlab.embedded.net.network import Network
from knlab.embedded.net.spdy_session import SpdySession
from knlab.embedded.net.streams import Forwarding, Session, Stream
from knlab.embedded.net.upgrade import asks_for_spdy, to_spdy, to_websocket
from knlab.embedded.net.websocket import asks_for_websocket, offered_protocols
from knlab.embedded.pods.targets import check_host, find_pod, until_over

_TUNNEL: Final = "SPDY/3.1+portforward.k8s.io"
_SPDY: Final = "portforward.k8s.io"
_CHANNELS: Final = ("v4.channel.k8s.io", "")
_PORT_END: Final = 1 << 16


class PodPortForward:
    """Answers requests to connect to ports of pods."""

    def __init__(self, store: Store, network: Network, residents: Mapping[str, str]) -> None:
        """`residents`: the addresses of the node's pods, by uid; no status is asked."""
        self._store = store
        self._residents = residents
        self._network = network

    @property
    def subresource(self) -> Subresource:
        """What the server needs to serve `pods/portforward`."""
        return Subresource(
            handler=self._answer,
            verbs=("create", "get"),
            kind="PodPortForwardOptions",
        )

    async def _answer(self, asked: SubresourceRequest) -> Response:
        request = asked.request
        pod = find_pod(self._store, asked.namespace, asked.name)
        ports = _ports(asked.parameters)
        check_host(pod)
        if not (asks_for_websocket(request) or asks_for_spdy(request)):
            raise BadRequest("Upgrade request required")
        if is_over(pod):
            key = f"{asked.name}_{asked.namespace}"
            return text_response(500, f'pod not found ("{key}")')

        async def over_spdy(_: str, duplex: Duplex) -> None:
            await self._serve(pod, SpdySession(duplex))

        async def over_tunnel(_: str, duplex: Duplex) -> None:
            await self._serve(pod, SpdySession(Tunnel(duplex)))

        async def over_channels(_: str, duplex: Duplex) -> None:
            await self._serve(pod, ChannelSession(duplex, ports=ports))

        if asks_for_spdy(request):
            return to_spdy(request, (_SPDY,), over_spdy)
        if _TUNNEL in offered_protocols(request):
            return to_websocket(request, (_TUNNEL,), over_tunnel)
        if problem := _port_problem(ports):
            return text_response(400, problem)
        return to_websocket(request, _CHANNELS, over_channels)

    async def _serve(self, pod: Object, session: Session) -> None:
        """Forward connections until the client or the pod goes away, or all are over."""
        with until_over(self._store, pod) as over:
            async with session:
                tasks = [
                    asyncio.create_task(work, name="port-forward")
                    for work in (self._accept(pod, session), session.gone.wait(), over.wait())
                ]
                try:
                    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for task in tasks:
                        task.cancel()
                    await asyncio.wait(tasks)

    async def _accept(self, pod: Object, session: Session) -> bool:
        with suppress(OSError):
            async with asyncio.TaskGroup() as group:
                async for forwarding in session.forwardings():
                    group.create_task(self._forward(pod, forwarding), name="port-forward: one")
        return True

    async def _forward(self, pod: Object, forwarding: Forwarding) -> None:
        data, error = forwarding.data, forwarding.error
        address = (self._residents.get(pod["metadata"]["uid"], ""), forwarding.port)
        try:
            async with self._network.reached(address) as real:
                connection = SocketEnd(*await asyncio.open_connection(*real))
                await _until_broken(data, connection)
        except OSError as refusal:
            with suppress(OSError):
                await error.write(_failure(pod, forwarding.port, refusal).encode())
            await error.finish()
            await data.reset()
        await data.finish()
        await error.finish()


async def _until_broken(data: Stream, connection: SocketEnd) -> None:
    """Carry bytes both ways.

    Returns when the pod has closed the connection or the client has given it up. A client that only
    sends no more still gets the rest; one whose pod sends no more is done, as for kubectl.
    """
    joined = asyncio.create_task(join(data, connection), name="port-forward: joined")
    broken = asyncio.create_task(data.broken.wait(), name="port-forward: broken")
    try:
        await asyncio.wait([joined, broken], return_when=asyncio.FIRST_COMPLETED)
        if joined.done() and joined.exception() is not None:
            await data.reset()
    finally:
        connection.abort()
        for task in (joined, broken):
            task.cancel()
        await asyncio.gather(joined, broken, return_exceptions=True)


def _failure(pod: Object, port: int, refusal: OSError) -> str:
    """What a kubelet with containerd says of a connection that it cannot make.

    A pod on the node's network is the model: ours have no network namespaces either.
    """
    sandbox = hashlib.sha256(pod["metadata"]["uid"].encode()).hexdigest()
    why = "connection refused" if isinstance(refusal, ConnectionRefusedError) else str(refusal)
    return (
        f"error forwarding port {port} to pod {sandbox}, uid : failed to connect to"
        f' localhost:{port} inside namespace "{sandbox}", IPv4: dial tcp4 127.0.0.1:{port}:'
        f" connect: {why}"
    )


def _ports(parameters: Parameters) -> list[int]:
    """The ports in the query; only clients of channels say them there.

    Raises:
        BadRequest: something else than numbers of ports.
    """
    words = [word for text in parameters.texts("ports") for word in text.split(",")]
    for word in words:
        why = "invalid syntax" if not (word.isascii() and word.isdigit()) else ""
        if not why and int(word) >= _PORT_END:
            why = "value out of range"
        if why:
            raise BadRequest(
                f'cannot convert to []int32: strconv.ParseUint: parsing "{word}": {why}'
            )
    return [int(word) for word in words]


def _port_problem(ports: list[int]) -> str:
    """What the kubelet says against `ports`; empty if nothing."""
    if not ports:
        return 'query parameter "port" is required'
    if 0 in ports:
        return 'port "0" must be > 0'
    if len(ports) > PORTS_LIMIT:
        return f"at most {PORTS_LIMIT} ports have room in one WebSocket"
    return ""

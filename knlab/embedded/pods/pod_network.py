"""The door between the containers' built-in commands and the cluster's network: one Unix socket.

A command asks in one line, and is answered in one line (`knlab.embedded.programs.box.network` has
the two questions). What a name or an address means is what it means in the cluster: Services, pods
and the API server. Nothing else of this machine or beyond it can be reached.
"""

from __future__ import annotations

import asyncio
import errno
import os
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from knlab.embedded.builtin.cluster_dns import behind, resolve
from knlab.embedded.builtin.lookup import service_addresses
from knlab.embedded.kube.api import Api
from knlab.embedded.net.http import Address
from knlab.embedded.net.joining import SocketEnd, join
from knlab.embedded.net.network import Network
from knlab.embedded.net.ports import LOOPBACK

_NAME: Final = "network.sock"
_LONGEST_PATH: Final = 100
"""Unix sockets have room for 104 bytes, or a few more."""
_LINE_LIMIT: Final = 4096
_CONNECT_WITHIN: Final = 5.0


@asynccontextmanager
async def pod_network(
    api: Api, network: Network, residents: Mapping[str, str], state_dir: Path
) -> AsyncIterator[Path]:
    """The path of the socket that leads to the network of the cluster while the block runs.

    `residents` are the addresses of the node's pods, by uid; what a status says is not asked.
    """
    with ExitStack() as stack:
        path = _free_path(state_dir, stack)
        door = _Door(api, network, residents)
        before = os.umask(0o177)
        try:
            server = await asyncio.start_unix_server(door.serve, path, limit=_LINE_LIMIT)
        finally:
            os.umask(before)
        stack.callback(path.unlink, missing_ok=True)
        try:
            yield path
        finally:
            server.close()
            await door.close()


def _free_path(state_dir: Path, until_end: ExitStack) -> Path:
    path = state_dir.absolute() / _NAME
    if len(os.fsencode(path)) > _LONGEST_PATH:
        folder = until_end.enter_context(tempfile.TemporaryDirectory(prefix="knlab-"))
        path = Path(folder) / _NAME
    path.unlink(missing_ok=True)
    return path


class _Door:
    def __init__(self, api: Api, network: Network, residents: Mapping[str, str]) -> None:
        self._api, self._network, self._residents = api, network, residents
        self._random = Random()
        self._tasks: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """End every conversation."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one question."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._answer(_Client(reader, writer))
        except (OSError, ValueError, asyncio.CancelledError):
            pass  # the command is gone, or was none of ours, or the door closes
        finally:
            self._tasks.discard(task)
            writer.transport.abort() if writer.is_closing() else writer.close()

    async def _answer(self, client: _Client) -> None:
        words = (await client.reader.readline()).decode("utf-8", "replace").split()
        match words:
            case ["RESOLVE", namespace, name]:
                found = resolve(self._api, namespace, name)
                if found is None:
                    await client.refuse(errno.ENOENT)
                else:
                    await client.tell("OK", found[0], *found[1])
            case ["CONNECT", namespace, source, host, port] if _is_port(port):
                await self._connect(client, namespace, source, (host, int(port)))
            case _:
                await client.refuse(errno.EINVAL)

    async def _connect(self, client: _Client, namespace: str, source: str, to: Address) -> None:
        async with AsyncExitStack() as stack:
            try:
                target = self._target(namespace, source, to)
                real = await stack.enter_async_context(self._network.reached(target))
                far = SocketEnd(*await self._open(real, source))
            except OSError as problem:
                await client.refuse(problem.errno or errno.ECONNREFUSED)
                return
            stack.callback(far.abort)
            await self._join(client, far)

    async def _join(self, client: _Client, far: SocketEnd) -> None:
        """From the `OK` on there are only the two sides' own bytes: what breaks ends both."""
        near = SocketEnd(client.reader, client.writer)
        try:
            await client.tell("OK")
            await join(near, far)
        except OSError:
            near.abort()

    async def _open(
        self, real: Address, source: str
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection that comes from the pod's own address, if this machine has that."""
        async with asyncio.timeout(_CONNECT_WITHIN):
            with suppress(OSError):
                return await asyncio.open_connection(*real, local_addr=(source, 0))
            return await asyncio.open_connection(*real)

    def _target(self, namespace: str, source: str, to: Address) -> Address:
        """Who of the cluster answers at `to`.

        Raises:
            OSError: if nobody does, or `to` is not of the cluster.
        """
        found = resolve(self._api, namespace, to[0])
        if found is None or not found[1]:
            raise OSError(errno.EHOSTUNREACH, os.strerror(errno.EHOSTUNREACH))
        ip, port = found[1][0], to[1]
        addresses = [(source if ip == LOOPBACK else ip, port)]
        if (behind_it := behind(self._api, ip, port)) is not None:
            addresses = behind_it
        if not addresses:
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        target = self._random.choice(addresses)
        if not self._is_of_cluster(target):
            raise OSError(errno.EHOSTUNREACH, os.strerror(errno.EHOSTUNREACH))
        return target

    def _is_of_cluster(self, address: Address) -> bool:
        if self._network.is_local(address):
            return True
        if address in service_addresses(self._api, "default", "kubernetes", "https"):
            return True
        return address[0] in self._residents.values()


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) < 1 << 16


@dataclass(frozen=True, slots=True)
class _Client:
    """A command that has asked."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def tell(self, *words: str) -> None:
        self.writer.write(f"{' '.join(words)}\n".encode())
        await self.writer.drain()

    async def refuse(self, number: int) -> None:
        await self.tell("ERROR", str(number))

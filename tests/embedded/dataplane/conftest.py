"""Fixtures for handlers of the request path: a network without sockets, containers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from knlab._clock import ManualClock
from knlab.embedded.net.http import Address, Request, Response
from knlab.embedded.net.network import Network
from knlab.embedded.runtime import Container


async def nobody(_: Address, __: Request) -> Response:
    raise ConnectionRefusedError


class Containers:
    """Makes containers; remembers what they log."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._logged = asyncio.Event()

    def __call__(self, ip: str, env: Mapping[str, str] | None = None) -> Container:
        name = f"pod-{ip}"
        pod = {"metadata": {"name": name, "namespace": "default"}}
        return Container(pod=pod, name=name, env=env or {}, ip=ip, log=self._log)

    def _log(self, line: str) -> None:
        self.lines.append(line)
        self._logged.set()

    async def logged(self, line: str) -> None:
        """Returns when a container has logged `line`."""
        async with asyncio.timeout(5):
            while line not in self.lines:
                self._logged.clear()
                await self._logged.wait()


@pytest.fixture
def containers() -> Containers:
    return Containers()


@pytest.fixture
def network() -> Network:
    return Network(nobody, own_addresses=False)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()

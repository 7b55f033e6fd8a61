"""How queue-proxy finds out whether the user container is ready (`pkg/queue/readiness`)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from knlab._exceptions import UsageError
from knlab.embedded.net.bodies import close_body
from knlab.embedded.net.http import Address, Header, Request
from knlab.embedded.net.network import Network

ATTEMPT_TIMEOUT: Final = 0.1
RETRY_INTERVAL: Final = 0.05
POLL_TIMEOUT: Final = 10.0
"""Aggressive probing: how long an attempt may take, the pause after it, and how long it goes on."""

QUICK_INTERVAL: Final = 0.005
QUICK_PERIOD: Final = 0.25
"""At first the pause is shorter: containers start a hundred times faster here than elsewhere."""

USER_AGENT: Final[Header] = (b"user-agent", b"kube-probe//")
"""What Go's prober sends: prefix, no major version, slash, no minor version."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One probe of SERVING_READINESS_PROBE: `http` is None for a TCP probe."""

    address: Address
    http: Request | None
    period: float
    timeout: float
    success_threshold: int

    @property
    def aggressive(self) -> bool:
        """Whether to try again and again within one check."""
        return self.period == 0


def decode_probes(text: str, ip: str) -> list[Probe]:
    """The probes in `text`: a Kubernetes probe as JSON, a list of them, or nothing.

    Raises:
        UsageError: if `text` is neither, or asks for a kind of probe that queue-proxy cannot do.
    """
    if not text:
        return []
    try:
        decoded = json.loads(text)
    except ValueError as error:
        raise UsageError(f"SERVING_READINESS_PROBE is not JSON: {text!r}") from error
    return [_decode(item, ip) for item in (decoded if isinstance(decoded, list) else [decoded])]


def _decode(probe: Mapping[str, Any], ip: str) -> Probe:
    http, tcp = probe.get("httpGet"), probe.get("tcpSocket")
    action = http or tcp
    if not action:
        kinds = ", ".join(sorted(set(probe) & {"exec", "grpc"})) or "nothing"
        raise UsageError(
            f"SERVING_READINESS_PROBE asks for {kinds}", hint="use httpGet or tcpSocket"
        )
    if str(action.get("scheme") or "HTTP").upper() != "HTTP":
        raise UsageError("SERVING_READINESS_PROBE asks for HTTPS", hint="use scheme: HTTP")
    host = action.get("host") or ip
    address = (ip if host in {"127.0.0.1", "localhost"} else host, int(action["port"]))
    return Probe(
        address,
        _http_request(http, host) if http else None,
        float(probe.get("periodSeconds") or 0),
        float(probe.get("timeoutSeconds") or 1),
        int(probe.get("successThreshold") or 1),
    )


def _http_request(action: Mapping[str, Any], host: str) -> Request:
    given = [
        (line["name"].lower().encode(), line.get("value", "").encode("latin-1"))
        for line in action.get("httpHeaders") or ()
    ]
    own = [(b"host", f"{host}:{action['port']}".encode()), USER_AGENT]
    names = {name for name, _ in given}
    target = "/" + str(action.get("path") or "").removeprefix("/")
    return Request("GET", target, [line for line in own if line[0] not in names] + given)


class Readiness:
    """Probes a user container; checks that overlap share one result."""

    def __init__(self, probes: list[Probe], network: Network, log: Callable[[str], None]) -> None:
        self._probes = [(probe, _Successes(probe.success_threshold)) for probe in probes]
        self._network = network
        self._log = log
        self._running: asyncio.Task[bool] | None = None

    async def check(self) -> bool:
        """Whether every probe succeeds."""
        if not self._probes:
            return True
        if self._running is None:
            self._running = asyncio.create_task(self._check_all(), name="readiness probe")
            self._running.add_done_callback(self._forget)
        return await asyncio.shield(self._running)

    def _forget(self, _: asyncio.Task[bool]) -> None:
        self._running = None

    async def close(self) -> None:
        """End a check that still runs."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])

    async def _check_all(self) -> bool:
        checks = (self._check(probe, count) for probe, count in self._probes)
        return all(await asyncio.gather(*checks))

    async def _check(self, probe: Probe, successes: _Successes) -> bool:
        if probe.aggressive:
            return await self._check_aggressively(probe, successes)
        try:
            await self._attempt(probe, probe.timeout)
        except OSError as error:
            self._log(str(error))
            return False
        return True

    async def _check_aggressively(self, probe: Probe, successes: _Successes) -> bool:
        loop = asyncio.get_running_loop()
        begin = loop.time()
        failures, last = 0, ""
        while (elapsed := loop.time() - begin) < POLL_TIMEOUT:
            try:
                await self._attempt(probe, ATTEMPT_TIMEOUT)
            except OSError as error:
                failures, last = failures + 1, str(error)
                successes.reset()
            else:
                if successes.enough():
                    return True
            await asyncio.sleep(QUICK_INTERVAL if elapsed < QUICK_PERIOD else RETRY_INTERVAL)
        self._log(f"aggressive probe error (failed {failures} times): {last}")
        return False

    async def _attempt(self, probe: Probe, patience: float) -> None:
        """Returns if the container answers as it should.

        Raises:
            OSError: if it does not.
        """
        async with asyncio.timeout(patience):
            if probe.http is None:
                await self._network.knock(probe.address)
            else:
                await self._get(probe.address, probe.http)

    async def _get(self, address: Address, request: Request) -> None:
        copy = Request(request.method, request.target, list(request.headers))
        response = await self._network.call(address, copy)
        await close_body(response.body)
        if not 200 <= response.status < 400:
            text = f"HTTP probe did not respond Ready, got status code: {response.status}"
            raise ConnectionError(text)


class _Successes:
    """Successes in a row; they add up over several checks, any failure resets them."""

    def __init__(self, threshold: int) -> None:
        self._threshold = threshold
        self._count = 0

    def reset(self) -> None:
        self._count = 0

    def enough(self) -> bool:
        """Count one more; whether there are enough now."""
        self._count += 1
        return self._count >= self._threshold

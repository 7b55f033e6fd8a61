"""How queue-proxy finds out whether the user container is ready (`pkg/queue/readiness`)."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from knlab._exceptions import UsageError
from knlab.embedded.dataplane.headers import transport_error
from knlab.embedded.net.bodies import close_body
from knlab.embedded.net.grpc_health import (
    OK,
    SERVING,
    UNAVAILABLE,
    UNIMPLEMENTED,
    Health,
    check_health,
)
from knlab.embedded.net.http import Address, Header, Request, Response
from knlab.embedded.net.network import Network
from knlab.embedded.net.tls import careful_client

ATTEMPT_TIMEOUT: Final = 0.1
RETRY_INTERVAL: Final = 0.05
POLL_TIMEOUT: Final = 10.0
"""Aggressive probing: how long an attempt may take, the pause after it, and how long it goes on."""

QUICK_INTERVAL: Final = 0.005
QUICK_PERIOD: Final = 0.25
"""At first the pause is shorter: containers start a hundred times faster here than elsewhere."""

USER_AGENT: Final[Header] = (b"user-agent", b"kube-probe//")
"""What Go's prober sends: prefix, no major version, slash, no minor version."""

_NO_HEALTH_PROTOCOL: Final = (
    "this server does not implement the grpc health protocol (grpc.health.v1.Health)"
)


@dataclass(frozen=True, slots=True)
class Get:
    """An HTTP probe; `own` are the headers that it asks for."""

    target: str
    host: str
    own: tuple[Header, ...] = ()
    secured: bool = False

    def request(self, *, http2: bool, own: bool = True) -> Request:
        """The request to send."""
        names = {name for name, _ in self.own} if own else set()
        headers = [(b"host", self.host.encode()), USER_AGENT]
        headers = [line for line in headers if line[0] not in names]
        return Request("GET", self.target, headers + list(self.own if own else ()), http2=http2)


@dataclass(frozen=True, slots=True)
class CheckHealth:
    """A gRPC probe of one service; empty is the server as a whole."""

    service: str


@dataclass(frozen=True, slots=True)
class Probe:
    """One probe of SERVING_READINESS_PROBE; without an action whoever accepts is ready."""

    address: Address
    action: Get | CheckHealth | None
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
    http, grpc = probe.get("httpGet"), probe.get("grpc")
    action = http or probe.get("tcpSocket") or grpc
    if not action:
        kind = "exec" if "exec" in probe else "nothing"
        raise UsageError(
            f"SERVING_READINESS_PROBE asks for {kind}", hint="use httpGet, tcpSocket or grpc"
        )
    host = action.get("host") or ip
    address = (ip if host in {"127.0.0.1", "localhost"} else host, int(action["port"]))
    asked = _get(http, host) if http else CheckHealth(grpc.get("service") or "") if grpc else None
    return Probe(
        address,
        asked,
        float(probe.get("periodSeconds") or 0),
        float(probe.get("timeoutSeconds") or 1),
        int(probe.get("successThreshold") or 1),
    )


def _get(action: Mapping[str, Any], host: str) -> Get:
    own = (
        (line["name"].lower().encode(), line.get("value", "").encode("latin-1"))
        for line in action.get("httpHeaders") or ()
    )
    target = "/" + str(action.get("path") or "").removeprefix("/")
    secured = str(action.get("scheme") or "").upper() == "HTTPS"
    return Get(target, f"{host}:{action['port']}", tuple(own), secured)


class Readiness:
    """Probes a user container; checks that overlap share one result."""

    def __init__(
        self,
        probes: list[Probe],
        network: Network,
        log: Callable[[str], None],
        *,
        detects_http2: bool = False,
    ) -> None:
        self._probes = [(probe, _Successes(probe.success_threshold)) for probe in probes]
        self._network = network
        self._log = log
        self._detects_http2 = detects_http2
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
        match probe.action:
            case Get() as get:
                async with asyncio.timeout(patience):
                    await self._get(probe.address, get)
            case CheckHealth(service):
                await self._check_health(probe.address, service, patience)
            case None:
                async with asyncio.timeout(patience):
                    await self._network.knock(probe.address)

    async def _get(self, address: Address, get: Get) -> None:
        if not self._detects_http2:
            await self._expect_success(address, get, get.request(http2=False))
            return
        try:
            await self._expect_success(address, get, get.request(http2=True, own=False))
        except OSError:
            await self._expect_success(address, get, get.request(http2=False, own=False))
        else:
            await self._expect_success(address, get, get.request(http2=True))

    async def _expect_success(self, address: Address, get: Get, request: Request) -> None:
        if get.secured:
            response = await self._secured(address, request)
        else:
            response = await self._network.call(address, request)
        await close_body(response.body)
        if not 200 <= response.status < 400:
            text = f"HTTP probe did not respond Ready, got status code: {response.status}"
            raise ConnectionError(text)

    async def _secured(self, address: Address, request: Request) -> Response:
        try:
            return await self._network.call_secured(address, request, careful_client())
        except ssl.SSLCertVerificationError as error:
            text = f"tls: failed to verify certificate: x509: {error.verify_message}"
            raise ConnectionError(text) from error

    async def _check_health(self, address: Address, service: str, patience: float) -> None:
        host = f"127.0.0.1:{address[1]}"
        call = partial(self._network.call, address)
        try:
            async with asyncio.timeout(patience):
                health = await check_health(call, service, host, USER_AGENT[1].decode())
        except TimeoutError:
            shown = f"{patience:g}s" if patience >= 1 else f"{patience * 1000:g}ms"
            text = "rpc error: code = DeadlineExceeded desc = context deadline exceeded"
            raise TimeoutError(f"health rpc did not complete within {shown}: {text}") from None
        except OSError as error:
            text = transport_error(error, ("127.0.0.1", address[1]))
            if isinstance(error, ConnectionRefusedError):
                text = f'connection error: desc = "transport: Error while dialing: {text}"'
            health = Health(code=UNAVAILABLE, text=text)
        if health.code == UNIMPLEMENTED:
            raise ConnectionError(f"{_NO_HEALTH_PROTOCOL} {health.error()}")
        if health.code != OK:
            raise ConnectionError(f"health rpc probe failed: {health.error()}")
        if health.status != SERVING:
            raise ConnectionError(f'service unhealthy (responded with "{health.status}")')


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

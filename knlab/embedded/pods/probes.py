"""Startup, readiness and liveness probes: what to ask, how often, and when a verdict changes."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

from knlab._exceptions import KnlabError
from knlab.embedded.kube.objects import Object
from knlab.embedded.net.grpc_health import OK, SERVING, UNIMPLEMENTED, Health, check_health
from knlab.embedded.net.http import Address, Header, Request, whole_body
from knlab.embedded.net.network import Network
from knlab.embedded.net.tls import trusting_client

USER_AGENT: Final = "kube-probe/1.34"
_FIRST_RETRY: Final = 0.02
_TIMED_OUT: Final = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cadence:
    """When a probe is made and how many results make a verdict; times in seconds."""

    initial_delay: float = 0
    period: float = 10
    timeout: float = 1
    successes: int = 1
    failures: int = 3

    @classmethod
    def of(cls, probe: Object) -> Cadence:
        """What `probe` says, with Kubernetes' defaults."""
        return cls(
            initial_delay=probe.get("initialDelaySeconds") or 0,
            period=probe.get("periodSeconds") or 10,
            timeout=probe.get("timeoutSeconds") or 1,
            successes=probe.get("successThreshold") or 1,
            failures=probe.get("failureThreshold") or 3,
        )


@dataclass(frozen=True, slots=True)
class Result:
    """What one probe found: None if it could not be made; and why it did not succeed."""

    ok: bool | None
    text: str = ""


class Verdict:
    """Turns single results into a verdict that changes only after enough of them in a row."""

    def __init__(self, cadence: Cadence, *, initial: bool | None) -> None:
        self._cadence = cadence
        self._row = 0
        self._latest: bool | None = None
        self.value = initial

    def add(self, ok: bool | None) -> bool:  # noqa: FBT001 - the result itself
        """Whether the verdict is settled by this result; unknown results count for nothing."""
        if ok is None:
            return False
        self._row = self._row + 1 if ok == self._latest else 1
        self._latest = ok
        if self._row < (self._cadence.successes if ok else self._cadence.failures):
            return False
        self.value = ok
        return True


Execute: TypeAlias = Callable[[list[str], str, float | None], Awaitable[tuple[int, str]]]
"""(argv, container, seconds) → exit code and output of a command in a container of the pod.

Raises a CommandNotRun if it cannot be started, a TimeoutError if it takes longer.
"""


class CommandNotRun(KnlabError):  # noqa: N818 - a situation
    """A command could not be run in a container; the text is its runtime's."""


class Prober:
    """Asks the containers of one pod."""

    def __init__(self, network: Network, ip: str, execute: Execute) -> None:
        self._network = network
        self._ip = ip
        self._execute = execute

    async def ask(self, probe: Object, container: Object) -> Result:
        """One probe of `container`, failed if it takes longer than `probe` allows."""
        if "grpc" in probe:
            return await self._grpc(probe)
        try:
            async with asyncio.timeout(Cadence.of(probe).timeout):
                return await self._ask(probe, container)
        except TimeoutError:
            return Result(ok=False, text=self._late(probe, container))

    def _late(self, probe: Object, container: Object) -> str:
        if "exec" in probe:
            seconds = f"{Cadence.of(probe).timeout:g}s"
            return f"command timed out: {' '.join(_argv(probe))!r} timed out after {seconds}"
        if "httpGet" in probe:
            return f'Get "{self._url(probe["httpGet"], container)}": {_TIMED_OUT}'
        host, port = self._address(probe["tcpSocket"], container)
        return f"dial tcp {host}:{port}: i/o timeout"

    async def _ask(self, probe: Object, container: Object) -> Result:
        if "httpGet" in probe:
            return await self._http(probe["httpGet"], container)
        if "tcpSocket" in probe:
            return await self._tcp(probe["tcpSocket"], container)
        if "exec" in probe:
            return await self._command(probe, container)
        return Result(None, "missing probe handler")

    async def _command(self, probe: Object, container: Object) -> Result:
        try:
            code, output = await self.run(_argv(probe), container, Cadence.of(probe).timeout)
        except CommandNotRun as problem:
            return Result(None, problem.message)
        return Result(ok=code == 0, text="" if code == 0 else output)

    async def run(
        self, argv: list[str], container: Object, seconds: float | None
    ) -> tuple[int, str]:
        """The exit code and the output of a command in `container`.

        Raises:
            CommandNotRun: if it cannot be started.
            TimeoutError: if it takes longer than `seconds`.
        """
        return await self._execute(argv, container["name"], seconds)

    async def get(self, action: Object, container: Object, user_agent: str) -> int:
        """The status code that an httpGet action gets.

        Raises:
            OSError: if nobody answers.
        """
        host, port = self._address(action, container)
        path = action.get("path") or "/"
        headers: list[Header] = [
            (b"Host", f"{host}:{port}".encode()),
            (b"User-Agent", user_agent.encode()),
            (b"Accept", b"*/*"),
            (b"Connection", b"close"),
        ]
        own = action.get("httpHeaders") or ()
        headers += [(header["name"].encode(), header["value"].encode()) for header in own]
        target = path if path.startswith("/") else f"/{path}"
        request = Request("GET", target, headers)
        if (action.get("scheme") or "HTTP").upper() == "HTTPS":
            secured = self._network.call_secured
            return (await secured((host, port), request, trusting_client())).status
        response = await self._network.call((host, port), request)
        await whole_body(response.body)
        return response.status

    async def _http(self, action: Object, container: Object) -> Result:
        host, port = self._address(action, container)
        url = self._url(action, container)
        try:
            status = await self.get(action, container, USER_AGENT)
        except OSError as problem:
            return Result(ok=False, text=f'Get "{url}": {dial_error(host, port, problem)}')
        if 200 <= status < 400:
            return Result(ok=True)
        return Result(ok=False, text=f"HTTP probe failed with statuscode: {status}")

    async def _grpc(self, probe: Object) -> Result:
        action, timeout = probe["grpc"], Cadence.of(probe).timeout
        address = (self._ip, int(action["port"]))
        host = f"{address[0]}:{address[1]}"
        late = f"timeout: health rpc did not complete within {timeout:g}s"
        try:
            async with asyncio.timeout(timeout):
                try:
                    await self._network.knock(address)
                except OSError:
                    late = f'timeout: failed to connect service "{host}" within {timeout:g}s'
                    late += ": context deadline exceeded"
                    await asyncio.sleep(timeout)
                call = partial(self._network.call, address)
                health = await check_health(call, action.get("service") or "", host, USER_AGENT)
        except TimeoutError:
            return Result(ok=False, text=late)
        except OSError as problem:
            return Result(ok=False, text=f"error: health rpc probe failed: {problem}")
        return _health_result(health)

    async def _tcp(self, action: Object, container: Object) -> Result:
        host, port = self._address(action, container)
        try:
            await self._network.knock((host, port))
        except OSError as problem:
            return Result(ok=False, text=dial_error(host, port, problem))
        return Result(ok=True)

    def _url(self, action: Object, container: Object) -> str:
        host, port = self._address(action, container)
        scheme = (action.get("scheme") or "HTTP").lower()
        return f"{scheme}://{host}:{port}{action.get('path') or '/'}"

    def _address(self, action: Object, container: Object) -> Address:
        return action.get("host") or self._ip, port_of(action["port"], container)


def _health_result(health: Health) -> Result:
    if health.code == UNIMPLEMENTED:
        protocol = "the grpc health protocol (grpc.health.v1.Health)"
        text = f"error: this server does not implement {protocol}: {health.text}"
        return Result(ok=False, text=text)
    if health.code != OK:
        return Result(ok=False, text=f"error: health rpc probe failed: {health.error()}")
    if health.status != SERVING:
        text = f'service unhealthy (responded with "{health.status}")'
        return Result(ok=False, text=text)
    return Result(ok=True)


def _argv(action: Object) -> list[str]:
    return list(action["exec"].get("command") or ())


def port_of(port: int | str, container: Object) -> int:
    """The number of a port that may be given by the name it has in `container`; 0 if unknown."""
    if isinstance(port, int):
        return port
    if port.isdigit():
        return int(port)
    ports: list[Object] = container.get("ports") or []
    return next((int(one["containerPort"]) for one in ports if one.get("name") == port), 0)


def dial_error(host: str, port: int, problem: OSError) -> str:
    """`problem` in connecting, as Go words it."""
    known = {
        errno.ECONNREFUSED: "connect: connection refused",
        errno.EHOSTUNREACH: "connect: no route to host",
        errno.ETIMEDOUT: "i/o timeout",
    }
    text = known.get(problem.errno or 0)
    if text is None and isinstance(problem, ConnectionRefusedError):
        text = known[errno.ECONNREFUSED]
    return f"dial tcp {host}:{port}: {text or problem}"


async def run_probe(
    ask: Callable[[], Awaitable[Result]],
    cadence: Cadence,
    verdict: Verdict,
    hear: Callable[[Result, bool], None],
    *,
    eager: bool = False,
) -> None:
    """Probe for ever; `hear` gets every result and whether it settled the verdict.

    An `eager` probe does not wait a whole period before its first success: the kubelet too probes
    a container that has just started again whenever it looks at the pod.
    """
    await asyncio.sleep(cadence.initial_delay)
    retry = _FIRST_RETRY if eager else cadence.period
    while True:
        result = await ask()
        hear(result, verdict.add(result.ok))
        if result.ok:
            retry = cadence.period
        await asyncio.sleep(min(retry, cadence.period))
        retry *= 2

"""Attending to one running instance of a container: probes, and its end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from knlab.embedded.kube.objects import Object
from knlab.embedded.net.http import Address
from knlab.embedded.pods.box import Mount
from knlab.embedded.pods.containers import Running
from knlab.embedded.pods.probes import (
    Cadence,
    CommandNotRun,
    Prober,
    Result,
    Verdict,
    run_probe,
)
from knlab.embedded.pods.status import Record
from knlab.embedded.pods.termination import Deadline, stop

_GO_CLIENT: Final = "Go-http-client/1.1"


class Pod(Protocol):
    """What a container needs of the pod that it is in."""

    ip: str
    directory: Path
    doomed: asyncio.Event
    """Set when the pod is to end."""
    deadline: Deadline
    """When it must have ended, once it is doomed."""

    @property
    def current(self) -> Object:
        """The Pod as it is now; read only."""

    @property
    def prober(self) -> Prober:
        """Asks this pod's containers."""

    def now(self) -> float:
        """The time, in epoch seconds."""

    def note(self, kind: Literal["Normal", "Warning"], reason: str, message: str) -> None:
        """Record an event about the pod."""

    def changed(self) -> None:
        """Have the pod's status written."""

    def reachable(self, real: Address) -> None:
        """Say where the pod can be reached from outside."""

    async def pause(self, seconds: float) -> bool:
        """Wait; whether the pod is doomed now, which ends the wait."""

    def find(self, kind: str, name: str) -> Object | None:
        """The ConfigMap or Secret of that name in the pod's namespace."""

    def services(self) -> Iterable[Object]:
        """Every Service; read only."""

    def mounts(self, spec: Object, env: dict[str, str]) -> tuple[Mount, ...]:
        """What the container `spec` sees of the pod's volumes."""


class Attendant:
    """Watches the instances of one container, one after the other."""

    def __init__(self, pod: Pod, spec: Object, record: Record) -> None:
        self._pod, self._spec, self._record = pod, spec, record
        self._name: str = spec["name"]
        self._failed_probe = ""

    async def attend(self, running: Running) -> int:
        """The exit code of `running`, which ends by itself, for a failed probe or with the pod."""
        self._failed_probe = ""
        unhealthy = asyncio.Event()
        exited = asyncio.ensure_future(running.wait())
        watching = [
            asyncio.ensure_future(one)
            for one in (self._pod.doomed.wait(), unhealthy.wait(), self._probe(unhealthy))
        ]
        try:
            await asyncio.wait([exited, *watching[:2]], return_when=asyncio.FIRST_COMPLETED)
            code = await exited if exited.done() else await self._stop(running)
        finally:
            for task in (exited, *watching):
                task.cancel()
            ends = await asyncio.gather(*watching, return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception):
                raise end
        return code

    async def _stop(self, running: Running) -> int:
        deadlines = [self._pod.deadline]
        if self._pod.doomed.is_set():
            text = f"Stopping container {self._name}"
        else:
            text = f"Container {self._name} failed {self._failed_probe} probe, will be restarted"
            grace = self._pod.current["spec"].get("terminationGracePeriodSeconds", 30)
            deadlines.append(Deadline(asyncio.get_running_loop().time() + grace))
        self._pod.note("Normal", "Killing", text)
        return await stop(running, self._pre_stop, deadlines)

    async def _hook(self, hook: Object) -> None:
        if await self._hook_failure(hook):
            self._pod.note("Warning", "FailedPreStopHook", "PreStopHook failed")

    async def begin(self, running: Running) -> str:
        """Run the postStart hook; why it failed, after which `running` is stopped, or nothing."""
        hook = (self._spec.get("lifecycle") or {}).get("postStart")
        failure = "" if hook is None else await self._until_exit(running, hook)
        if failure:
            self._pod.note("Warning", "FailedPostStartHook", "PostStartHook failed")
            self._pod.note("Normal", "Killing", "FailedPostStartHook")
            grace = self._pod.current["spec"].get("terminationGracePeriodSeconds", 30)
            deadline = Deadline(asyncio.get_running_loop().time() + grace)
            await stop(running, self._pre_stop, [self._pod.deadline, deadline])
        return failure

    async def _until_exit(self, running: Running, hook: Object) -> str:
        """Why `hook` failed; nothing if `running` exits or the pod is to end before."""
        work = asyncio.ensure_future(self._hook_failure(hook))
        others = [asyncio.ensure_future(one) for one in (running.wait(), self._pod.doomed.wait())]
        try:
            await asyncio.wait([work, *others], return_when=asyncio.FIRST_COMPLETED)
            return await work if work.done() else ""
        finally:
            for task in (work, *others):
                task.cancel()
            await asyncio.gather(work, *others, return_exceptions=True)

    @property
    def _pre_stop(self) -> Callable[[], Awaitable[None]] | None:
        hook = (self._spec.get("lifecycle") or {}).get("preStop")
        return None if hook is None else lambda: self._hook(hook)

    async def _hook_failure(self, hook: Object) -> str:
        """Why a hook failed, as the kubelet says it; empty if it did not."""
        if "sleep" in hook:
            await asyncio.sleep(hook["sleep"].get("seconds", 0))
            return ""
        if "exec" in hook:
            return await self._command_failure(list(hook["exec"].get("command") or ()))
        if "httpGet" not in hook:
            return f"knlab runs no {', '.join(hook)} hooks"
        try:
            status = await self._pod.prober.get(hook["httpGet"], self._spec, _GO_CLIENT)
        except OSError as problem:
            return str(problem)
        return "" if 200 <= status < 400 else f"HTTP probe failed with statuscode: {status}"

    async def _command_failure(self, argv: list[str]) -> str:
        output = ""
        try:
            code, output = await self._pod.prober.run(argv, self._spec, None)
        except CommandNotRun as problem:
            error = problem.message
        else:
            if not code:
                return ""
            error = f"command '{' '.join(argv)}' exited with {code}: {output}"
        metadata = self._pod.current["metadata"]
        pod = f"{metadata['name']}_{metadata.get('namespace', '')}({metadata['uid']})"
        quoted = json.dumps(output, ensure_ascii=False)
        return (
            f'Exec lifecycle hook ([{" ".join(argv)}]) for Container "{self._name}" in Pod "{pod}"'
            f" failed - error: {error}, message: {quoted}"
        )

    async def _probe(self, unhealthy: asyncio.Event) -> None:
        if startup := self._spec.get("startupProbe"):
            self._pod.changed()
            await self._until_started(startup, unhealthy)
        self._record.started = True
        self._record.ready = "readinessProbe" not in self._spec
        self._pod.changed()
        async with asyncio.TaskGroup() as group:
            if readiness := self._spec.get("readinessProbe"):
                group.create_task(self._probing("Readiness", readiness, self._set_ready))
            if liveness := self._spec.get("livenessProbe"):
                group.create_task(
                    self._probing("Liveness", liveness, lambda ok: self._judge(ok, unhealthy))
                )

    async def _until_started(self, startup: Object, unhealthy: asyncio.Event) -> None:
        succeeded = asyncio.Event()

        def settled(ok: bool) -> None:  # noqa: FBT001 - a verdict
            if ok:
                succeeded.set()
            else:
                self._judge(ok, unhealthy, "startup")

        probing = asyncio.ensure_future(self._probing("Startup", startup, settled))
        try:
            await succeeded.wait()
        finally:
            probing.cancel()

    def _set_ready(self, ok: bool) -> None:  # noqa: FBT001 - a verdict
        if self._record.ready != ok:
            self._record.ready = ok
            self._pod.changed()

    def _judge(self, ok: bool, unhealthy: asyncio.Event, which: str = "liveness") -> None:  # noqa: FBT001
        if not ok and not self._pod.doomed.is_set():
            self._failed_probe = which
            unhealthy.set()

    async def _probing(self, kind: str, probe: Object, settled: Callable[[bool], Any]) -> None:
        cadence = Cadence.of(probe)
        verdict = Verdict(cadence, initial=None)
        reported = float("-inf")

        def hear(result: Result, is_settled: bool) -> None:  # noqa: FBT001
            nonlocal reported
            loop_time = asyncio.get_running_loop().time()
            silent = kind != "Readiness" and self._pod.doomed.is_set()
            if not result.ok and not silent and loop_time - reported >= cadence.period:
                reported = loop_time
                self._unhealthy(kind, result)
            if is_settled and verdict.value is not None:
                settled(verdict.value)

        def ask() -> Awaitable[Result]:
            return self._pod.prober.ask(probe, self._spec)

        await run_probe(ask, cadence, verdict, hear, eager=kind == "Readiness")

    def _unhealthy(self, kind: str, result: Result) -> None:
        how = "failed" if result.ok is False else "errored and resulted in unknown state"
        self._pod.note("Warning", "Unhealthy", f"{kind} probe {how}: {result.text}")

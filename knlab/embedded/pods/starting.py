"""Starting one instance of a container: what it gets to see, where it listens, and its process."""

from __future__ import annotations

import hashlib
import os
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from knlab._clock import Clock
from knlab.embedded.images import Image
from knlab.embedded.kube.objects import Object
from knlab.embedded.net.http import Address
from knlab.embedded.net.network import Network
from knlab.embedded.pods.addresses import HOST_IP, PodAddresses
from knlab.embedded.pods.containers import Running, RunningProcess, RunningTask
from knlab.embedded.pods.environment import ConfigError, Find, environment, expand
from knlab.embedded.pods.logfile import LogFile
from knlab.embedded.pods.logs import log_path
from knlab.embedded.pods.supervisor import Launch, StartFailed, Supervisor
from knlab.embedded.runtime import Container, Process

_PATH: Final = os.pathsep.join(
    (str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin")
)
_CANNOT_START: Final = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed:"
    " runc create failed: unable to start container process: "
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One instance of a container that is about to start."""

    pod: Object
    spec: Object
    """The container as the pod's spec has it."""
    number: int
    """How often the container was restarted before."""
    image: Image
    env: dict[str, str]
    ip: str
    directory: Path
    """The pod's own."""

    @property
    def container_id(self) -> str:
        """Names this instance among all."""
        text = f"{self.pod['metadata']['uid']}/{self.spec['name']}/{self.number}"
        return f"knlab://{hashlib.sha256(text.encode()).hexdigest()}"

    @property
    def log(self) -> Path:
        """Where its log goes."""
        return log_path(self.directory, self.spec["name"], self.number)

    @property
    def port(self) -> int | None:
        """The port that the program is expected to listen on; None if nobody says."""
        ports: list[Object] = self.spec.get("ports") or []
        text = str(ports[0]["containerPort"]) if ports else self.env.get("PORT", "")
        return int(text) if text.isdigit() else None


@dataclass(frozen=True, slots=True)
class Started:
    """A running instance, and where its program really listens if it is a process."""

    running: Running
    real: Address | None


@dataclass(frozen=True, kw_only=True)
class Starter:
    """Starts instances with what a node has."""

    network: Network
    addresses: PodAddresses
    supervisor: Supervisor
    clock: Clock

    async def start(self, instance: Instance, until_exit: ExitStack) -> Started:
        """`instance`, running; `until_exit` must be closed when it has exited.

        Raises:
            StartFailed: worded as the container runtime does.
        """
        if command := instance.spec.get("command"):
            raise StartFailed(_worded(_no_such_command(command[0])))
        instance.log.parent.mkdir(parents=True, exist_ok=True)
        program = instance.image.program
        if isinstance(program, Process):
            return await self._start_process(instance, program, until_exit)
        container = Container(
            pod=instance.pod,
            name=instance.spec["name"],
            env=instance.env,
            ip=instance.ip,
            log=lambda _line: None,
        )
        log = LogFile(instance.log)
        return Started(RunningTask(program.run, container, log, self.clock), None)

    async def _start_process(
        self, instance: Instance, program: Process, until_exit: ExitStack
    ) -> Started:
        env = {"PATH": _PATH, "HOSTNAME": instance.pod["metadata"]["name"]} | instance.env
        real = self._listen(instance, program, until_exit)
        if real is not None:
            env |= {"HOST": real[0], "PORT": str(real[1])}
        work = instance.directory / instance.spec["name"] / "work"
        work.mkdir(parents=True, exist_ok=True)
        arguments = instance.spec.get("args") or () if instance.image.takes_arguments else ()
        argv = (*program.argv, *(expand(argument, instance.env) for argument in arguments))
        try:
            child = await self.supervisor.start(
                Launch(argv=argv, env=env, cwd=work, log=instance.log)
            )
        except StartFailed as failure:
            raise StartFailed(_worded(f'exec: "{argv[0]}": {failure.message}')) from failure
        return Started(RunningProcess(child), real)

    def _listen(
        self, instance: Instance, program: Process, until_exit: ExitStack
    ) -> Address | None:
        if instance.port is None:
            return None
        address = (instance.ip, instance.port)
        binding = self.addresses.binding(*address, own_address=program.own_address)
        if binding == address:
            return binding
        until_exit.callback(self.addresses.release_port, binding[1])
        try:
            until_exit.enter_context(self.network.published(address, binding))
        except OSError as taken:
            raise StartFailed(f"listen tcp {address[0]}:{address[1]}: {taken.strerror}") from taken
        return binding


def resolved_environment(spec: Object, pod: Object, ip: str, find: Find) -> dict[str, str]:
    """The variables of container `spec`.

    Raises:
        ConfigError: for what is missing, or what knlab refuses to do.
    """
    lifecycle = spec.get("lifecycle") or {}
    if "postStart" in lifecycle:
        raise ConfigError("knlab runs no postStart hooks")
    if spec.get("restartPolicy") == "Always":
        raise ConfigError("knlab runs no sidecars among the init containers")
    addresses = dict.fromkeys(("status.podIP", "status.podIPs"), ip)
    addresses |= dict.fromkeys(("status.hostIP", "status.hostIPs"), HOST_IP)
    return environment(spec, pod, addresses, find)


def _worded(why: str) -> str:
    return f"{_CANNOT_START}{why}: unknown"


def _no_such_command(command: str) -> str:
    if "/" in command:
        return f'exec: "{command}": stat {command}: no such file or directory'
    return f'exec: "{command}": executable file not found in $PATH'

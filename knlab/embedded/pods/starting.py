"""Starting one instance of a container: what it gets to see, where it listens, and its process."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Mapping
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
from knlab.embedded.pods.box import Box, Mount, NoSuchBox, read_box, write_box
from knlab.embedded.pods.commands import Command, NoSuchCommand, first_command, not_found
from knlab.embedded.pods.consoles import Manners
from knlab.embedded.pods.containers import Running, RunningProcess, RunningTask
from knlab.embedded.pods.environment import ConfigError, Find, environment, expand
from knlab.embedded.pods.furnishing import clear, furnish, host_aliases
from knlab.embedded.pods.loading import harmless
from knlab.embedded.pods.logfile import LogFile
from knlab.embedded.pods.logs import log_path
from knlab.embedded.pods.supervisor import Launch, StartFailed, Supervisor
from knlab.embedded.programs.box.names import DEFAULT_FAMILY
from knlab.embedded.runtime import Builtin, Container, Process, Task

_PATH: Final = os.pathsep.join(
    (str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin")
)
_BOX_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_MESSAGE_BYTES: Final = 4096
_CANNOT_CREATE: Final = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed:"
    " runc create failed: "
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
    mounts: tuple[Mount, ...] = ()

    @property
    def container_directory(self) -> Path:
        """The container's own."""
        return self.directory / str(self.spec["name"])

    @property
    def hostname(self) -> str:
        """What the container calls its machine."""
        return str(self.pod["spec"].get("hostname") or self.pod["metadata"]["name"])

    @property
    def manners(self) -> Manners:
        """How it wants to be talked to."""
        return Manners.of(self.spec)

    @property
    def terminal(self) -> dict[str, str]:
        """What the container runtime says to a program with a terminal."""
        return {"TERM": "xterm"} if self.manners.tty else {}

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
    door: Path
    """The socket that leads the built-in commands to the cluster's network."""

    async def start(self, instance: Instance, until_exit: ExitStack) -> Started:
        """`instance`, running; `until_exit` must be closed when it has exited.

        Raises:
            StartFailed: worded as the container runtime does.
        """
        started = await self._started(instance, until_exit)
        console = started.running.console
        until_exit.enter_context(
            self.supervisor.consoles.opened(instance.container_directory, console)
        )
        return started

    async def _started(self, instance: Instance, until_exit: ExitStack) -> Started:
        instance.log.parent.mkdir(parents=True, exist_ok=True)
        program = instance.image.program
        command = instance.spec.get("command")
        if command and not isinstance(program, Builtin):
            raise StartFailed(_worded(not_found(command[0])))
        if isinstance(program, Task):
            return self._start_task(instance, program)
        clear(instance.container_directory)
        if isinstance(program, Builtin):
            return await self._start_builtin(instance, program, until_exit)
        return await self._start_process(instance, program, until_exit)

    def _start_task(self, instance: Instance, program: Task) -> Started:
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
        base = {"HOSTNAME": instance.hostname, **instance.terminal}
        own = harmless({**base, **instance.env}) | {"PATH": _PATH}
        port = instance.port or program.port
        real = self._listen(instance, port, until_exit, own=program.own_address)
        where: dict[str, str] = {} if real is None else {"HOST": real[0], "PORT": str(real[1])}
        seen = {"PATH": _BOX_PATH, "HOME": "/root", **base, **instance.env, **where}
        box = self._box(instance, DEFAULT_FAMILY, seen, "")
        arguments = instance.spec.get("args") or () if instance.image.takes_arguments else ()
        argv = (*program.argv, *(expand(argument, instance.env) for argument in arguments))
        running = await self._run(instance, Command(argv=argv, env=own | where, cwd=box.root))
        write_box(box)
        return Started(running, real)

    async def _start_builtin(
        self, instance: Instance, program: Builtin, until_exit: ExitStack
    ) -> Started:
        base = {
            "PATH": _BOX_PATH,
            "HOSTNAME": instance.hostname,
            **instance.terminal,
            **program.env,
        }
        real = self._listen(instance, program.port, until_exit, own=True)
        listen = f"{real[0]}:{real[1]}" if real else ""
        env = base | instance.env
        box = self._box(
            instance, program.commands, {**env, "HOME": env.get("HOME", "/root")}, listen
        )
        if not box.workdir.startswith("/"):
            raise StartFailed(f"{_CANNOT_CREATE}Cwd must be an absolute path: unknown")
        try:
            furnish(box)
        except OSError as problem:
            raise StartFailed(
                _worded(f'error mounting to "{problem.filename}": {problem.strerror}')
            ) from problem
        write_box(box)
        argv = _argv(instance, program)
        try:
            return Started(await self._run(instance, first_command(argv, box)), real)
        except NoSuchCommand as missing:
            raise StartFailed(_worded(missing.message)) from missing

    async def _run(self, instance: Instance, what: Command) -> Running:
        try:
            child = await self.supervisor.start(
                Launch(
                    argv=what.argv,
                    env=what.env,
                    cwd=what.cwd,
                    log=instance.log,
                    manners=instance.manners,
                )
            )
        except StartFailed as failure:
            raise StartFailed(_worded(f'exec: "{what.argv[0]}": {failure.message}')) from failure
        return RunningProcess(child)

    def _box(self, instance: Instance, image: str, env: dict[str, str], listen: str) -> Box:
        return Box(
            directory=str(instance.container_directory),
            image=image,
            hostname=instance.hostname,
            ip=instance.ip,
            namespace=instance.pod["metadata"].get("namespace", ""),
            network=str(self.door),
            env=env,
            listen=listen,
            aliases=host_aliases(instance.pod),
            workdir=instance.spec.get("workingDir") or "/",
            mounts=instance.mounts,
        )

    def _listen(
        self, instance: Instance, port: int | None, until_exit: ExitStack, *, own: bool
    ) -> Address | None:
        if port is None:
            return None
        address = (instance.ip, port)
        binding = self.addresses.binding(*address, own_address=own)
        if binding == address:
            return binding
        until_exit.callback(self.addresses.release_port, binding[1])
        try:
            until_exit.enter_context(self.network.published(address, binding))
        except OSError as taken:
            raise StartFailed(f"listen tcp {address[0]}:{address[1]}: {taken.strerror}") from taken
        return binding


def resolved_environment(
    spec: Object,
    pod: Object,
    addresses: Mapping[str, str],
    find: Find,
    links: Mapping[str, str],
) -> dict[str, str]:
    """The variables of container `spec`; `links` are those about Services.

    Raises:
        ConfigError: for what is missing, or what knlab refuses to do.
    """
    if spec.get("restartPolicy") == "Always":
        raise ConfigError("knlab runs no sidecars among the init containers")
    return environment(spec, pod, addresses, find, links)


def pod_addresses(ip: str) -> dict[str, str]:
    """What the fields of a pod's status say of its addresses."""
    own = dict.fromkeys(("status.podIP", "status.podIPs"), ip)
    return own | dict.fromkeys(("status.hostIP", "status.hostIPs"), HOST_IP)


def termination_message(instance: Instance) -> str:
    """What the program of `instance`, which has ended, wrote to its terminationMessagePath."""
    path = instance.spec.get("terminationMessagePath") or "/dev/termination-log"
    try:
        files = read_box(instance.container_directory).files
        return next(files.read(path), b"")[:_MESSAGE_BYTES].decode("utf-8", "replace")
    except (NoSuchBox, OSError):
        return ""


def _argv(instance: Instance, program: Builtin) -> tuple[str, ...]:
    """The command line of a container, made of its image's and its own as Kubernetes says."""
    own, arguments = instance.spec.get("command"), instance.spec.get("args")
    words = own or program.entrypoint
    rest = arguments or (() if own else program.arguments)
    return tuple(expand(word, instance.env) for word in (*words, *rest))


def _worded(why: str) -> str:
    return f"{_CANNOT_CREATE}unable to start container process: {why}: unknown"

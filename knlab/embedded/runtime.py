"""What a container runs: a process of the operating system, or a task of this process.

User programs and the built-in commands are processes. Knative's own components (activator,
autoscaler, queue-proxy …) are tasks that see the same things a container would: environment,
address, log, SIGTERM.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from knlab.embedded.kube.objects import Object


@dataclass(kw_only=True)
class Container:
    """The container that a task runs in."""

    pod: Object
    """The Pod as it was when the container started."""
    name: str
    env: Mapping[str, str]
    """Environment with every reference resolved."""
    ip: str
    """The pod's address."""
    log: Callable[[str], None]
    """Writes one line to the container's log."""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set instead of SIGTERM: finish and return. SIGKILL is a cancellation."""


@dataclass(frozen=True, slots=True)
class Process:
    """A program to start as an operating-system process.

    It gets `PORT` (what it must bind) and `HOST` (the pod's address). With `own_address` it binds
    `HOST:PORT`; otherwise it may bind any local address and gets a port that is free everywhere.
    """

    argv: tuple[str, ...]
    own_address: bool = False
    port: int = 8080
    """What it listens on if the pod does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Builtin:
    """A program among the built-in commands (`pods.commands`), as an image's configuration says.

    A container's `command` stands in for the entrypoint, its `args` for the arguments.
    """

    commands: str
    """Which commands there are: a key of `programs.box.names.FAMILIES`."""
    entrypoint: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    port: int | None = None
    """What its server listens on, whatever the pod says."""


@dataclass(frozen=True, slots=True)
class Task:
    """A program that is a coroutine; returning is exit code 0, an exception exit code 1."""

    run: Callable[[Container], Awaitable[None]]


Program: TypeAlias = Process | Builtin | Task

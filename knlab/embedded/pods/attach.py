"""The `attach` subresource of pods: the standard streams of a container's own program."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.store import Store
from knlab.embedded.kube.subresources import Subresource, SubresourceRequest
from knlab.embedded.net.http import Response
from knlab.embedded.net.streams import Stream
from knlab.embedded.pods.attachments import attach
from knlab.embedded.pods.consoles import STDERR, Console, Consoles, NotRunning
from knlab.embedded.pods.joining import Wish, joined, standard_streams
from knlab.embedded.pods.outcomes import DONE, NotRun, Outcome
from knlab.embedded.pods.supervisor import StartFailed
from knlab.embedded.pods.targets import check_host, chosen_container, find_pod


class PodAttach:
    """Answers requests to attach to the pods that have their directories in `directory`."""

    def __init__(self, store: Store, directory: Path, consoles: Consoles) -> None:
        self._store = store
        self._directory = directory
        self._consoles = consoles

    @property
    def subresource(self) -> Subresource:
        """What the server needs to serve `pods/attach`."""
        return Subresource(handler=self._answer, verbs=("create", "get"), kind="PodAttachOptions")

    async def _answer(self, asked: SubresourceRequest) -> Response:
        pod = find_pod(self._store, asked.namespace, asked.name)
        container = chosen_container(pod, asked.parameters.text("container"))
        check_host(pod)
        console = self._consoles.find(self._directory / pod["metadata"]["uid"] / container)
        streams = standard_streams(asked.parameters)
        wish = Wish(
            streams=streams,
            tty=console is not None and console.manners.tty,
            refusal=_refusal(pod, container, console, streams),
        )

        async def work(streams: Mapping[str, Stream], gone: asyncio.Event) -> Outcome:
            assert console is not None  # else there is a refusal
            try:
                await attach(console, streams, gone)
            except NotRunning:
                return NotRun(
                    "error attaching to container: container is in CONTAINER_EXITED state"
                )
            except (StartFailed, OSError) as failure:
                return NotRun(f"error attaching to container: {failure}")
            return DONE

        return joined(asked.request, wish, work)


def _refusal(
    pod: Object, container: str, console: Console | None, streams: tuple[str, ...]
) -> tuple[int, str] | None:
    """What the kubelet or the container runtime has against it."""
    metadata = pod["metadata"]
    if console is None:
        where = f"{metadata['name']}_{metadata['namespace']}"
        return 500, f"container {container} not found in pod {where}"
    if console.manners.tty and STDERR in streams:
        text = "tty and stderr cannot both be true"
        return 500, f"rpc error: code = InvalidArgument desc = {text}"
    return None

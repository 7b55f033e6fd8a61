"""One container of a pod through all its instances: image, start, probes, end, and again."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Final

from knlab.embedded.images import Image, ImageTable, InvalidReference, PullFailed
from knlab.embedded.kube.objects import Object
from knlab.embedded.pods.attending import Attendant, Pod
from knlab.embedded.pods.backoff import (
    CRASH_FIRST,
    CRASH_FORGIVEN,
    CRASH_LIMIT,
    PULL_FIRST,
    PULL_LIMIT,
    Backoff,
)
from knlab.embedded.pods.box import Mount
from knlab.embedded.pods.containers import Running
from knlab.embedded.pods.environment import ConfigError, Find
from knlab.embedded.pods.logs import drop_old_logs, last_lines, log_path
from knlab.embedded.pods.service_links import service_variables
from knlab.embedded.pods.starting import (
    Instance,
    Starter,
    pod_addresses,
    resolved_environment,
    termination_message,
)
from knlab.embedded.pods.status import Ended, Record
from knlab.embedded.pods.supervisor import StartFailed

_SYNC_AGAIN: Final = 10.0
"""Seconds until a container whose configuration cannot be made is tried again."""
_CANNOT_START: Final = 128
_MESSAGE_LINES, _MESSAGE_BYTES = 80, 2048


class ContainerLife:
    """Keeps one container going as the pod's restart policy says."""

    def __init__(
        self,
        pod: Pod,
        spec: Object,
        record: Record,
        *,
        starter: Starter,
        images: ImageTable,
        is_init: bool = False,
    ) -> None:
        self._pod, self._spec, self._record = pod, spec, record
        self._starter, self._images = starter, images
        self._is_init = is_init
        self._crashes = Backoff(CRASH_FIRST, CRASH_LIMIT, free=1, forgiven=CRASH_FORGIVEN)
        self._name: str = spec["name"]
        self._attendant = Attendant(pod, spec, record)
        self._hook_failure = ""
        self.running: Running | None = None
        """The instance that runs now."""

    @property
    def succeeded(self) -> bool:
        """Whether it has ended well."""
        return self._record.succeeded

    async def run(self) -> None:
        """Returns when the container will not run (again)."""
        while not self._pod.doomed.is_set():
            image = await self._pull()
            code = None if image is None else await self._run_once(image)
            if code is None or self._pod.doomed.is_set() or not self._wanted_again(code):
                break
            if await self._back_off():
                break
            self._record.restarts += 1
            drop_old_logs(self._pod.directory, self._name, self._record.restarts)

    def _wanted_again(self, code: int) -> bool:
        policy = self._pod.current["spec"].get("restartPolicy", "Always")
        if self._is_init or policy == "OnFailure":
            return code != 0 and policy != "Never"
        return bool(policy == "Always")

    async def _back_off(self) -> bool:
        wait = self._crashes.failed(self._pod.now())
        if not wait:
            return False
        metadata = self._pod.current["metadata"]
        pod = f"{metadata['name']}_{metadata['namespace']}({metadata['uid']})"
        which = f"restarting failed container={self._name} pod={pod}"
        if self._hook_failure:
            self._wait("PostStartHookError", self._hook_failure)
        else:
            self._wait("CrashLoopBackOff", f"back-off {_go_seconds(wait)} {which}")
        self._pod.note(
            "Warning", "BackOff", f"Back-off restarting failed container {self._name} in pod {pod}"
        )
        return await self._pod.pause(wait)

    def _wait(self, reason: str, message: str) -> None:
        self._record.wait(reason, message)
        self._pod.changed()

    # The image

    async def _pull(self) -> Image | None:
        reference: str = self._spec["image"]
        backoff = Backoff(PULL_FIRST, PULL_LIMIT)
        while True:
            try:
                image = self._images.pull(reference)
            except InvalidReference as invalid:
                self._no_image("InspectFailed", "InvalidImageName", invalid.message)
            except PullFailed as failure:
                self._pull_failed(reference, failure.message)
            else:
                self._record.image_id = f"{image.repository}@{image.digest}"
                text = f'Container image "{reference}" already present on machine'
                self._pod.note("Normal", "Pulled", text)
                return image
            if await self._pod.pause(backoff.failed(self._pod.now())):
                return None

    def _pull_failed(self, reference: str, why: str) -> None:
        if self._spec.get("imagePullPolicy") == "Never":
            text = f'Container image "{reference}" is not present with pull policy of Never'
            self._no_image("ErrImageNeverPull", "ErrImageNeverPull", text)
            return
        self._pod.note("Normal", "Pulling", f'Pulling image "{reference}"')
        self._pod.note("Warning", "Failed", f'Failed to pull image "{reference}": {why}')
        self._no_image("", "ErrImagePull", why)
        again = f'Back-off pulling image "{reference}"'
        self._pod.note("Normal", "BackOff", again)
        self._no_image("", "ImagePullBackOff", f"{again}: ErrImagePull: {why}")

    def _no_image(self, event: str, reason: str, message: str) -> None:
        if event:
            self._pod.note("Warning", event, message)
        self._pod.note("Warning", "Failed", f"Error: {reason}")
        self._wait(reason, message)

    # One instance

    async def _run_once(self, image: Image) -> int | None:
        """The exit code; None if the pod was doomed before it started."""
        configuration = await self._configuration()
        if configuration is None:
            return None
        pod = self._pod
        instance = Instance(
            pod=pod.current,
            spec=self._spec,
            number=self._record.restarts,
            image=image,
            env=configuration[0],
            mounts=configuration[1],
            ip=pod.ip,
            directory=pod.directory,
        )
        pod.note("Normal", "Created", f"Created container: {self._name}")
        with ExitStack() as until_exit:
            try:
                started = await self._starter.start(instance, until_exit)
            except StartFailed as failure:
                self._could_not_start(instance, failure.message)
                return _CANNOT_START
            self.running = started.running
            if started.real is not None:
                pod.reachable(started.real)
            began = pod.now()
            pod.note("Normal", "Started", f"Started container {self._name}")
            self._hook_failure = await self._attendant.begin(started.running)
            self._record.run(instance.container_id, began)
            code = await self._attendant.attend(started.running)
            self.running = None
        self._note_end(instance, code)
        return code

    async def _configuration(self) -> tuple[dict[str, str], tuple[Mount, ...]] | None:
        find: Find = self._pod.find
        while True:
            try:
                addresses = pod_addresses(self._pod.ip)
                pod = self._pod.current
                links = service_variables(pod, self._pod.services())
                env = resolved_environment(self._spec, pod, addresses, find, links)
                return env, self._pod.mounts(self._spec, env)
            except ConfigError as problem:
                self._pod.note("Warning", "Failed", f"Error: {problem.message}")
                self._wait("CreateContainerConfigError", problem.message)
            if await self._pod.pause(_SYNC_AGAIN):
                return None

    def _could_not_start(self, instance: Instance, message: str) -> None:
        self._pod.note("Warning", "Failed", f"Error: {message}")
        self._record.container_id = instance.container_id
        self._record.end(
            Ended(
                code=_CANNOT_START,
                reason="StartError",
                message=message,
                finished=self._pod.now(),
                container_id=instance.container_id,
            )
        )
        if self._wanted_again(_CANNOT_START):
            self._wait("RunContainerError", message)
        self._pod.changed()

    def _note_end(self, instance: Instance, code: int) -> None:
        message = termination_message(instance)
        if (
            code
            and not message
            and self._spec.get("terminationMessagePolicy") == "FallbackToLogsOnError"
        ):
            log = log_path(self._pod.directory, self._name, instance.number)
            message = last_lines(log, lines=_MESSAGE_LINES, size=_MESSAGE_BYTES)
        self._record.end(
            Ended(
                code=code,
                reason="Error" if code else "Completed",
                message=message,
                started=self._record.running_since,
                finished=self._pod.now(),
                container_id=instance.container_id,
            )
        )
        self._pod.changed()


def _go_seconds(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"

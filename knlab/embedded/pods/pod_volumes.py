"""The volumes of one pod: made before its containers start, and kept up to date while they run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from knlab.embedded.images import Image, ImageTable, InvalidReference
from knlab.embedded.kube.objects import Object
from knlab.embedded.pods.attending import Pod
from knlab.embedded.pods.backoff import Backoff
from knlab.embedded.pods.box import Mount
from knlab.embedded.pods.environment import ConfigError
from knlab.embedded.pods.mounts import VolumeDirectories
from knlab.embedded.pods.specs import containers_of
from knlab.embedded.pods.starting import pod_addresses
from knlab.embedded.pods.volumes import (
    Surroundings,
    has_files,
    mount_problem,
    mounted_volumes,
)
from knlab.embedded.runtime import Task

_FIRST, _LIMIT = 0.5, 122.0
_REFRESH: Final = 5.0
"""Seconds until a change of a ConfigMap or a label is in the volumes; the kubelet's: a minute."""


class PodVolumes:
    """The volumes of `pod`."""

    def __init__(self, pod: Pod, images: ImageTable) -> None:
        self._pod, self._images = pod, images
        self._directories = VolumeDirectories(pod.directory)

    async def made(self) -> bool:
        """Whether the volumes are there, after as many attempts as it takes; False: doomed before.

        Every failed attempt is an event.
        """
        backoff = Backoff(_FIRST, _LIMIT)
        while problem := self._problem():
            self._tell(problem)
            if await self._pod.pause(backoff.failed(self._pod.now())):
                return False
        return True

    async def keep_up_to_date(self) -> None:
        """Write what the volumes' sources have become, until cancelled; a new problem is an event.

        What cannot be had any more stays as it was.
        """
        before: str | None = None
        while any(has_files(volume) for volume in self._spec.get("volumes") or ()):
            await asyncio.sleep(_REFRESH)
            problem = self._problem()
            if problem and problem != before:
                self._tell(problem)
            before = problem

    def mounts(self, spec: Object, env: dict[str, str]) -> tuple[Mount, ...]:
        """What the container `spec` sees of them.

        Raises:
            ConfigError: for what cannot be mounted.
        """
        if spec["name"] not in self._containers(_is_boxed):
            return ()
        return self._directories.mounts(spec, self._pod.current, env)

    @property
    def _spec(self) -> Object:
        found: Object = self._pod.current["spec"]
        return found

    def _tell(self, problem: str) -> None:
        self._pod.note("Warning", "FailedMount", problem)

    def _problem(self) -> str | None:
        """Bring the volumes up to date; why they cannot be had, as the kubelet says it."""
        if not self._spec.get("volumes"):
            return None
        pod, boxed = self._pod.current, self._containers(_is_boxed)
        if problem := mount_problem(pod, boxed, self._containers(_is_foreign), self._pod.find):
            return problem
        around = Surroundings(pod=pod, addresses=pod_addresses(self._pod.ip), find=self._pod.find)
        for volume in mounted_volumes(pod, boxed):
            name = volume["name"]
            try:
                self._directories.write(volume, around)
            except ConfigError as missing:
                return f'MountVolume.SetUp failed for volume "{name}" : {missing.message}'
            except OSError as refused:
                return f'MountVolume.SetUp failed for volume "{name}" : {refused.strerror}'
        return None

    def _containers(self, which: Callable[[Image], bool]) -> set[str]:
        """The names of the containers whose images are like that."""
        found = {one["name"]: self._image(one["image"]) for one in containers_of(self._spec)}
        return {name for name, image in found.items() if image is not None and which(image)}

    def _image(self, reference: str) -> Image | None:
        try:
            return self._images.find(reference)
        except InvalidReference:
            return None


def _is_boxed(image: Image) -> bool:
    """Whether a container's files are a directory that only built-in commands look at."""
    return not (isinstance(image.program, Task) or image.takes_arguments)


def _is_foreign(image: Image) -> bool:
    """Whether it is a program of the user's own."""
    return image.takes_arguments

"""The `log` subresource of pods, with Kubernetes' errors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from knlab._clock import Clock
from knlab.embedded.builtin.kinds import PODS
from knlab.embedded.kube.ages import parse_time
from knlab.embedded.kube.errors import BadRequest, Cause, Invalid
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.paths import Parameters
from knlab.embedded.kube.store import Store
from knlab.embedded.kube.subresources import Subresource, SubresourceRequest
from knlab.embedded.net.http import Response
from knlab.embedded.pods.logs import LogOptions, log_path, read_log
from knlab.embedded.pods.specs import status_of
from knlab.embedded.pods.targets import chosen_container, find_pod

_NOT_PULLED: Final = {
    "ErrImagePull": "image can't be pulled",
    "ImagePullBackOff": "trying and failing to pull image",
}


@dataclass(frozen=True, slots=True)
class _Instance:
    """One instance of one container of one pod."""

    pod: Object
    container: str
    number: int


class PodLogs:
    """Answers requests for the logs of the pods that have their directories in `directory`."""

    def __init__(self, store: Store, directory: Path, clock: Clock) -> None:
        self._store = store
        self._directory = directory
        self._clock = clock

    @property
    def subresource(self) -> Subresource:
        """What the server needs to serve `pods/log`."""
        return Subresource(handler=self._answer)

    async def _answer(self, asked: SubresourceRequest) -> Response:
        lines = self.read(asked.namespace, asked.name, asked.parameters)
        return Response(200, [(b"content-type", b"text/plain")], lines)

    def read(self, namespace: str, name: str, parameters: Parameters) -> AsyncIterator[bytes]:
        """The log that PodLogOptions in `parameters` ask for.

        Raises:
            NotFound: no such pod.
            BadRequest: no such container, or it has not run yet.
            Invalid: options that mean nothing.
        """
        pod = find_pod(self._store, namespace, name)
        options = _options(name, parameters, self._clock.now())
        container = chosen_container(pod, parameters.text("container"))
        instance = _instance(pod, container, previous=parameters.flag("previous"))
        return read_log(self._path(instance), options, lambda: self._is_running(instance))

    def _path(self, instance: _Instance) -> Path:
        directory = self._directory / instance.pod["metadata"]["uid"]
        path = log_path(directory, instance.container, instance.number)
        if not path.exists() and instance.number:
            return log_path(directory, instance.container, instance.number - 1)
        return path

    def _is_running(self, instance: _Instance) -> bool:
        metadata = instance.pod["metadata"]
        pod = self._store.get(PODS, (metadata["namespace"], metadata["name"]))
        if pod is None or pod["metadata"]["uid"] != metadata["uid"]:
            return False
        status = status_of(pod, instance.container)
        same = status.get("restartCount", 0) == instance.number
        return same and "running" in (status.get("state") or {})


def _options(name: str, parameters: Parameters, now: float) -> LogOptions:
    causes = []
    if parameters.has("tailLines") and parameters.number("tailLines") < 0:
        causes.append(_too_small(parameters, "tailLines", "greater than or equal to 0"))
    causes += [
        _too_small(parameters, field, "greater than 0")
        for field in ("limitBytes", "sinceSeconds")
        if parameters.has(field) and parameters.number(field) < 1
    ]
    if parameters.has("sinceSeconds") and parameters.has("sinceTime"):
        text = "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified"
        causes.append(Cause("", text, "FieldValueForbidden"))
    if causes:
        raise Invalid.of("", "PodLogOptions", name, causes)
    since = _moment(parameters.text("sinceTime"))
    if parameters.has("sinceSeconds"):
        since = max(0.0, now - parameters.number("sinceSeconds"))
    return LogOptions(
        follow=parameters.flag("follow"),
        tail_lines=parameters.number("tailLines") if parameters.has("tailLines") else None,
        since=since,
        timestamps=parameters.flag("timestamps"),
        limit_bytes=parameters.number("limitBytes") if parameters.has("limitBytes") else None,
    )


def _moment(text: str) -> float | None:
    """The time that `text` names, in this epoch; None if there is no text.

    Raises:
        BadRequest: it is no time.
    """
    if not text:
        return None
    if (found := parse_time(text)) is None or "T" not in text:
        layout = "2006-01-02T15:04:05Z07:00"
        raise BadRequest(f'parsing time "{text}" as "{layout}": cannot parse "{text}"')
    return max(0.0, found)


def _too_small(parameters: Parameters, field: str, rule: str) -> Cause:
    return Cause(field, f"Invalid value: {parameters.number(field)}: must be {rule}")


def _instance(pod: Object, container: str, *, previous: bool) -> _Instance:
    name = pod["metadata"]["name"]
    if not pod["spec"].get("nodeName"):  # nobody keeps a log of it yet: an empty one, as upstream
        return _Instance(pod, container, 0)
    status = status_of(pod, container)
    number = int(status.get("restartCount", 0))
    state: Object = status.get("state") or {"waiting": {"reason": "ContainerCreating"}}
    ran_before = "terminated" in (status.get("lastState") or {})
    if previous:
        if not ran_before:
            raise BadRequest(
                f'previous terminated container "{container}" in pod "{name}" not found'
            )
        number -= "waiting" not in state
    elif "waiting" in state and not ran_before:
        reason = state["waiting"].get("reason", "")
        raise BadRequest(
            f'container "{container}" in pod "{name}" is waiting to start:'
            f" {_NOT_PULLED.get(reason, reason)}"
        )
    return _Instance(pod, container, number)

"""The environment of a queue-proxy (`pkg/queue/sharedmain/main.go`), read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from knlab._exceptions import UsageError
from knlab.embedded.dataplane.timeouts import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSettings:
    """What the environment says."""

    namespace: str
    revision: str
    pod: str
    port: int
    user_port: int
    container_concurrency: int
    limits: Limits
    readiness_probe: str
    """JSON; empty means that the container is always ready."""
    detects_http2: bool = False
    """Whether readiness probes try HTTP/2 first."""

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> QueueSettings:
        """The settings in `env`.

        Raises:
            UsageError: if a variable is missing or no number.
        """
        return cls(
            namespace=_required(env, "SERVING_NAMESPACE"),
            revision=_required(env, "SERVING_REVISION"),
            pod=_required(env, "SERVING_POD"),
            port=_number(env, "QUEUE_SERVING_PORT"),
            user_port=_number(env, "USER_PORT"),
            container_concurrency=_number(env, "CONTAINER_CONCURRENCY"),
            limits=Limits(
                _number(env, "REVISION_TIMEOUT_SECONDS"),
                _number(env, "REVISION_RESPONSE_START_TIMEOUT_SECONDS", "0"),
                _number(env, "REVISION_IDLE_TIMEOUT_SECONDS", "0"),
            ),
            readiness_probe=env.get("SERVING_READINESS_PROBE", ""),
            detects_http2=env.get("ENABLE_HTTP2_AUTO_DETECTION") == "true",
        )


def _required(env: Mapping[str, str], name: str) -> str:
    value = env.get(name)
    if not value:
        raise UsageError(f"required key {name} missing value")
    return value


def _number(env: Mapping[str, str], name: str, default: str = "") -> int:
    text = env.get(name) or default or _required(env, name)
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"{name}={text!r} is not a whole number") from None

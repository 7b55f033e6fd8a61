"""ConfigMaps config-logging, config-leader-election and config-certmanager.

Of these only what queue-proxies are told about logging has an effect; the rest is checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from knlab.embedded.kube.go_types import STRING, Member, Struct
from knlab.embedded.serving.config_fields import ConfigError, Fields
from knlab.embedded.serving.yaml_values import read_yaml

_MOST_BUCKETS: Final = 10
_LEVEL_PREFIX: Final = "loglevel."
_LEVELS: Final = {
    "debug": "debug", "info": "info", "warn": "warn", "warning": "warn", "error": "error",
    "dpanic": "dpanic", "panic": "panic", "fatal": "fatal",
}  # fmt: skip
_ISSUERS: Final = ("issuerRef", "clusterLocalIssuerRef", "systemInternalIssuerRef")
_ISSUER: Final = Struct(
    "v1.ObjectReference", lambda: dict.fromkeys(("name", "kind", "group"), Member(STRING))
)


@dataclass(frozen=True, kw_only=True, slots=True)
class LoggingConfig:
    """How components log: the logger's JSON, and the level of each component that has its own."""

    logger: str = ""
    levels: Mapping[str, str] = field(default_factory=dict)


def parse_logging(data: Mapping[str, str]) -> LoggingConfig:
    """The settings in `data`, the ConfigMap's own data.

    Raises:
        ConfigError: with Knative's text, if a level is none.
    """
    levels = {}
    for key, text in sorted(data.items()):
        component = key.removeprefix(_LEVEL_PREFIX)
        if component in {key, ""} or not text:
            continue
        level = _LEVELS.get(text.lower())
        if level is None:
            raise ConfigError(f"invalid logging level: {text}")
        levels[component] = level
    return LoggingConfig(logger=data.get("zap-logger-config", ""), levels=levels)


@dataclass(frozen=True, kw_only=True, slots=True)
class LeaderElectionConfig:
    """How components of which there are several agree who leads."""

    lease_duration: float
    renew_deadline: float
    retry_period: float
    buckets: int


def parse_leader_election(data: Mapping[str, str]) -> LeaderElectionConfig:
    """The settings in `data`, the ConfigMap's own data.

    Raises:
        ConfigError: with Knative's text, if a value cannot be.
    """
    read = Fields(data)
    config = LeaderElectionConfig(
        lease_duration=read.seconds(60.0, "leaseDuration", "lease-duration"),
        renew_deadline=read.seconds(40.0, "renewDeadline", "renew-deadline"),
        retry_period=read.seconds(10.0, "retryPeriod", "retry-period"),
        buckets=read.unsigned(1, "buckets", bits=32),
    )
    if not 1 <= config.buckets <= _MOST_BUCKETS:
        raise ConfigError(
            f"buckets: value must be between 1 <= {config.buckets} <= {_MOST_BUCKETS}"
        )
    return config


def parse_certmanager(data: Mapping[str, str]) -> None:
    """Check `data`, the ConfigMap's own data; nothing follows from it where there is no TLS.

    Raises:
        ConfigError: with Knative's text, if a reference to an issuer cannot be read.
    """
    for key in _ISSUERS:
        if key in data:
            read_yaml(data[key], _ISSUER)

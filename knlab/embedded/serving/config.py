"""Knative's ConfigMaps as frozen settings: one parser per ConfigMap, and reading the live ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

from knlab.embedded.kube.controller import Outcome, Sync, View
from knlab.embedded.kube.objects import Key
from knlab.embedded.serving.config_autoscaler import parse_autoscaler
from knlab.embedded.serving.config_components import (
    LoggingConfig,
    parse_certmanager,
    parse_leader_election,
    parse_logging,
)
from knlab.embedded.serving.config_deployment import (
    DeploymentConfig,
    ObservabilityConfig,
    parse_deployment,
    parse_observability,
)
from knlab.embedded.serving.config_fields import ConfigError, Fields
from knlab.embedded.serving.config_network import (
    DomainConfig,
    NetworkConfig,
    parse_domains,
    parse_network,
)
from knlab.embedded.serving.go_template import GoTemplate, TemplateError
from knlab.embedded.serving.go_text import GoParseError, parse_seconds, parse_unsigned
from knlab.embedded.serving.kinds import CONFIG_MAPS, SYSTEM_NAMESPACE
from knlab.kpa.spec import AutoscalerConfig

__all__ = [
    "PARSERS", "AutoscalerConfig", "ConfigError", "DefaultsConfig", "DeploymentConfig",
    "DomainConfig", "FeaturesConfig", "GcConfig", "LoggingConfig", "NetworkConfig",
    "ObservabilityConfig", "parse_autoscaler", "parse_defaults", "parse_deployment",
    "parse_domains", "parse_features", "parse_gc", "parse_logging", "parse_network",
    "parse_observability", "read_config", "reading_config",
]  # fmt: skip

_T = TypeVar("_T")
_MAX_INT32: Final = 2**31 - 1


@dataclass(frozen=True, kw_only=True, slots=True)
class DefaultsConfig:
    """What a template gets where it says nothing; quantities are text, empty means unset."""

    revision_timeout_seconds: int = 300
    max_revision_timeout_seconds: int = 600
    revision_response_start_timeout_seconds: int = 300
    revision_idle_timeout_seconds: int = 0
    requests: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, str] = field(default_factory=dict)
    container_name_template: str = "user-container"
    init_container_name_template: str = "init-container"
    container_concurrency: int = 0
    container_concurrency_max_limit: int = 1000
    allow_container_concurrency_zero: bool = True
    enable_service_links: bool | None = False


def parse_defaults(data: Mapping[str, str]) -> DefaultsConfig:
    """The settings in `data`, the ConfigMap's own data.

    Raises:
        ConfigError: with Knative's text, if a value cannot be.
    """
    read = Fields(data)
    links = {"true": True, "false": False}
    timeout = read.integer(300, "revision-timeout-seconds")
    config = DefaultsConfig(
        container_name_template=_name_template(data, "container-name-template", "user-container"),
        init_container_name_template=_name_template(
            data, "init-container-name-template", "init-container"
        ),
        allow_container_concurrency_zero=read.boolean(
            "allow-container-concurrency-zero", default=True
        ),
        enable_service_links=links.get(data.get("enable-service-links", "false").lower()),
        revision_timeout_seconds=timeout,
        max_revision_timeout_seconds=read.integer(600, "max-revision-timeout-seconds"),
        revision_idle_timeout_seconds=read.integer(0, "revision-idle-timeout-seconds"),
        container_concurrency=read.integer(0, "container-concurrency"),
        container_concurrency_max_limit=read.integer(1000, "container-concurrency-max-limit"),
        requests=_quantities(read, "request"),
        limits=_quantities(read, "limit"),
        revision_response_start_timeout_seconds=read.integer(
            timeout, "revision-response-start-timeout-seconds"
        ),
    )
    if text := _defaults_refusal(config):
        raise ConfigError(text)
    return config


def _name_template(data: Mapping[str, str], key: str, default: str) -> str:
    text = data.get(key, default)
    try:
        template = GoTemplate("container-template", text)
    except TemplateError as error:
        raise ConfigError(str(error)) from error
    try:
        template.render({"Name": "", "Namespace": "", "Labels": {}, "Annotations": {}})
    except TemplateError as error:
        raise ConfigError(f"error executing template: {error}") from error
    return text


def _quantities(read: Fields, what: str) -> dict[str, str]:
    names = ("cpu", "memory", "ephemeral-storage")
    found = {name: read.quantity("", f"revision-{name}-{what}") for name in names}
    return {name: value for name, value in found.items() if value}


def _defaults_refusal(config: DefaultsConfig) -> str:
    timeout, highest = config.revision_timeout_seconds, config.max_revision_timeout_seconds
    if timeout > highest:
        return (
            f"revision-timeout-seconds ({timeout}) cannot be greater than"
            f" max-revision-timeout-seconds ({highest})"
        )
    for name, value in (
        ("revision-response-start-timeout-seconds", config.revision_response_start_timeout_seconds),
        ("revision-idle-timeout-seconds", config.revision_idle_timeout_seconds),
    ):
        if value > max(timeout, 0):
            return f"{name} ({value}) cannot be greater than revision-timeout-seconds ({timeout})"
    limit, concurrency = config.container_concurrency_max_limit, config.container_concurrency
    if limit < 1:
        return f"expected 1 <= {limit} <= {_MAX_INT32}: container-concurrency-max-limit"
    if not 0 <= concurrency <= limit:
        return f"expected 0 <= {concurrency} <= {limit}: container-concurrency"
    return ""


_FEATURES: Final = {
    "multi-container": "Enabled", "kubernetes.podspec-volumes-emptydir": "Enabled",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class FeaturesConfig:
    """The feature flags that are set; ask with `state` or `allows`."""

    flags: Mapping[str, str] = field(default_factory=dict)

    def state(self, feature: str) -> str:
        """`Enabled`, `Allowed`, `Disabled`, or for secure-pod-defaults `AllowRootBounded`."""
        return self.flags.get(feature) or _FEATURES.get(feature, "Disabled")

    def enabled(self, feature: str) -> bool:
        """Whether `feature` is Enabled."""
        return self.state(feature) == "Enabled"

    def allows(self, feature: str) -> bool:
        """Whether `feature` is Enabled or Allowed."""
        return self.state(feature) != "Disabled"

    @property
    def secure_pod_defaults(self) -> bool:
        """Whether containers get secure defaults."""
        return self.allows("secure-pod-defaults")


def parse_features(data: Mapping[str, str]) -> FeaturesConfig:
    """The flags in `data`; values that are no flag are ignored, as Knative ignores them."""
    flags = {}
    for key, value in data.items():
        allowed = ("Enabled", "Allowed", "Disabled")
        if key == "secure-pod-defaults":
            allowed = ("Disabled", "AllowRootBounded", "Enabled")
        known = next((flag for flag in allowed if flag.lower() == value.lower()), "")
        if known:
            flags[key] = known
    return FeaturesConfig(flags)


@dataclass(frozen=True, kw_only=True, slots=True)
class GcConfig:
    """When revisions that nobody routes to are deleted; None means that the rule is disabled."""

    retain_since_create_time: float | None = 48 * 3600.0
    retain_since_last_active_time: float | None = 15 * 3600.0
    min_non_active_revisions: int = 20
    max_non_active_revisions: int | None = 1000


def parse_gc(data: Mapping[str, str]) -> GcConfig:
    """The settings in `data`, the ConfigMap's own data.

    Raises:
        ConfigError: with Knative's text, if a value cannot be.
    """
    read = Fields(data, prefix="failed to parse data: ")
    least = read.integer(20, "min-non-active-revisions")
    config = GcConfig(
        retain_since_create_time=_disabled_or(
            data, "retain-since-create-time", 48 * 3600.0, _retention
        ),
        retain_since_last_active_time=_disabled_or(
            data, "retain-since-last-active-time", 15 * 3600.0, _retention
        ),
        max_non_active_revisions=_disabled_or(
            data, "max-non-active-revisions", 1000, parse_unsigned
        ),
        min_non_active_revisions=least,
    )
    most = config.max_non_active_revisions
    if least < 0:
        raise ConfigError(f"min-non-active-revisions must be non-negative, was: {least}")
    if most is not None and least > most:
        raise ConfigError(
            f"min-non-active-revisions({least}) must be <= max-non-active-revisions({most})"
        )
    return config


def _disabled_or(
    data: Mapping[str, str], key: str, default: _T, parse: Callable[[str], _T]
) -> _T | None:
    text = data.get(key, "").strip()
    if not text:
        return default
    if text.lower() == "disabled":
        return None
    try:
        return parse(text)
    except GoParseError as error:
        raise ConfigError(f"failed to parse {key}: {error}") from error


def _retention(text: str) -> float:
    seconds = parse_seconds(text)
    if seconds < 0:
        raise GoParseError("must be non-negative")
    return seconds


PARSERS: Final[Mapping[str, Callable[[Mapping[str, str]], Any]]] = {
    "config-autoscaler": parse_autoscaler,
    "config-certmanager": parse_certmanager,
    "config-defaults": parse_defaults,
    "config-deployment": parse_deployment,
    "config-domain": parse_domains,
    "config-features": parse_features,
    "config-gc": parse_gc,
    "config-leader-election": parse_leader_election,
    "config-logging": parse_logging,
    "config-network": parse_network,
    "config-observability": parse_observability,
}
"""The ConfigMaps that have rules, each with its parser."""


@dataclass(frozen=True, slots=True)
class _Read:
    """What a ConfigMap said when it could last be read, and what that means."""

    data: Mapping[str, str]
    settings: Any


_LAST_GOOD: Final[WeakKeyDictionary[View, dict[str, _Read]]] = WeakKeyDictionary()
"""By cluster and name of the ConfigMap."""


def read_config(view: View, parse: Callable[[Mapping[str, str]], _T]) -> _T:
    """The live settings of the ConfigMap that `parse` reads; a missing one means the defaults.

    One that says what cannot be, because nobody checked it, leaves the settings as they were.

    Raises:
        ConfigError: if it has said so ever since it was first read; names it.
    """
    name = next(name for name, parser in PARSERS.items() if parser is parse)
    found = view.find(CONFIG_MAPS, SYSTEM_NAMESPACE, name) or {}
    good, data = _LAST_GOOD.setdefault(view, {}), found.get("data") or {}
    last = good.get(name)
    if last is None or last.data != data:
        try:
            last = good[name] = _Read(data, parse(data))
        except ConfigError as error:
            if last is None:
                raise ConfigError(f"{name}: {error}") from error
    settings: _T = last.settings
    return settings


def reading_config(sync: Sync) -> Sync:
    """`sync` that fails with the ConfigMap's error, to be retried, if one cannot be read."""

    @wraps(sync)
    def guarded(view: View, key: Key, now: float) -> Outcome:
        try:
            return sync(view, key, now)
        except ConfigError as error:
            return Outcome(failed=str(error))

    return guarded

"""ConfigMaps for the data plane: what they say now, and at every change, reaches who heeds it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

from knlab.embedded.dataplane.access_log import parse_format
from knlab.embedded.dataplane.gateway import GatewayOptions, GatewaySettings
from knlab.embedded.dataplane.request_log import (
    ActivatorRequestLog,
    LoggedRevision,
    RequestLogSettings,
)
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.objects import key_of
from knlab.embedded.kube.store import Change
from knlab.embedded.serving import config_kourier
from knlab.embedded.serving.config import ConfigError, parse_observability
from knlab.embedded.serving.config_kourier import KourierConfig, parse_kourier
from knlab.embedded.serving.keys import CONFIGURATION, SERVICE, labels_of
from knlab.embedded.serving.kinds import CONFIG_MAPS, REVISIONS, SYSTEM_NAMESPACE
from knlab.embedded.serving.request_log_template import RequestLogTemplate

OBSERVABILITY = "config-observability"

Read: TypeAlias = Callable[[Mapping[str, str]], None]
Log: TypeAlias = Callable[[str], None]


@contextmanager
def following(api: Api, name: str, read: Read) -> Iterator[None]:
    """`read` gets the ConfigMap `name` of knative-serving now and at each change of the block."""
    key = (SYSTEM_NAMESPACE, name)

    def heard(change: Change) -> None:
        if key_of(change.object) == key:
            gone = change.type == "DELETED"
            read({} if gone else change.object.get("data") or {})

    with api.store.listening(heard, CONFIG_MAPS):
        read((api.store.get(CONFIG_MAPS, key) or {}).get("data") or {})
        yield


@contextmanager
def gateway_settings(api: Api, options: GatewayOptions, log: Log) -> Iterator[None]:
    """`options` are what config-kourier says while the block runs; complaints go to `log`."""

    def read(data: Mapping[str, str]) -> None:
        try:
            config = parse_kourier(data)
            options.current = _settings(config)
        except ConfigError as error:
            log(f'Error updating kourier config "{config_kourier.NAME}": "{error}"')
            return
        for key in config.without_effect:
            log(f"{config_kourier.NAME}: {key} has no effect in the embedded cluster")

    with following(api, config_kourier.NAME, read):
        yield


def _settings(config: KourierConfig) -> GatewaySettings:
    try:
        line = parse_format(config.access_log_template, config.trusted_hops)
    except ValueError as error:
        raise ConfigError(f"service-access-log-template: {error}") from error
    return GatewaySettings(
        access_log=line if config.access_log else None,
        stream_idle_timeout=config.stream_idle_timeout,
        trusted_hops=config.trusted_hops,
        use_remote_address=config.use_remote_address,
        server_header=config.server_header,
    )


def observability_now(api: Api) -> Mapping[str, Any]:
    """The JSON that config-observability amounts to now; that of its defaults if it cannot be."""
    found = api.store.get(CONFIG_MAPS, (SYSTEM_NAMESPACE, OBSERVABILITY)) or {}
    try:
        return _observability(found.get("data") or {})
    except ConfigError:
        return _observability({})


def _observability(data: Mapping[str, str]) -> Mapping[str, Any]:
    settings: Mapping[str, Any] = json.loads(parse_observability(data).queue_json)
    return settings


@contextmanager
def activator_log(api: Api, log: Log) -> Iterator[ActivatorRequestLog]:
    """A request log that is as config-observability says while the block runs."""
    requests = ActivatorRequestLog(lambda name: _revision(api, name), log)

    def read(data: Mapping[str, str]) -> None:
        try:
            wanted = RequestLogSettings.from_observability(_observability(data)).template
            requests.template = RequestLogTemplate(wanted) if wanted else None
        except ValueError as error:
            log(f"Failed to update the request log template. {error}")

    with following(api, OBSERVABILITY, read):
        yield requests


def _revision(api: Api, name: str) -> LoggedRevision | None:
    """The Revision called `namespace/name`, as a request log sees it."""
    namespace, _, short = name.partition("/")
    found = api.store.get(REVISIONS, (namespace, short))
    if found is None:
        return None
    labels = labels_of(found)
    return LoggedRevision(
        name=short,
        namespace=namespace,
        service=labels.get(SERVICE, ""),
        configuration=labels.get(CONFIGURATION, ""),
    )

"""config-kourier (net-kourier's `pkg/reconciler/ingress/config`), as far as the gateway heeds it.

No webhook looks at it: net-kourier's controller reads it, complains in its log, keeps the former.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from knlab.embedded.serving.config_fields import ConfigError, Fields
from knlab.embedded.serving.go_text import quoted

NAME: Final = "config-kourier"
_MOST_PORT: Final = 65535
_WITHOUT_EFFECT: Final = {
    "enable-proxy-protocol": "false", "cluster-cert-secret": "", "enable-cryptomb": "false",
    "cipher-suites": "", "listen-ip-addresses": "0.0.0.0", "extauthz-host": "",
    "certs-secret-name": "", "certs-secret-namespace": "", "tracing-endpoint": "",
}  # fmt: skip
"""Keys that the embedded gateway does not heed, with the value that asks for nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KourierConfig:
    """What the gateway is told."""

    access_log: bool = True
    access_log_template: str = ""
    stream_idle_timeout: float = 0.0
    trusted_hops: int = 0
    use_remote_address: bool = False
    server_header: bool = True
    without_effect: tuple[str, ...] = ()
    """Keys that ask for something that the embedded gateway has not."""


def parse_kourier(data: Mapping[str, str]) -> KourierConfig:
    """The settings in `data`, the ConfigMap's own data.

    Raises:
        ConfigError: with net-kourier's text, if a value cannot be.
    """
    read = Fields(data)
    log = read.boolean("enable-service-access-logging", default=True)
    read.boolean("enable-proxy-protocol", default=False)
    idle = read.seconds(0.0, "stream-idle-timeout")
    hops = read.unsigned(0, "trusted-hops-count", bits=32)
    remote = read.boolean("use-remote-address", default=False)
    read.boolean("enable-cryptomb", default=False)
    _check_addresses(data.get("listen-ip-addresses"))
    _check_tracing(data)
    _check_external_authorization(data)
    hidden = read.boolean("disable-envoy-server-header", default=False)
    if idle < 0:
        raise ConfigError("Invalid duration: Expected positive duration: stream-idle-timeout")
    return KourierConfig(
        access_log=log,
        access_log_template=data.get("service-access-log-template", ""),
        stream_idle_timeout=idle,
        trusted_hops=hops,
        use_remote_address=remote,
        server_header=not hidden,
        without_effect=tuple(
            key
            for key, idle_value in _WITHOUT_EFFECT.items()
            if data.get(key, idle_value).strip() != idle_value
        ),
    )


def _check_addresses(text: str | None) -> None:
    for part in () if text is None else text.split(","):
        try:
            ipaddress.ip_address(part.strip())
        except ValueError:
            address = quoted(part.strip())
            text = f"invalid IP address {address} in listen-ip-addresses"
            raise ConfigError(text) from None


def _check_tracing(data: Mapping[str, str]) -> None:
    protocol = data.get("tracing-protocol", "")
    if data.get("tracing-endpoint") and protocol not in {"", "grpc", "http/protobuf"}:
        known = f"{quoted('http/protobuf')} or {quoted('grpc')}"
        raise ConfigError(f"invalid tracing protocol {quoted(protocol)}, must be {known}")


def _check_external_authorization(data: Mapping[str, str]) -> None:
    host = data.get("extauthz-host", "")
    if not host:
        return
    protocol = data.get("extauthz-protocol", "")
    if protocol not in {"grpc", "http", "https"}:
        known = "map[grpc:{} http:{} https:{}]"
        raise ConfigError(f"protocol {protocol} is invalid, must be in {known}")
    if ":" not in host:
        problem = f"address {host}: missing port in address"
        raise ConfigError(f"failed to split host and port from {host}: {problem}")
    port = host.rpartition(":")[2]
    if not port.isdigit():
        problem = f"strconv.Atoi: parsing {quoted(port)}: invalid syntax"
        raise ConfigError(f"failed to convert port {port} to int: {problem}")
    if int(port) > _MOST_PORT:
        raise ConfigError(f"port {port} bigger than {_MOST_PORT}")

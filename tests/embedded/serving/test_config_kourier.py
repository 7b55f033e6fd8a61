"""config-kourier: what the gateway heeds, and net-kourier's complaints."""

from __future__ import annotations

import pytest

from knlab.embedded.serving.config_fields import ConfigError
from knlab.embedded.serving.config_kourier import KourierConfig, parse_kourier


@pytest.mark.parametrize(
    ("settings", "config"),
    [
        ({}, KourierConfig()),
        ({"enable-service-access-logging": "false"}, KourierConfig(access_log=False)),
        (
            {"service-access-log-template": "%REQ(X)%\n"},
            KourierConfig(access_log_template="%REQ(X)%\n"),
        ),
        ({"stream-idle-timeout": "1m30s"}, KourierConfig(stream_idle_timeout=90.0)),
        ({"trusted-hops-count": "2"}, KourierConfig(trusted_hops=2)),
        ({"use-remote-address": "true"}, KourierConfig(use_remote_address=True)),
        ({"disable-envoy-server-header": "true"}, KourierConfig(server_header=False)),
        ({"extauthz-timeout": "nonsense", "extauthz-host": ""}, KourierConfig()),
        (
            {"enable-proxy-protocol": "true", "cipher-suites": "A,B", "enable-cryptomb": "false"},
            KourierConfig(without_effect=("enable-proxy-protocol", "cipher-suites")),
        ),
        (
            {"tracing-endpoint": "http://otel:4317", "extauthz-host": "auth:80",
             "extauthz-protocol": "grpc"},
            KourierConfig(without_effect=("extauthz-host", "tracing-endpoint")),
        ),
    ],
    ids=lambda value: " ".join(value) or "nothing said" if isinstance(value, dict) else "",
)  # fmt: skip
def test_config_kourier_means(settings: dict[str, str], config: KourierConfig) -> None:
    assert parse_kourier(settings) == config


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (
            {"enable-service-access-logging": "maybe"},
            ('failed to parse "enable-service-access-logging": strconv.ParseBool: parsing "maybe":'
            " invalid syntax"),
        ),
        (
            {"stream-idle-timeout": "soon"},
            'failed to parse "stream-idle-timeout": time: invalid duration "soon"',
        ),
        (
            {"trusted-hops-count": "-1"},
            'failed to parse "trusted-hops-count": strconv.ParseUint: parsing "-1": invalid syntax',
        ),
        ({"extauthz-host": "nohost"},
         "protocol  is invalid, must be in map[grpc:{} http:{} https:{}]"),
        (
            {"extauthz-host": "nohost", "extauthz-protocol": "grpc"},
            "failed to split host and port from nohost: address nohost: missing port in address",
        ),
        (
            {"extauthz-host": "h:x", "extauthz-protocol": "grpc"},
            'failed to convert port x to int: strconv.Atoi: parsing "x": invalid syntax',
        ),
        (
            {"extauthz-host": "h:70000", "extauthz-protocol": "grpc"},
            "port 70000 bigger than 65535",
        ),
        (
            {"tracing-endpoint": "http://otel:4317", "tracing-protocol": "x"},
            'invalid tracing protocol "x", must be "http/protobuf" or "grpc"',
        ),
        ({"listen-ip-addresses": "a.b"}, 'invalid IP address "a.b" in listen-ip-addresses'),
        (
            {"stream-idle-timeout": "-1s"},
            "Invalid duration: Expected positive duration: stream-idle-timeout",
        ),
    ],
    ids=lambda value: " ".join(map("=".join, value.items())) if isinstance(value, dict) else "",
)  # fmt: skip
def test_config_kourier_cannot_mean(settings: dict[str, str], complaint: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_kourier(settings)
    assert str(refused.value) == complaint

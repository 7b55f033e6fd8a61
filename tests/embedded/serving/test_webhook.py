"""The webhook: what it is asked, what it warns of, and that its settings count."""

from __future__ import annotations

from typing import Any

from knlab.embedded.serving.kinds import CONFIG_MAPS, SERVICES
from knlab.embedded.serving.webhook import (
    CONFIG_VALIDATION_PATH,
    DEFAULTING_PATH,
    VALIDATION_PATH,
    example_checksum,
)
from tests.embedded.serving.admitted import (
    INSECURE,
    admit,
    ask,
    container,
    denied,
    service,
    with_config,
)
from tests.factories import make


def test_a_plain_service_is_allowed_with_one_warning() -> None:
    result = admit(service())
    assert result.denied == ""
    assert result.warnings == (INSECURE,)


def test_features_open_what_is_closed() -> None:
    view = with_config("config-features", **{"kubernetes.podspec-nodeselector": "enabled"})
    assert denied(service(nodeSelector={"a": "b"}), view=view) == ""
    secure = with_config("config-features", secure_pod_defaults="enabled")
    result = admit(service(), view=secure)
    assert result.warnings == ()
    assert result.object is not None
    context = result.object["spec"]["template"]["spec"]["containers"][0]["securityContext"]
    assert context == {
        "allowPrivilegeEscalation": False,
        "seccompProfile": {"type": "RuntimeDefault"},
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
    }


def test_a_quantity_that_is_none_cannot_be_read() -> None:
    broken = container(resources={"limits": {"cpu": "x"}})
    assert ask(DEFAULTING_PATH, SERVICES, broken).denied == (
        "mutation failed: cannot decode incoming new object: quantities must match the regular"
        " expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
    )


def test_status_and_deletion_are_not_judged() -> None:
    broken = service(containers=[])
    assert ask(VALIDATION_PATH, SERVICES, broken, broken, subresource="status").denied == ""
    assert ask(VALIDATION_PATH, SERVICES, None).denied == ""
    assert ask("/nowhere", SERVICES, broken).denied


def test_config_maps_are_checked() -> None:
    def check(name: str, **metadata: Any) -> str:
        values = metadata.pop("data")
        obj = make("v1", "ConfigMap", name, "knative-serving", data=values, metadata=metadata)
        return ask(CONFIG_VALIDATION_PATH, CONFIG_MAPS, obj).denied

    assert check("config-autoscaler", data={"stable-window": "1s"}) == (
        "validation failed: stable-window = 1s, must be in [6s; 1h0m0s] range"
    )
    assert check("config-other", data={"stable-window": "1s"}) == ""
    right = {"knative.dev/example-checksum": example_checksum("a\n\nb")}
    assert check("config-gc", data={"_example": "a\n\nb"}, annotations=right) == ""
    assert check("config-gc", data={"_example": "c"}, annotations=right) == (
        'validation failed: the update modifies a key in "_example" which is probably not what you'
        " want. Instead, copy the respective setting to the top-level of the ConfigMap, directly"
        ' below "data"'
    )

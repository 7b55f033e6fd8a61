"""Bodies are written here with the wire format's own rules; the acceptance tests use kubectl's."""

from __future__ import annotations

import random

import pytest

from knlab.embedded.kube.protobuf import MAGIC, ProtobufError, decode


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def text(field: int, value: str | bytes) -> bytes:
    content = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(content)) + content


def envelope(api_version: str, kind: str, *fields: bytes) -> bytes:
    kinds = text(1, text(1, api_version) + text(2, kind))
    return MAGIC + kinds + text(2, b"".join(fields))


def test_a_config_map_with_maps_bytes_and_empty_values() -> None:
    meta = text(1, text(1, "c") + text(3, "default") + number(7, 0) + text(8, b""))
    data = text(2, text(1, "a") + text(2, "1")) + text(2, text(1, "empty") + text(2, ""))
    binary = text(3, text(1, "b") + text(2, b"\x00\xff"))
    assert decode(envelope("v1", "ConfigMap", meta, data, binary)) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "c", "namespace": "default"},
        "data": {"a": "1", "empty": ""},
        "binaryData": {"b": "AP8="},
    }


def test_zeros_that_go_always_writes_are_dropped_and_zeros_behind_pointers_are_kept() -> None:
    spec = number(1, 0) + number(5, 0) + number(7, 0) + text(4, b"")
    found = decode(envelope("apps/v1", "Deployment", text(2, spec), text(3, number(2, 0))))
    assert found["spec"] == {"replicas": 0}
    assert "status" not in found


def test_embedded_members_are_hoisted_and_int_or_string_is_one_of_both() -> None:
    http_get = text(1, "/") + text(2, number(1, 1) + text(3, "web"))
    probe = text(1, text(2, http_get)) + number(4, 10)
    volume = text(1, "v") + text(2, text(2, text(1, "")))
    container = text(1, "c") + text(11, probe)
    pod_spec = text(1, volume) + text(2, container)
    found = decode(envelope("v1", "Pod", text(2, pod_spec)))
    assert found["spec"]["volumes"] == [{"name": "v", "emptyDir": {}}]
    assert found["spec"]["containers"][0]["readinessProbe"] == {
        "httpGet": {"path": "/", "port": "web"},
        "periodSeconds": 10,
    }


def test_quantities_times_and_negative_numbers() -> None:
    requests = text(2, text(1, "cpu") + text(2, text(1, "25m")))
    container = text(1, "c") + text(8, requests)
    meta = text(1, text(1, "p") + text(8, number(1, 1_700_000_000)))
    found = decode(envelope("v1", "Pod", meta, text(2, text(2, container) + number(5, -1))))
    assert found["metadata"]["creationTimestamp"] == "2023-11-14T22:13:20Z"
    assert found["spec"]["containers"][0]["resources"] == {"requests": {"cpu": "25m"}}
    assert found["spec"]["activeDeadlineSeconds"] == -1


def test_delete_options_keep_a_grace_period_of_zero() -> None:
    body = envelope("apps/v1", "DeleteOptions", number(1, 0), text(4, "Foreground"))
    found = decode(body)
    assert (found["gracePeriodSeconds"], found["propagationPolicy"]) == (0, "Foreground")


def test_groups_are_found_by_their_first_label_and_empty_elements_stay() -> None:
    rule = text(1, "get") + text(2, "") + text(3, "pods")
    found = decode(envelope("rbac.authorization.k8s.io/v1", "Role", text(2, rule)))
    assert found["rules"] == [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]


def test_unknown_fields_are_skipped() -> None:
    extra = text(999, "new") + varint(998 << 3 | 5) + b"\0" * 4 + varint(997 << 3 | 1) + b"\0" * 8
    assert decode(envelope("v1", "ConfigMap", extra)) == {"apiVersion": "v1", "kind": "ConfigMap"}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"{}", id="JSON"),
        pytest.param(MAGIC, id="nothing after the magic"),
        pytest.param(envelope("v1", "NoSuchKind"), id="a kind without a table"),
        pytest.param(envelope("v1", "ConfigMap", b"\x0a\x7f"), id="cut short"),
        pytest.param(envelope("v1", "ConfigMap", b"\x0b"), id="a wire type that nobody uses"),
        pytest.param(envelope("v1", "ConfigMap", number(1, 5)), id="a number for a message"),
        pytest.param(envelope("v1", "ConfigMap", b"\x0a" + b"\xff" * 11), id="an endless number"),
        pytest.param(
            envelope("v1", "ConfigMap", text(1, text(1, b"\xff"))), id="text that is no UTF-8"
        ),
    ],
)
def test_damaged_messages_are_refused(body: bytes) -> None:
    with pytest.raises(ProtobufError):
        decode(body)


def test_no_noise_raises_anything_else() -> None:
    chance = random.Random(7)
    good = envelope("v1", "Pod", text(1, text(1, "p")), text(2, text(2, text(1, "c"))))
    for _ in range(2000):
        damaged = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            damaged[chance.randrange(4, len(damaged))] = chance.randrange(256)
        try:
            decode(bytes(damaged))
        except ProtobufError:
            continue

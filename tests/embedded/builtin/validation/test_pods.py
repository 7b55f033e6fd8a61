"""What the API says against Pods, and against their statuses, in Kubernetes' words."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.builtin.validation.pod_statuses import validate_pod_status
from knlab.embedded.builtin.validation.pods import template_causes, validate_pod
from knlab.embedded.kube.objects import Object

NO_ADDRESS = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
UP = "Invalid value: \"../x\": must not contain '..'"
CONTROL = "must not contain control characters"
NO_NAME = (
    "a valid environment variable name must consist only of printable ASCII characters other than"
    " '='"
)
TWO = "may specify no more than one IP for each IP family"
VOLUME = {"name": "v", "emptyDir": {}}


def pod(container: Object | None = None, **spec: Any) -> Object:
    main = {"name": "main", "image": "web:1", **(container or {})}
    return {"metadata": {"name": "p"}, "spec": {"containers": [main], **spec}}


def refused(new: Object, old: Object | None = None) -> list[str]:
    return [str(cause) for cause in validate_pod(new, old)]


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ({"configMap": {"name": "c", "items": [{"key": "a", "path": "..data_tmp"}]}},
         ["configMap.items[0].path: Invalid value: \"..data_tmp\": must not start with '..'"]),
        ({"configMap": {"name": "c", "items": [{"key": "a", "path": "/x"}]}},
         ['configMap.items[0].path: Invalid value: "/x": must be a relative path']),
        ({"configMap": {"name": "c", "items": [{"key": "a", "path": "x/../y"}]}},
         ["configMap.items[0].path: Invalid value: \"x/../y\": must not contain '..'"]),
        ({"configMap": {"name": "c", "items": [{"key": "a", "path": ""}]}},
         ["configMap.items[0].path: Required value"]),
        ({"configMap": {"name": "c", "items": [{"path": "x"}]}},
         ["configMap.items[0].key: Required value"]),
        ({"configMap": {"items": [{"key": "a", "path": "x"}]}},
         ["configMap.name: Required value"]),
        ({"configMap": {"name": "c", "defaultMode": 1000, "items": [
            {"key": "a", "path": "x", "mode": 1000}]}},
         [f"configMap.{where}: Invalid value: 1000: must be a number between 0 and 0777 (octal),"
          " both inclusive" for where in ("defaultMode", "items[0].mode")]),
        ({"secret": {"items": [{"key": "a", "path": "../x"}]}},
         ["secret.secretName: Required value",
          "secret.items[0].path: Invalid value: \"../x\": must not contain '..'"]),
        ({"downwardAPI": {"items": [
            {"path": "../x", "fieldRef": {"fieldPath": "metadata.name"}}]}},
         ["downwardAPI.path: Invalid value: \"../x\": must not contain '..'"]),
        ({"downwardAPI": {"items": [{"path": "x"}]}},
         ["downwardAPI: Required value: one of fieldRef and resourceFieldRef is required"]),
        ({"projected": {"sources": [
            {"configMap": {"name": "c", "items": [{"key": "a", "path": "../x"}]}}]}},
         ["projected.sources[0].configMap.items[0].path: " + UP]),
        ({"projected": {"sources": [{"configMap": {}}, {"secret": {"items": []}}]}},
         ["projected.sources[0].configMap.name: Required value",
          "projected.sources[1].secret.name: Required value"]),
        ({"configMap": {"name": "c", "items": [{"key": "a", "path": "a\0b"}]}},
         ['configMap.items[0].path: Invalid value: "a\\u0000b": ' + CONTROL]),
        ({"configMap": {"name": "c", "items": [{"key": "a", "path": "deep/enough..", "mode": 0}]}},
         []),
    ],
)  # fmt: skip
def test_volumes(source: Object, why: list[str]) -> None:
    assert refused(pod(volumes=[{"name": "v", **source}])) == [
        f"spec.volumes[0].{cause}" for cause in why
    ]


@pytest.mark.parametrize(
    ("mounts", "why"),
    [
        ([{"mountPath": "/a"}, {"mountPath": "/a"}],
         ['[1].mountPath: Invalid value: "/a": must be unique']),
        ([{"mountPath": "/a", "subPath": "../x"}],
         [".subPath: Invalid value: \"../x\": must not contain '..'"]),
        ([{"mountPath": "/a", "subPath": "/x"}],
         ['.subPath: Invalid value: "/x": must be a relative path']),
        ([{"mountPath": "/a", "subPath": "x", "subPathExpr": "y"}],
         ['[0].subPathExpr: Invalid value: "y": subPathExpr and subPath are mutually exclusive']),
        ([{"mountPath": "/"}],
         ['[0].mountPath: Invalid value: "/": must not be the container\'s root']),
        ([{"mountPath": "/\x1froot=/"}],
         ['[0].mountPath: Invalid value: "/\\u001froot=/": must not contain control characters']),
        ([{}], ["[0].mountPath: Required value"]),
        ([{"mountPath": "a:b"}], []),
    ],
)  # fmt: skip
def test_mounts(mounts: list[Object], why: list[str]) -> None:
    container = {"volumeMounts": [{"name": "v", **mount} for mount in mounts]}
    assert refused(pod(container, volumes=[VOLUME])) == [
        f"spec.containers[0].volumeMounts{cause}" for cause in why
    ]


@pytest.mark.parametrize("text", ["/\x1froot=/", "/\x1e", "/\x1d", "/a\0", "/\x7f", "/\n"])
def test_no_path_has_control_characters(text: str) -> None:
    (cause,) = refused(pod({"workingDir": text}))
    assert cause.startswith("spec.containers[0].workingDir: Invalid value: ")
    assert cause.endswith("must not contain control characters")


def test_names_of_variables() -> None:
    env = [{"name": "a b", "value": ""}, {"name": "a\x01", "value": ""}]
    assert refused(pod({"env": env})) == [
        f'spec.containers[0].env[1].name: Invalid value: "a\\u0001": {NO_NAME}'
    ]


RANGE = "must be between 1 and 2147483647, inclusive"


@pytest.mark.parametrize(
    ("new", "old", "why"),
    [
        (0, None, [f"0: {RANGE}"]),
        (-1, None, [f"-1: {RANGE}"]),
        (1 << 31, None, [f"2147483648: {RANGE}"]),
        (1, None, []),
        (9, 10, []),
        (11, 10, ["11: must be less than or equal to previous value"]),
        (None, 10, ["null: must not update from a positive integer to nil value"]),
    ],
)
def test_the_deadline(new: int | None, old: int | None, why: list[str]) -> None:
    made = pod() if new is None else pod(activeDeadlineSeconds=new)
    before = pod() if old is None else pod(activeDeadlineSeconds=old)
    assert refused(made, before) == [
        f"spec.activeDeadlineSeconds: Invalid value: {text}" for text in why
    ]


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"hostNetwork": True}, "hostNetwork"),
        ({"hostPID": True}, "hostPID"),
        ({"hostIPC": True}, "hostIPC"),
        ({"hostUsers": False}, "hostUsers"),
        ({"shareProcessNamespace": True}, "shareProcessNamespace"),
        ({"setHostnameAsFQDN": True}, "setHostnameAsFQDN"),
        ({"dnsConfig": {"nameservers": ["1.2.3.4"]}}, "dnsConfig"),
        ({"resourceClaims": [{"name": "x"}]}, "resourceClaims"),
        ({"os": {"name": "windows"}}, "os.name"),
    ],
)
def test_what_containers_cannot_share_or_see_here(spec: Object, field: str) -> None:
    why = [f"spec.{field}: Forbidden: is not available on this cluster"]
    assert refused(pod(**spec)) == why
    causes = template_causes({"spec": pod(**spec)["spec"]}, "spec.template")
    assert [str(cause) for cause in causes] == [f"spec.template.{why[0]}"]


def test_what_says_the_same_as_nothing_is_let_in() -> None:
    spec: Object = {
        "hostNetwork": False,
        "hostUsers": True,
        "os": {"name": "linux"},
        "dnsConfig": {},
    }
    assert refused(pod(**spec)) == []


def test_ephemeral_containers_are_for_later() -> None:
    spec = pod(ephemeralContainers=[{"name": "x", "image": "y:1"}])
    assert refused(spec) == ["spec.ephemeralContainers: Forbidden: cannot be set on create"]
    (cause,) = template_causes({"spec": spec["spec"]}, "spec.template")
    assert str(cause) == (
        "spec.template.spec.ephemeralContainers: Forbidden: ephemeral containers not allowed in"
        " pod template"
    )


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ({"podIP": "1.2.3.4", "podIPs": [{"ip": "1.2.3.4"}]}, []),
        ({"podIPs": [{"ip": "1.2.3.4"}, {"ip": "::1"}]}, []),
        ({"podIPs": [{"ip": "127.9"}]}, [f'podIPs[0]: Invalid value: "127.9": {NO_ADDRESS}']),
        ({"podIPs": [{}]}, [f'podIPs[0]: Invalid value: "": {NO_ADDRESS}']),
        ({"podIPs": [{"ip": "1.2.3.4"}, {"ip": "1.2.3.5"}]},
         [f'podIPs: Invalid value: [{{"IP":"1.2.3.4"}},{{"IP":"1.2.3.5"}}]: {TWO}']),
        ({"podIPs": [{"ip": "1.2.3.4"}, {"ip": "::1"}, {"ip": "::2"}]},
         ['podIPs: Invalid value: [{"IP":"1.2.3.4"},{"IP":"::1"},{"IP":"::2"}]: ' + TWO]),
        ({"hostIP": "127.9"}, []),
        ({"hostIP": "1.2.3.4", "hostIPs": [{"ip": "1.2.3.5"}]},
         ['hostIPs[0].ip: Invalid value: "1.2.3.5": must be equal to `hostIP`']),
        ({"hostIPs": [{"ip": "bad"}]},
         ['hostIPs[0].ip: Invalid value: "bad": must be equal to `hostIP`',
          f'hostIPs[0]: Invalid value: "bad": {NO_ADDRESS}']),
        ({"qosClass": "Odd"}, ['qosClass: Invalid value: "Odd": field is immutable']),
        ({"nominatedNodeName": "A b"}, ['nominatedNodeName: Invalid value: "A b": a lowercase']),
        ({"phase": "Odd", "containerStatuses": [{"name": "x", "restartCount": -5}]}, []),
    ],
)  # fmt: skip
def test_statuses(status: Object, why: list[str]) -> None:
    old = {"status": {"qosClass": "BestEffort"}}
    found = validate_pod_status({"status": {"qosClass": "BestEffort", **status}}, old)
    assert len(found) == len(why), found
    for cause, text in zip(found, why, strict=True):
        assert str(cause).startswith(f"status.{text}")

"""Values of a wrong type are refused in the words that a real cluster used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from knlab.embedded.kube.go_types import (
    BOOL,
    BYTES,
    FLOAT,
    INT32,
    INT64,
    MICRO_TIME,
    STRING,
    STRINGS,
    TIME,
    Anything,
    IntOrString,
    List,
    Member,
    Quantity,
    Scalar,
    Struct,
    Type,
    fill_nulls,
    misfit,
)
from knlab.embedded.kube.messages import OBJECT_META, kind_struct, struct_of
from knlab.embedded.kube.objects import Object

SEEN = Path(__file__).parents[2] / "data/real/wrong-types.jsonl"
SERVER = [
    said for line in SEEN.read_text().splitlines() if (said := json.loads(line))["by"] == "server"
]


@pytest.mark.parametrize(
    "said", [said for said in SERVER if "knative" not in said["apiVersion"]], ids=str
)
def test_builtin_kinds_complain_as_seen(said: Object) -> None:
    group, _, version = said["apiVersion"].rpartition("/")
    structure = kind_struct(group, version, said["kind"])
    assert structure is not None
    assert misfit(said["object"], structure) == said["complaint"]


@pytest.mark.parametrize(
    "said", [said for said in SERVER if "knative" in said["apiVersion"]], ids=str
)
def test_the_metadata_of_custom_resources_complain_as_seen(said: Object) -> None:
    assert misfit(said["object"]["metadata"], OBJECT_META) == said["complaint"]


_INNER = Struct("v1.Inner", lambda: {"n": Member(INT64), "deep": Member(STRING, ("Embedded",))})
_OUTER = Struct(
    "v1.Outer",
    lambda: {
        "one": Member(_INNER),
        "many": Member(List(_INNER)),
        "named": Member(Scalar("string", "v1.Phase")),
        "raw": Member(Anything()),
    },
)
CANNOT = "json: cannot unmarshal "


@pytest.mark.parametrize(
    ("value", "type_", "complaint"),
    [
        ("x", STRING, ""),
        (None, STRING, ""),
        (None, _OUTER, ""),
        (True, BOOL, ""),
        (2**31 - 1, INT32, ""),
        (-(2**31), INT32, ""),
        (2**31, INT32, f"{CANNOT}number 2147483648 into Go value of type int32"),
        (2**63, INT64, f"{CANNOT}number 9223372036854775808 into Go value of type int64"),
        (True, INT32, f"{CANNOT}bool into Go value of type int32"),
        (True, FLOAT, f"{CANNOT}bool into Go value of type float64"),
        (0.5, FLOAT, ""),
        ({"a": None}, STRINGS, ""),
        ({"unknown": 1, "raw": [{}]}, _OUTER, ""),
        (
            {"one": {"n": "x"}},
            _OUTER,
            f"{CANNOT}string into Go struct field Inner.one.n of type int64",
        ),
        (
            {"many": [{}, {"deep": 1}]},
            _OUTER,
            f"{CANNOT}number into Go struct field Inner.many.Embedded.deep of type string",
        ),
        (
            {"many": {}},
            _OUTER,
            f"{CANNOT}object into Go struct field Outer.many of type []v1.Inner",
        ),
        ({"named": 1}, _OUTER, f"{CANNOT}number into Go struct field Outer.named of type v1.Phase"),
        ("80%", IntOrString(), ""),
        (80, IntOrString(), ""),
        ([], IntOrString(), f"{CANNOT}array into Go value of type int32"),
        ("500m", Quantity(), ""),
        (1, Quantity(), ""),
        ("YQ==", BYTES, ""),
        ("Y\nQ==", BYTES, ""),
        ("YQ=", BYTES, "illegal base64 data at input byte 3"),
        ("YWFhYQ", BYTES, "illegal base64 data at input byte 4"),
        ("YQ==YQ==", BYTES, "illegal base64 data at input byte 4"),
        ("YWFh-", BYTES, "illegal base64 data at input byte 4"),
        ("2026-01-02T03:04:05Z", TIME, ""),
        ("2026-01-02T03:04:05.678901+01:00", TIME, ""),
        (
            "2026-01-02",
            TIME,
            'parsing time "2026-01-02" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "T"',
        ),
        ("2026-01-02T03:04:05Zx", TIME, 'parsing time "2026-01-02T03:04:05Zx": extra text: "x"'),
        (
            "2026-01-02T03:04:05Z", MICRO_TIME,
            ('parsing time "2026-01-02T03:04:05Z" as "2006-01-02T15:04:05.000000Z07:00": cannot'
            ' parse "Z" as ".000000"'),
        ),
    ],
)  # fmt: skip
def test_a_value_fits_or_is_complained_about(value: Any, type_: Type, complaint: str) -> None:
    assert misfit(value, type_) == complaint


def test_the_first_misfit_in_the_document_is_told() -> None:
    first, second = {"one": 1, "named": 2}, {"named": 2, "one": 1}
    assert "Outer.one " in misfit(first, _OUTER)
    assert "Outer.named " in misfit(second, _OUTER)


def test_fields_of_embedded_messages_belong_to_the_message_around_them() -> None:
    volume = struct_of("k8s.io.api.core.v1.Volume")
    assert misfit({"emptyDir": 1}, volume) == (
        f"{CANNOT}number into Go struct field Volume.emptyDir of type v1.EmptyDirVolumeSource"
    )


def test_null_structures_in_lists_are_empty_ones() -> None:
    obj = {"many": [None, {"deep": None}], "one": None, "unknown": [None]}
    fill_nulls(obj, _OUTER)
    assert obj == {"many": [{}, {"deep": None}], "one": None, "unknown": [None]}


@pytest.mark.parametrize(
    ("time", "wrong"),
    [
        ("2026-13-45T00:00:00Z", "month out of range"),
        ("2026-00-01T00:00:00Z", "month out of range"),
        ("2026-13-01", "month out of range"),
        ("2026-01-01T24:00:00Z", "hour out of range"),
        ("2026-04-31T25:00:00Z", "hour out of range"),
        ("2026-01-01T23:60:00Z", "minute out of range"),
        ("2026-01-01T23:59:60Z", "second out of range"),
        ("2026-04-31T00:00:00Z", "day out of range"),
        ("2026-01-00T00:00:00Z", "day out of range"),
        ("2025-02-29T00:00:00Z", "day out of range"),
        ("2026-01-01T00:00:00+25:00", "time zone offset hour out of range"),
        ("2026-01-01T00:00:00+24:61", "time zone offset minute out of range"),
        ("2026-12-99T00:00:00Zx", 'extra text: "x"'),
    ],
)
def test_times_that_never_come(time: str, wrong: str) -> None:
    assert misfit(time, TIME) == f'parsing time "{time}": {wrong}'


@pytest.mark.parametrize(
    "time",
    [
        "2024-02-29T00:00:00Z", "0000-02-29T00:00:00Z", "9999-12-31T23:59:59-23:00",
        "2026-01-01T5:00:00Z", "2026-01-01T00:00:00,5Z", "2026-01-01T00:00:00.1234567890123Z",
        "2026-01-01T00:00:00+24:60",
    ],
)  # fmt: skip
def test_times_that_go_reads(time: str) -> None:
    assert misfit(time, TIME) == ""


@pytest.mark.parametrize("fraction", [".123456", ",123456"])
def test_six_digits_of_a_second(fraction: str) -> None:
    assert misfit(f"2026-01-01T00:00:00{fraction}Z", MICRO_TIME) == ""

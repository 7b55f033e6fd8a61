"""Saved records."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from knlab._exceptions import RecordingError
from knlab.article import COLD
from knlab.measure.columns import Requests
from knlab.measure.fingerprint import fingerprint
from knlab.measure.recording import read_recording, write_recording
from knlab.measure.records import ClientUse, LoadRecord, Workload

RECORD = LoadRecord(
    workload=Workload(url="http://x", headers=(("Authorization", "secret"), ("x-a", "1"))),
    requests=Requests.of({"start": [0.0, 0.1], "end": [0.2, float("nan")], "status": [200, 0]}),
    elapsed=1.0,
    client=ClientUse(cpu_share=0.5, lag=0.001),
    started=1.7e9,
    fingerprint=fingerprint(),
)


def test_a_record_comes_back_as_it_was(tmp_path: Path) -> None:
    kind, found = read_recording(write_recording(tmp_path / "run.json", "LoadRun", RECORD))
    assert kind == "LoadRun"
    assert found.requests == RECORD.requests
    assert (found.client, found.started) == (RECORD.client, RECORD.started)
    assert found.fingerprint == RECORD.fingerprint
    assert read_recording(write_recording(tmp_path / "t.json", "Timings", (COLD,)))[1] == (COLD,)


def test_secrets_are_not_saved(tmp_path: Path) -> None:
    text = write_recording(tmp_path / "run.json", "LoadRun", RECORD).read_text()
    assert "secret" not in text
    assert '"x-a"' in text


def test_a_fingerprint_names_versions_and_no_paths() -> None:
    found = fingerprint()
    assert dict(found.versions)["python"].startswith("3.")
    assert "/" not in repr(found)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("no json", "not a knlab recording"),
        ("[]", "not a knlab recording"),
        ('{"format": "other"}', "not a knlab recording"),
        ('{"format": "knlab-recording", "version": 99}', "version 99"),
        ('{"format": "knlab-recording", "version": 1}', "damaged"),
        (
            '{"format": "knlab-recording", "version": 1, "kind": "x", "record": {"type": "os"}}',
            "damaged",
        ),
    ],
)
def test_another_file_is_refused(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "file.json"
    path.write_text(content)
    with pytest.raises(RecordingError, match=said):
        read_recording(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="cannot be read"):
        read_recording(tmp_path / "none.json")


def test_the_file_is_json_with_a_version(tmp_path: Path) -> None:
    document = json.loads(write_recording(tmp_path / "t.json", "Timings", (COLD,)).read_text())
    assert (document["format"], document["version"]) == ("knlab-recording", 1)
    assert document["record"][0]["namelookup"] == 0.001831

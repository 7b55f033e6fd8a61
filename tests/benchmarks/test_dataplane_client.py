"""What the clients' outputs mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.dataplane.client import (
    Hey,
    OwnGenerator,
    address_of,
    available_client,
    failures,
    samples_of_csv,
)
from knlab._exceptions import UsageError
from knlab.measure.hey import from_hey

CSV = """\
response-time,DNS+dialup,DNS,Request-write,Response-delay,Response-read,status-code,offset
0.0050,0.0010,0.0000,0.0001,0.0038,0.0001,200,0.0002
0.0070,0.0000,0.0000,0.0001,0.0068,0.0001,503,0.0052
0.0020,0.0000,0.0000,0.0001,0.0018,0.0001,200,0.0122
"""
REPORT = """
Summary:
  Total:	2.0003 secs
  Slowest:	0.0500 secs
  Fastest:	0.0010 secs
  Average:	0.0100 secs
  Requests/sec:	100.0000

Response time histogram:
  0.001 [1]	|
  0.050 [199]	|

Status code distribution:
  [200]	190 responses
  [503]	10 responses

Error distribution:
  [3]	Get "http://127.0.0.1:1/": dial tcp 127.0.0.1:1: connect: connection refused
"""


def test_heys_csv_gives_each_success_its_time_and_counts_the_other_answers() -> None:
    found = samples_of_csv(CSV.splitlines(), started=1000.0)
    assert found.began.tolist() == pytest.approx([1000.0002, 1000.0122])
    assert found.took.tolist() == [0.005, 0.002]
    assert found.failed == 1


def test_a_run_without_an_answer_has_no_samples() -> None:
    found = samples_of_csv(CSV.splitlines()[:1], started=1000.0)
    assert (len(found.began), len(found.took), found.failed) == (0, 0, 0)


def test_what_is_no_csv_of_hey_is_refused() -> None:
    with pytest.raises(UsageError, match="no csv of hey: 'response-time'"):
        samples_of_csv(["Summary:"], started=0)


def test_failures_are_bad_answers_and_missing_ones() -> None:
    assert failures(from_hey(REPORT)) == 13


@pytest.mark.parametrize(
    ("url", "address"),
    [
        pytest.param("http://127.0.0.1:8080", "127.0.0.1:8080", id="a port is kept"),
        pytest.param("http://10.96.1.2", "10.96.1.2:80", id="without one it is http's"),
    ],
)
def test_addresses(url: str, address: str) -> None:
    assert address_of(url) == address


def _program(directory: Path) -> Path:
    made = directory / "hey"
    made.write_text("#!/bin/sh\n")
    made.chmod(0o755)
    return made


def test_the_variable_names_hey_and_wins_over_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("KNLAB_HEY", str(_program(tmp_path)))
    assert available_client() == Hey(str(tmp_path / "hey"))


def test_hey_is_found_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _program(tmp_path)
    monkeypatch.delenv("KNLAB_HEY", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert available_client() == Hey(str(tmp_path / "hey"))


def test_without_hey_the_own_generator_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KNLAB_HEY", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    assert available_client() == OwnGenerator()


def test_a_variable_that_names_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KNLAB_HEY", "/nowhere/hey")
    with pytest.raises(UsageError, match="KNLAB_HEY='/nowhere/hey' is no program"):
        available_client()

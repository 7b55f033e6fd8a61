"""The record types."""

from __future__ import annotations

import subprocess
import sys

import pytest

from knlab.article import COLD
from knlab.measure.columns import COLUMNS, ErrorClass, Requests
from knlab.measure.records import ClientUse, Timing


def test_phases_add_up_with_tls() -> None:
    timing = Timing(
        namelookup=0.01,
        connect=0.03,
        appconnect=0.1,
        pretransfer=0.11,
        starttransfer=0.5,
        total=0.6,
    )
    assert timing.phases == pytest.approx(
        {"namelookup": 0.01, "connect": 0.02, "tls": 0.07, "send": 0.01, "wait": 0.39, "read": 0.1}
    )
    assert sum(timing.phases.values()) == pytest.approx(timing.total)


def test_a_timing_shows_itself_escaped() -> None:
    timing = Timing(
        namelookup=0, connect=0, pretransfer=0, starttransfer=1, total=1, status=200,
        body=b"<script>", world="kind",
    )  # fmt: skip
    assert "&lt;script&gt; · kind" in timing._repr_html_()
    assert "<script>" not in timing._repr_html_()


def test_error_codes_never_change() -> None:
    assert {each.label: int(each) for each in ErrorClass} == {
        "none": 0, "dns": 1, "refused": 2, "unreachable": 3, "tls": 4, "reset": 5, "timeout": 6,
        "malformed": 7, "status": 8, "unfinished": 9,
    }  # fmt: skip


def test_columns_have_one_length_and_cannot_be_written() -> None:
    rows = Requests.of({"start": [1.0, 2.0], "end": [2.0, 4.0]})
    assert list(rows.columns()) == list(COLUMNS)
    assert rows.total.tolist() == [1, 2]
    with pytest.raises(ValueError, match="read-only"):
        rows.start[0] = 5
    with pytest.raises(ValueError, match="length"):
        Requests.of({"start": [1.0], "end": [1.0, 2.0]})
    with pytest.raises(ValueError, match="unknown columns"):
        Requests.of({"color": [1]})


def test_a_client_with_no_core_time_left_is_saturated() -> None:
    assert ClientUse(cpu_share=0.95, lag=0).saturated
    assert not ClientUse(cpu_share=0.5, lag=0).saturated


def test_header_names_have_no_case() -> None:
    assert COLD.header("server") == ""


@pytest.mark.parametrize("module", ["measure.request", "measure.load", "results", "article"])
def test_heavy_libraries_wait_until_they_are_needed(module: str) -> None:
    heavy = ["pandas", "matplotlib", "kubernetes", "IPython", "ipywidgets"]
    code = f"import knlab.{module}, sys; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"

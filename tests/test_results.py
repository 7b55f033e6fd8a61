"""Results: one line, a table, a frame, a picture and a file each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from knlab import article, results
from knlab._exceptions import MeasureError, RecordingError, UsageError
from knlab.measure.columns import ErrorClass, Requests
from knlab.measure.recording import write_recording
from knlab.measure.records import ClientUse, LoadRecord, PodEvent, PodRecord, ScaleReading, Workload
from knlab.measure.watch import polling

RUN = results.LoadRun(
    LoadRecord(
        workload=Workload(url="http://x", concurrency=2),
        requests=Requests.of(
            {
                "intended_start": [-0.5, 0.0, 0.1, 0.2],
                "start": [-0.5, 0.0, 0.1, 0.2],
                "namelookup": [0, 0.005, 0, 0],
                "connect": [0, 0.005, 0, 0],
                "first_byte": [-0.4, 0.09, 0.19, 0.25],
                "end": [-0.4, 0.1, 0.2, 0.25],
                "status": [200, 200, 200, 503],
                "bytes": [18] * 4,
                "error": [0, 0, 0, ErrorClass.STATUS],
                "connection": [1, 2, 2, 2],
            }
        ),
        elapsed=0.25,
        client=ClientUse(cpu_share=0.3, lag=0.001),
        started=1_700_000_000.0,
        world="embedded",
    )
)
PODS = results.PodHistory(
    PodRecord(
        started=1_700_000_000.0,
        ended=1_700_000_010.0,
        events=(
            PodEvent(time=1_700_000_001.0, pod="a", revision="r", phase="starting"),
            PodEvent(time=1_700_000_002.0, pod="a", revision="r", phase="ready"),
        ),
        readings=(ScaleReading(revision="r", desired=1, wanted=3, time=1_700_000_001.0),),
        world="kind",
    )
)
SPLIT = results.Split.of(
    [replace(article.WARM, body=body) for body in (b"v1\n", b"v2\n", b"v1\n", b"v1\n")],
    expected={"v1": 50, "v2": 50},
)
COLDWARM = results.compare(cold=article.COLD, warm=[article.WARM, article.WARM])
ALL = [RUN, PODS, SPLIT, COLDWARM, results.Timings.of([article.COLD])]


@pytest.mark.parametrize(
    ("result", "line"),
    [
        (RUN, "<LoadRun 2 requests, 8 rps, p99 100 ms, 1 errors, embedded>"),
        (PODS, "<PodHistory 10.0 s, ready at most 1, 1 at the end, kind>"),
        (SPLIT, "<Split 4 requests: v1 3, v2 1, article>"),
        (COLDWARM, "<Comparison cold to warm wait 1,086\N{MULTIPLICATION SIGN}, article>"),
        (
            results.Timings.of([article.COLD]),
            "<Timings 1 requests, wait median 1.96 s, max 1.96 s, article>",
        ),
    ],
)
def test_the_line_has_the_headline_and_the_world(result: object, line: str) -> None:
    assert repr(result) == line


@pytest.mark.parametrize("result", ALL, ids=lambda result: type(result).__name__)
def test_a_saved_result_comes_back_as_it_was(result: results.Result, tmp_path: Path) -> None:
    found = results.open(result.save(tmp_path / "result.json"))
    assert found == result
    assert found._repr_html_() == result._repr_html_()


@pytest.mark.parametrize("result", ALL, ids=lambda result: type(result).__name__)
def test_each_result_draws_itself_and_says_its_world(result: results.Result) -> None:
    chart = result.plot()
    assert result.world in chart.alt
    assert '<img alt="' in chart._repr_html_()


def test_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    path = write_recording(tmp_path / "x.json", "Forecast", [])
    with pytest.raises(RecordingError, match="Forecast"):
        results.open(path)


def test_a_load_frame_has_every_request_with_curls_fields() -> None:
    frame = RUN.frame
    assert len(frame) == 4
    assert frame["warm_up"].tolist() == [True, False, False, False]
    assert frame["error"].tolist() == ["none", "none", "none", "status"]
    first = frame.iloc[1]
    assert first["connect"] == pytest.approx(0.01)
    assert first["pretransfer"] == pytest.approx(0.01)
    assert first["starttransfer"] == pytest.approx(0.09)
    assert first["total"] == pytest.approx(0.1)
    assert first["appconnect"] == 0


def test_a_load_run_says_whether_the_client_was_the_limit() -> None:
    assert RUN.verdict == "the client used 30% of a core: not saturated"
    busy = replace(RUN.record, client=ClientUse(cpu_share=0.97, lag=0.1))
    assert "it limited this result" in results.LoadRun(busy).verdict


def test_a_load_run_prints_heys_report() -> None:
    assert "Requests/sec:\t8.0000" in RUN.hey()
    assert "[503]\t1 responses" in RUN.hey()
    assert "Error distribution:\n  [1]\tstatus" in RUN.hey()


def test_a_load_run_is_compared_with_the_article() -> None:
    found = RUN.compare(article.LOAD_TEST)
    assert found.labels == ("ours", "article")
    frame = found.frame.set_index("what")
    assert frame.loc["p50", "ours"] == pytest.approx(0.1)
    assert frame.loc["p50", "article"] == 0.0285
    assert frame.loc["p50", "ratio"] == pytest.approx(0.1 / 0.0285)
    assert frame.loc["p50", "verdict"] == "apart"
    assert "unknown" in found._repr_html_()


def test_the_window_of_a_run_is_in_wall_time() -> None:
    assert RUN.window == (1_700_000_000.0, 1_700_000_000.25)
    assert "load for 250 ms" in PODS.plot(load=RUN).alt


def test_a_run_without_one_success_still_shows_itself() -> None:
    rows = Requests.of({"error": [ErrorClass.REFUSED] * 3})
    failed = results.LoadRun(replace(RUN.record, requests=rows))
    assert repr(failed) == "<LoadRun 0 requests, 0 rps, 3 errors, embedded>"
    assert "refused requests" in failed._repr_html_()
    assert "no successes" in failed.plot().alt
    assert failed.hey()


def test_a_pod_frame_counts_pods_by_phase() -> None:
    frame = PODS.frame
    assert frame["time"].tolist() == [0, 1, 2, 10]
    assert frame["ready"].tolist() == [0, 0, 1, 1]
    assert frame["wanted"].iloc[-1] == 3
    assert PODS.events["phase"].tolist() == ["starting", "ready"]


def test_a_watch_is_its_history() -> None:
    with results.PodWatch(polling(list), world="embedded", interval=0.001) as watch:
        pass
    assert repr(watch).startswith("<PodHistory")
    assert watch.frame["ready"].tolist()[-1] == 0
    assert "embedded" in watch.plot().alt


def test_a_split_counts_and_judges() -> None:
    assert SPLIT.counts == {"v1": 3, "v2": 1}
    assert SPLIT.p_value == pytest.approx(0.3173, abs=1e-4)
    assert SPLIT.runs == 3
    first = SPLIT.frame.to_dict("records")[0]
    assert (first["name"], first["share"]) == ("v1", 0.75)
    assert first["low"] < 0.5 < first["high"]


def test_a_version_that_never_answered_is_counted_as_zero() -> None:
    split = results.Split.of([article.WARM], expected={"v1": 50, "v2": 50}, by=lambda _: "v1")
    assert split.counts == {"v1": 1, "v2": 0}


def test_a_waterfall_shows_real_requests() -> None:
    assert "cold, article: 1.97 s in all, of which wait 1.96 s (100%)" in (
        COLDWARM.plot(view="waterfall").alt
    )
    assert "median 1.81 ms" in COLDWARM.plot(view="histogram").alt


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot be compared"):
        results.compare(a=article.COLD, b=article.LOAD_TEST)
    with pytest.raises(UsageError):
        results.compare()
    with pytest.raises(UsageError, match="needs requests"):
        RUN.compare(article.LOAD_TEST).plot(view="waterfall")
    with pytest.raises(MeasureError):
        results.Timings.of([])
    with pytest.raises(MeasureError):
        results.Split.of([])


def test_names_in_tables_are_escaped() -> None:
    split = results.Split.of([article.WARM], by=lambda _: "<b>")
    assert "&lt;b&gt;" in split._repr_html_()


def test_load_needs_an_end_and_reads_durations() -> None:
    with pytest.raises(UsageError, match="duration"):
        results.load("http://127.0.0.1:1", duration="soon")
    run = results.load("http://127.0.0.1:1", requests=2, concurrency=1)
    assert run.record.workload.duration is None
    assert run.summary.errors == (("refused", 2),)

"""Pictures: what is on them and what they say, never their pixels."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from knlab import article
from knlab._exceptions import UsageError
from knlab._units import format_count, format_duration
from knlab.measure.contrast import phase_rows
from knlab.measure.records import Gap, PodSample
from knlab.measure.stats import linear_bins, percentiles, wilson_interval
from knlab.plot.chart import Chart
from knlab.plot.latency import groups_chart, latency_chart, percentile_chart
from knlab.plot.phases import rows_chart, waterfall_chart
from knlab.plot.pods import pods_chart
from knlab.plot.split import split_chart
from knlab.plot.style import POD_COLOURS, tick_duration

SECONDS = np.random.default_rng(3).lognormal(-4, 0.7, 5000)
SAMPLES = (
    PodSample(time=100.0, ready=1, desired=1, wanted=1),
    PodSample(time=102.0, ready=1, starting=4, desired=5, wanted=72),
    PodSample(time=104.0, ready=5, desired=5, wanted=72),
    PodSample(time=170.0, ready=1, terminating=4, desired=1, wanted=1),
    PodSample(time=200.0, ready=1, desired=1, wanted=1),
)


def texts(chart: Chart) -> str:
    """Everything written on a chart."""
    found = [text.get_text() for ax in chart.axes for text in ax.texts]
    found += [label.get_text() for ax in chart.axes for label in ax.get_yticklabels()]
    shown = chart.figure.findobj(lambda artist: hasattr(artist, "get_text"))
    return "\n".join([*found, *(artist.get_text() for artist in shown)])  # type: ignore[attr-defined]


def test_the_latency_sentence_has_the_numbers_of_the_data() -> None:
    chart = latency_chart(SECONDS, failed=7, world="embedded")
    p50, p99, p999 = percentiles(SECONDS, (50, 99, 99.9))
    assert chart.alt == (
        f"Histogram of the latencies of {format_count(5000)} successful requests, embedded: "
        f"median {format_duration(p50)}, p99 {format_duration(p99)}, "
        f"p99.9 {format_duration(p999)}, slowest {format_duration(SECONDS.max())}; 7 errors."
    )


def test_the_linear_bars_are_heys_counts() -> None:
    linear, log = latency_chart(SECONDS).axes
    widths = [round(bar.get_width()) for bar in linear.patches]  # type: ignore[attr-defined]
    assert widths == [count for _, count in linear_bins(SECONDS)]
    heights = [bar.get_height() for bar in log.patches]  # type: ignore[attr-defined]
    assert sum(heights) == 5000
    assert log.get_xscale() == log.get_yscale() == "log"


def test_a_figure_has_size_and_world_on_it() -> None:
    assert "n = 5,000 successes, 7 errors  ·  kind" in texts(
        latency_chart(SECONDS, failed=7, world="kind")
    )
    assert "world unknown" in texts(latency_chart(SECONDS))


@pytest.mark.parametrize("values", [[], [0.01], [0.01, 0.01], [0.0101, 0.0102]])
def test_few_values_make_a_picture_too(values: list[float]) -> None:
    chart = latency_chart(values)
    assert chart.render("png")
    assert format_count(len(values)) in chart.alt or "no successes" in chart.alt


def test_the_percentile_curve_passes_through_the_percentiles() -> None:
    chart = percentile_chart({"ours": SECONDS})
    _, dots = chart.axes[0].lines
    expected = percentiles(SECONDS, (50, 90, 99, 99.9))
    assert np.asarray(dots.get_ydata()) == pytest.approx(expected)
    assert f"p99 {format_duration(expected[2])}" in chart.alt


def test_groups_share_one_axis_and_show_each_value() -> None:
    chart = groups_chart({"cold": [0.9, 1.0, 1.1], "warm": [0.001, 0.002]}, what="wait")
    top, bottom = chart.axes
    assert top.get_xlim() == bottom.get_xlim()
    assert len(np.asarray(top.lines[0].get_xdata())) == 3
    assert "cold (n = 3) median 1.00 s, from 900 ms to 1.10 s" in chart.alt


def test_a_waterfall_bar_is_as_long_as_the_request() -> None:
    chart = waterfall_chart({"cold": article.COLD, "warm": article.WARM}, world="article")
    for ax, timing in zip(chart.axes, (article.COLD, article.WARM), strict=True):
        lengths = sum(bar.get_width() for bar in ax.patches)  # type: ignore[attr-defined]
        assert lengths == pytest.approx(timing.total)
    assert "warm, article: 197 ms in all, of which namelookup 195 ms (99%)" in chart.alt


def test_rows_say_the_ratio_beside_the_dots() -> None:
    rows = phase_rows([[article.COLD], [article.WARM]])
    chart = rows_chart(rows, ["cold", "warm"], title="Phases", note="n = 1", world="article")
    assert "wait: cold 1.96 s against warm 1.81 ms (1,086\N{MULTIPLICATION SIGN})" in chart.alt
    assert "1,086\N{MULTIPLICATION SIGN}" in texts(chart)
    assert "cold ÷ warm" in texts(chart)


def test_the_pod_sentence_has_the_numbers_of_the_samples() -> None:
    chart = pods_chart(SAMPLES, load=(101.0, 131.0), world="embedded")
    assert chart.alt == (
        "Pods over 100 s, embedded: ready from 1 to at most 5; the most first after 3.00 s; "
        "1 at the end; desired at most 5; wanted at most 72; load for 30.0 s."
    )


def test_a_wish_far_beyond_the_pods_is_told_as_a_number() -> None:
    chart = pods_chart(SAMPLES)
    assert "wanted 72" in texts(chart)
    assert chart.axes[0].get_ylim()[1] < 10


def test_pods_without_wishes_have_no_lines() -> None:
    plain = [PodSample(time=0.0, ready=1), PodSample(time=1.0, ready=0)]
    chart = pods_chart(plain, gaps=[Gap(start=0.2, end=0.4, why="x")])
    assert not chart.axes[0].lines
    assert "nothing could be seen in 1 stretches" in chart.alt
    assert "not seen" in texts(chart)


def test_phases_of_pods_have_a_colour_each() -> None:
    assert len(set(POD_COLOURS.values())) == 3


def test_the_split_sentence_has_its_intervals() -> None:
    chart = split_chart({"v1": 210, "v2": 190}, {"v1": 0.5, "v2": 0.5}, world="embedded")
    found = wilson_interval(210, 400)
    assert f"v1 210 (52.5%, 95 % interval {found.low:.1%} to {found.high:.1%}" in chart.alt
    assert "asked for 50%" in texts(chart)


def test_a_chart_shows_itself_with_its_sentence_escaped() -> None:
    chart = Chart(latency_chart(SECONDS).figure, 'a < b & "c"')
    html = chart._repr_html_()
    assert 'alt="a &lt; b &amp; &quot;c&quot;"' in html
    assert re.search(r'src="data:image/png;base64,[A-Za-z0-9+/=]+"', html)
    assert repr(chart) == '<Chart: a < b & "c">'
    assert len(html) < 60_000


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_the_same_data_gives_the_same_bytes(kind: str) -> None:
    first, second = (split_chart({"a": 1, "b": 3}, {}).render(kind) for _ in range(2))
    assert first == second


def test_a_chart_saves_itself_by_ending(tmp_path: Path) -> None:
    chart = split_chart({"a": 1}, {})
    assert chart.save(tmp_path / "x.svg").read_bytes().startswith(b"<?xml")
    assert chart.save(tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(UsageError, match=r"\.svg"):
        chart.save(tmp_path / "x.jpg")


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0"), (0.001, "1 ms"), (1.5, "1.5 s"), (10, "10 s"), (0.25, "250 ms")]
)
def test_ticks_have_no_digits_that_say_nothing(seconds: float, text: str) -> None:
    assert tick_duration(seconds) == text

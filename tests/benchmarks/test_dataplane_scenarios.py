"""Which scenarios run, and what bare nginx is told."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from benchmarks.dataplane.nginx import configuration
from benchmarks.dataplane.scenarios import SCENARIOS, chosen, figure_of
from knlab.measure.records import LoadSummary


@pytest.mark.parametrize(
    ("named", "run"),
    [
        pytest.param([], [*SCENARIOS], id="without a choice all run"),
        pytest.param(["cold"], ["cold"], id="single requests run alone"),
        pytest.param(["article"], ["nginx", "article"], id="a load brings bare nginx with it"),
        pytest.param(["api", "warm"], ["warm", "api"], id="the order is always the same"),
    ],
)
def test_choice(named: Sequence[str], run: Sequence[str]) -> None:
    assert chosen(named) == run


def test_a_figure_has_the_processor_time_of_one_request() -> None:
    summary = LoadSummary(
        total=2.0, slowest=0.1, fastest=0.01, average=0.02, requests_per_second=50.0, requests=100,
        percentiles=((50.0, 0.02), (90.0, 0.05), (99.0, 0.09)), status=((200, 100), (503, 2)),
    )  # fmt: skip
    found = figure_of("article", "the article's", summary, processor=0.5)
    assert (found.count, found.rate, found.p50, found.p99) == (100, 50.0, 0.02, 0.09)
    assert (found.failed, found.processor) == (2, 0.005)
    assert figure_of("article", "the article's", summary).processor is None


def test_nginx_answers_on_loopback_with_the_same_bytes() -> None:
    text = configuration(8081, 'Hello "World"!\n')
    assert "listen 127.0.0.1:8081;" in text
    assert r'return 200 "Hello \"World\"!\n";' in text

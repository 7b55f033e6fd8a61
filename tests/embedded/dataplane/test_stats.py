"""Concurrency over time, and what an activator says when."""

from __future__ import annotations

import pytest

from knlab.embedded.dataplane.stats import ActivatorStats, RequestStats, encode_stat
from knlab.kpa.stat import Stat

Event = tuple[float, str]

PERIODS: list[tuple[list[Event], float, float, str]] = [
    ([], 0.0, 0, "nothing"),
    ([(0.0, "in"), (1.0, "out")], 1.0, 1, "one all the time"),
    ([(0.0, "in"), (0.5, "out")], 0.5, 1, "one half of the time"),
    ([(0.0, "in"), (0.0, "in"), (0.5, "out"), (0.5, "out")], 1.0, 2, "two half of the time"),
    ([(0.9, "in")], 0.1, 1, "one at the end, still there"),
    ([(0.5, "in"), (0.2, "in"), (1.0, "out")], 1.0, 2, "time that runs backwards adds nothing"),
]


@pytest.mark.parametrize(
    ("events", "average", "count"), [row[:3] for row in PERIODS], ids=[row[3] for row in PERIODS]
)
def test_concurrency_is_weighted_by_time(events: list[Event], average: float, count: float) -> None:
    stats = RequestStats(0.0)
    for now, kind in events:
        (stats.arrive if kind == "in" else stats.leave)(now)
    report = stats.report(1.0)
    assert report.average_concurrency == pytest.approx(average)
    assert report.request_count == count


def test_a_report_begins_a_new_period_but_keeps_what_runs() -> None:
    stats = RequestStats(0.0)
    stats.arrive(0.5)
    stats.report(1.0)
    report = stats.report(2.0)
    assert (report.average_concurrency, report.request_count) == (1.0, 0.0)


def test_proxied_requests_count_twice() -> None:
    stats = RequestStats(0.0)
    stats.arrive(0.0, proxied=True)
    stats.arrive(0.5)
    stats.leave(0.5, proxied=True)
    report = stats.report(1.0)
    assert (report.average_concurrency, report.average_proxied_concurrency) == (1.0, 0.5)
    assert (report.request_count, report.proxied_request_count) == (2.0, 1.0)


def said(stat: Stat | None) -> tuple[float, float] | None:
    return None if stat is None else (stat.average_concurrent_requests, stat.request_count)


def test_the_first_request_is_reported_at_once_and_discounted_once() -> None:
    stats = ActivatorStats("activator-1")
    first = stats.arrive("ns/rev", 0.0, 1000.0)
    assert first == Stat(
        revision="ns/rev",
        pod="activator-1",
        time=1000.0,
        average_concurrent_requests=1.0,
        request_count=1.0,
    )
    assert stats.arrive("ns/rev", 0.0, 1000.0) is None
    assert [said(stat) for stat in stats.report(1.0, 1001.0)] == [(1.0, 1.0)]
    assert [said(stat) for stat in stats.report(2.0, 1002.0)] == [(2.0, 0.0)]


def test_a_discounted_average_is_never_negative() -> None:
    stats = ActivatorStats("a")
    stats.arrive("ns/rev", 0.0, 0.0)
    stats.leave("ns/rev", 0.25)
    assert [said(stat) for stat in stats.report(1.0, 0.0)] == [(0.0, 0.0)]


def test_a_quiet_revision_is_reported_as_zero_once_and_then_forgotten() -> None:
    stats = ActivatorStats("a")
    stats.arrive("ns/rev", 0.0, 0.0)
    stats.leave("ns/rev", 0.5)
    stats.report(1.0, 0.0)
    assert [said(stat) for stat in stats.report(2.0, 0.0)] == [(0.0, 0.0)]
    assert stats.report(3.0, 0.0) == []
    assert said(stats.arrive("ns/rev", 3.5, 0.0)) == (1.0, 1.0)


def test_a_revision_with_a_request_in_flight_is_not_forgotten() -> None:
    stats = ActivatorStats("a")
    stats.arrive("ns/rev", 0.0, 0.0)
    stats.report(0.0, 0.0)
    assert stats.arrive("ns/rev", 0.5, 0.0) is None


def test_revisions_do_not_mix() -> None:
    stats = ActivatorStats("a")
    assert stats.arrive("ns/one", 0.0, 0.0) is not None
    assert stats.arrive("ns/two", 0.0, 0.0) is not None
    assert {stat.revision for stat in stats.report(1.0, 0.0)} == {"ns/one", "ns/two"}


@pytest.mark.parametrize(
    ("stat", "message"),
    [
        pytest.param(
            Stat(revision="ns/rev", pod="hello-00001-deployment-c584cd8c5-xjlbq", time=1.5),
            b"\x0a\x26hello-00001-deployment-c584cd8c5-xjlbq",
            id="without requests there is the pod's name",
        ),
        pytest.param(
            Stat(
                revision="ns/rev",
                pod="p",
                time=1.5,
                average_concurrent_requests=1.0,
                average_proxied_concurrent_requests=0.5,
                request_count=2.0,
                proxied_request_count=1.0,
                process_uptime=12.5,
            ),
            b"\x0a\x01p"
            b"\x11\x00\x00\x00\x00\x00\x00\xf0\x3f"
            b"\x19\x00\x00\x00\x00\x00\x00\xe0\x3f"
            b"\x21\x00\x00\x00\x00\x00\x00\x00\x40"
            b"\x29\x00\x00\x00\x00\x00\x00\xf0\x3f"
            b"\x31\x00\x00\x00\x00\x00\x00\x29\x40",
            id="all five numbers are doubles",
        ),
        pytest.param(
            Stat(revision="ns/rev", pod="p" * 200, time=0.0),
            b"\x0a\xc8\x01" + b"p" * 200,
            id="a long name has a length of two bytes",
        ),
        pytest.param(Stat(revision="ns/rev", pod="", time=0.0), b"", id="nothing is nothing"),
    ],
)
def test_a_report_is_the_protobuf_message_of_knative(stat: Stat, message: bytes) -> None:
    assert encode_stat(stat) == message

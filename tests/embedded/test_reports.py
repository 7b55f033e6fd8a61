"""Reports of queue-proxies: the latest of each pod, gone with the pod."""

from __future__ import annotations

from knlab.embedded.reports import Reports
from knlab.kpa.stat import Stat


def _stat(pod: str, requests: float) -> Stat:
    return Stat(time=0.0, revision="default/hello-00001", pod=pod, request_count=requests)


def test_the_latest_report_of_each_pod_is_read_until_the_pod_is_gone() -> None:
    reports = Reports(lambda: None)
    with reports.reporter() as first:
        with reports.reporter() as second:
            first(_stat("a", 1))
            first(_stat("a", 2))
            second(_stat("b", 5))
            found = reports.read("default/hello-00001")
            assert {(stat.pod, stat.request_count) for stat in found} == {("a", 2), ("b", 5)}
        assert [stat.pod for stat in reports.read("default/hello-00001")] == ["a"]
    assert reports.read("default/hello-00001") == ()
    assert reports.read("default/other") == ()


def test_only_reports_that_count_requests_keep_the_cluster_awake() -> None:
    heard: list[int] = []
    reports = Reports(lambda: heard.append(1))
    with reports.reporter() as publish:
        publish(_stat("a", 0))
        assert heard == []
        publish(_stat("a", 3))
        assert heard == [1]

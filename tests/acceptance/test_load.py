"""Load: the command, the pods that come, and the record of them."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

import knlab
from knlab.cluster.cluster import Cluster
from knlab.cluster.service import Service
from tests.acceptance.conftest import Command

Deploy = Callable[..., Service]


@pytest.mark.slow
def test_fifty_users_bring_as_many_pods_as_the_bound_allows(
    deploy: Deploy, cluster: Cluster, shared: Command
) -> None:
    hello = deploy(min_scale=1, max_scale=5, target=1, window="6s")
    hello.wait_ready()
    with cluster.watch_pods(hello) as pods:
        done = shared("load", hello.url, "--duration", "6s", "--concurrency", "50", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["errors"] == 0
    assert said["requests"] > 1000
    assert said["requests_per_second"] == pytest.approx(said["requests"] / said["seconds"])
    assert said["percentiles"]["p50"] <= said["percentiles"]["p99"] <= said["percentiles"]["max"]
    assert said["world"] == "embedded"
    frame = pods.frame
    assert frame["ready"].max() == 5
    assert frame["desired"].max() == 5
    assert frame["ready"].min() == 1
    assert "embedded" in repr(pods)


def test_people_get_heys_report(deploy: Deploy, shared: Command) -> None:
    hello = deploy()
    hello.wait_ready()
    done = shared("load", hello.url, "--duration", "1s", "--concurrency", "2")
    assert done.returncode == 0, done.stderr
    for heading in ("Summary:", "Response time histogram:", "Latency distribution:"):
        assert heading in done.stdout
    assert "[200]" in done.stdout
    assert "world: embedded" in done.stdout


def test_a_run_without_one_success_fails(cluster: Cluster, shared: Command) -> None:
    url = f"http://nobody.default.{cluster.domain}"
    done = shared("load", url, "--duration", "1s", "--concurrency", "1", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["status"].keys() == {"404"}


def test_settings_become_annotations_and_say_where_they_are(deploy: Deploy) -> None:
    hello = deploy(min_scale=2, max_scale=3)
    hello.wait_ready()
    assert hello.scaling == {"min-scale": "2", "max-scale": "3"}
    assert len(hello.pods()) == 2
    assert knlab.request(hello.url).ok

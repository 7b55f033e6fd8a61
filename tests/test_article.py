"""The article's numbers agree with each other, as far as they do."""

from __future__ import annotations

import pytest

from knlab import article
from knlab.measure.stats import littles_law


def test_requests_can_be_counted_in_three_ways() -> None:
    run = article.LOAD_TEST
    assert run.requests == 42_395
    assert round(run.requests_per_second * run.total) == 42_395
    assert run.total_bytes / run.bytes_per_request == 42_395
    assert 1 + 42_314 + 30 + 50 == 42_395


def test_littles_law_gives_the_fifty_users_back() -> None:
    run = article.LOAD_TEST
    assert littles_law(run.requests_per_second, run.average) == pytest.approx(50, abs=0.2)
    assert run.concurrency == article.LOAD_CONCURRENCY


def test_the_warm_request_is_a_name_lookup() -> None:
    warm = article.WARM
    assert warm.namelookup / warm.total == pytest.approx(0.989, abs=0.001)
    assert warm.wait == pytest.approx(0.00181, abs=1e-5)


def test_cold_is_a_thousand_times_warm_where_the_server_waits() -> None:
    assert article.COLD.wait / article.WARM.wait == pytest.approx(1086, abs=1)
    assert article.COLD.total / article.WARM.total == pytest.approx(10, abs=0.1)


def test_the_tail_is_one_name_lookup_for_each_connection() -> None:
    run = article.LOAD_TEST
    lookup = next(part for part in run.details if part.name == "DNS-lookup")
    each = lookup.average * run.requests / run.concurrency
    assert each == pytest.approx(2.03, abs=0.01)
    assert run.histogram[-1] == (2.171, 50)


def test_what_was_cut_from_the_article_stays_unknown() -> None:
    assert article.LOAD_TEST.status == ()
    assert article.LOAD_TEST.world == "article"


def test_one_pod_is_older_than_the_other_four() -> None:
    ages = sorted(article.PODS.values())
    assert ages == [81, 81, 81, 81, 197]
    assert len(article.PODS) == int(article.SETTINGS["autoscaling.knative.dev/maxScale"])


def test_the_split_adds_up() -> None:
    assert sum(article.SPLIT.values()) == 100

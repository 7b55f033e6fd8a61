"""Figures are kept, compared and judged."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.dataplane.figures import (
    GOALS,
    Figure,
    Findings,
    comparison,
    judge,
    table,
    verdicts,
)


def figure(name: str, *, rate: float | None = None, p50: float = 0.01, p99: float = 0.1) -> Figure:
    return Figure(name=name, what=name, count=100, rate=rate, p50=p50, p90=p99, p99=p99)


def findings(*figures: Figure, world: str = "embedded") -> Findings:
    return Findings(world=world, client="hey", seconds=30, figures=[*figures])


REAL = findings(
    figure("nginx", rate=40_000),
    figure("article", rate=2_000, p99=0.090),
    figure("direct", rate=3_000),
    figure("warm", p50=0.0015),
    world="kubeconfig",
)
OURS = findings(
    figure("nginx", rate=20_000),
    figure("article", rate=5_000, p99=0.045),
    figure("direct", rate=5_999),
    figure("waiting", rate=490, p99=0.115),
    figure("warm", p50=0.0008),
    figure("cold", p50=0.098, p99=0.151),
    figure("api-get", p99=0.050),
    figure("api-list", p99=0.051),
    figure("before-deploys", p99=0.020),
    figure("deploys", p99=0.040),
)
GOAL = {goal.what: goal for goal in GOALS}


@pytest.mark.parametrize(
    ("goal", "found", "verdict"),
    [
        ("article's settings: share of nginx, times the other's", 5.0, "met"),
        ("article's settings: p99, times the other's", 0.5, "met"),
        ("activator out of the path: share of nginx, times the other's", 3.9993, "not met"),
        ("100 ms of waiting: rate", 490, "met"),
        ("100 ms of waiting: p99", 0.115, "met"),
        ("cold: median", 0.098, "met"),
        ("cold: p90", 0.151, "not met"),
        ("warm: median, times the other's", 0.5333, "not met"),
        ("GET of a pod under load: p99", 0.050, "met"),
        ("LIST of pods under load: p99", 0.051, "not met"),
        ("p99 while 50 services are deployed, times before", 2.0, "not met"),
    ],
)
def test_goals(goal: str, found: float, verdict: str) -> None:
    said = judge(GOAL[goal], OURS, REAL)
    assert said.found == pytest.approx(found, rel=1e-3)
    assert said.verdict == verdict


def test_the_table_above_has_every_goal() -> None:
    assert len(GOAL) == 11


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    assert {judge(each, findings(), REAL).verdict for each in GOALS} == {"not measured"}


def test_comparisons_need_the_other_run_and_bounds_do_not() -> None:
    said = {goal.what: judge(goal, OURS, None).verdict for goal in GOALS}
    alone = {what for what, verdict in said.items() if verdict == "not measured"}
    assert alone == {goal.what for goal in GOALS if goal.times_other}


def test_findings_survive_being_kept() -> None:
    kept = replace(OURS, remarks=["nothing"])
    assert Findings.from_json(kept.to_json()) == kept


def test_shares_need_nginx() -> None:
    found = findings(figure("article", rate=100))
    assert found.share(found.find("article")) is None


def test_what_counts_no_requests_has_no_share() -> None:
    deployed = Figure(name="deployed", what="Services", count=50, rate=3.0)
    assert findings(figure("nginx", rate=40_000), deployed).share(deployed) is None


def test_the_table_leaves_out_what_was_not_measured() -> None:
    *_, line = table(findings(figure("nginx", rate=40_000), figure("warm", p50=0.0015, p99=0.002)))
    assert line == "| warm | 100 |  | 1.50 ms | 2.00 ms | 2.00 ms | 0 |  |  |"


def test_the_comparison_has_what_both_runs_have() -> None:
    lines = list(comparison(OURS, REAL))
    assert [line.split(" | ")[0] for line in lines[2:]] == [
        "| nginx", "| article", "| direct", "| warm",
    ]  # fmt: skip
    assert lines[3] == ("| article | 5,000 | 2,000 | 10.0 ms | 10.0 ms | 45.0 ms | 90.0 ms | 5 |")


def test_single_requests_have_percentiles_that_occurred() -> None:
    found = Figure.of_waits("cold", "cold", [0.3, 0.1, 0.2])
    assert (found.count, found.p50, found.p90, found.p99) == (3, 0.2, 0.3, 0.3)


def test_verdicts_are_markdown() -> None:
    lines = list(verdicts(OURS, REAL))
    assert lines[5] == "| 100 ms of waiting: rate | ≥ 490/s | 490/s | met |"

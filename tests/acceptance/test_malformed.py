"""Malformed requests get an answer, and the cluster works on; `benchmarks.fuzz` sends thousands."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from benchmarks.fuzz.requests import Case, cases
from benchmarks.fuzz.target import log_of, prepared, tracebacks
from benchmarks.fuzz.wire import Answer, fault, run
from knlab.cluster import process
from knlab.cluster.connect import connect

REQUESTS = 600
SEED = 20


def test_malformed_requests_are_answered_and_harm_nothing() -> None:
    with process.temporary() as directory:
        cluster = connect("embedded", state_dir=directory)
        server = prepared(cluster, directory / "kubeconfig")
        outcome = asyncio.run(run(server, cases(SEED, REQUESTS)))
        answered = cluster.api.version()
        logged = list(tracebacks(log_of(directory)))
    assert [(found.reason, found.case.raw[:300]) for found in outcome.faults] == []
    assert logged == []
    assert outcome.sent == REQUESTS
    assert answered
    statuses: Counter[int] = Counter()
    for (_, status), count in outcome.statuses.items():
        statuses[status] += count
    assert {201, 400, 404, 422} <= statuses.keys(), "the requests are too bad, or not bad enough"


def test_the_same_seed_gives_the_same_requests() -> None:
    assert list(cases(7, 50)) == list(cases(7, 50))
    assert list(cases(7, 50)) != list(cases(8, 50))


@pytest.mark.parametrize(
    ("case", "answer", "wrong"),
    [
        (Case("x", b""), Answer(200, complete=True), False),
        (Case("x", b""), Answer(404, bytearray(b"404 page not found"), complete=True), False),
        (Case("x", b""), Answer(504, complete=True), False),
        (Case("x", b""), Answer(500, complete=True), True),
        (Case("x", b""), Answer(0), True),
        (Case("x", b"", is_http=False), Answer(0), False),
        (Case("x", b"", "close"), Answer(0), False),
        (Case("x", b""), Answer(200, bytearray(b"Traceback (most recent call last)")), True),
        (
            Case("x", b""),
            Answer(422, bytearray(b"{}"), {"content-type": "application/json"}),
            True,
        ),
    ],
)
def test_wrong_answers_are_noticed(case: Case, answer: Answer, *, wrong: bool) -> None:
    assert bool(fault(case, answer)) is wrong

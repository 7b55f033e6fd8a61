"""Looking up hosts and routes, drawing splits, hearing of what is new."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from knlab.embedded.dataplane.routing_table import (
    Path,
    RevisionBackends,
    RouteChanges,
    RoutingTable,
    Split,
    VirtualHost,
    choose_split,
    find_host,
    find_path,
)

TAGGED = Path(splits=(Split(backend="ns/tagged"),), headers=((b"knative-serving-tag", b"blue"),))
PLAIN = Path(splits=(Split(backend="ns/plain"),))
HELLO = VirtualHost(paths=(TAGGED, PLAIN))
HOSTS = {"hello.ns.example.com": HELLO}


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("hello.ns.example.com", True),
        ("HELLO.ns.Example.com", True),
        ("hello.ns.example.com:8080", True),
        ("Hello.ns.example.com:80", True),
        ("other.ns.example.com", False),
        ("x.hello.ns.example.com", False),
        ("", False),
    ],
)
def test_hosts_match_in_any_case_with_or_without_port(host: str, found: bool) -> None:
    assert find_host(HOSTS, host) is (HELLO if found else None)


@pytest.mark.parametrize(
    ("headers", "path"),
    [
        ({}, PLAIN),
        ({b"knative-serving-tag": b"blue"}, TAGGED),
        ({b"knative-serving-tag": b"Blue"}, PLAIN),
        ({b"knative-serving-tag": b"green"}, PLAIN),
    ],
)
def test_a_route_with_headers_needs_them_exactly(headers: dict[bytes, bytes], path: Path) -> None:
    assert find_path(HELLO, "/any?x=y", headers) is path


def test_a_prefix_that_does_not_match_is_passed_over() -> None:
    api = Path(splits=(), prefix="/api")
    host = VirtualHost(paths=(api,))
    assert find_path(host, "/api/v1", {}) is api
    assert find_path(host, "/", {}) is None


@pytest.mark.parametrize(
    "percents", [(50, 50), (90, 10), (1, 99), (30, 30, 40), (100, 0), (10, 30)]
)
def test_splits_are_drawn_by_weight(percents: tuple[int, ...]) -> None:
    random, counts = Random(7), Counter[str]()
    splits = tuple(Split(backend=str(at), percent=share) for at, share in enumerate(percents))
    for _ in range(10_000):
        chosen = choose_split(splits, random.random())
        assert chosen is not None
        counts[chosen.backend] += 1
    for at, share in enumerate(percents):
        assert counts[str(at)] == pytest.approx(10_000 * share / sum(percents), abs=150)


def test_no_weight_is_no_split() -> None:
    weightless = Split(backend="a", percent=0)
    assert choose_split((weightless, weightless), 0.5) is None
    assert choose_split((), 0.5) is None


def test_listeners_hear_of_the_revisions_that_are_known_and_then_of_what_is_new() -> None:
    table, heard = RoutingTable(), []  # type: tuple[RoutingTable, list[object]]
    one, other = RevisionBackends(), RevisionBackends(container_concurrency=1)
    table.apply(RouteChanges(revisions={"ns/a": one}))
    with table.heard_by(heard.append):
        table.apply(RouteChanges(revisions={"ns/a": one, "ns/b": one}))
        table.apply(RouteChanges(revisions={"ns/a": other, "ns/never": None}))
        table.apply(RouteChanges(revisions={"ns/a": other}, external=HOSTS))
        table.apply(RouteChanges(revisions={"ns/b": None}))
    table.apply(RouteChanges(revisions={"ns/a": None}))
    assert heard == [{"ns/a": one}, {"ns/b": one}, {"ns/a": other}, {"ns/b": None}]
    assert table.revisions == {}


def test_replacing_removes_what_is_not_named() -> None:
    table = RoutingTable()
    table.apply(
        RouteChanges(external=HOSTS, internal=HOSTS, revisions={"ns/a": RevisionBackends()})
    )
    table.replace(RouteChanges(internal={"other": HELLO}))
    assert (table.external, table.internal, table.revisions) == ({}, {"other": HELLO}, {})

"""Which processes are the cluster's own, and which are its pods'."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.processes import (
    Stat,
    cluster_of,
    descriptors,
    grouped,
    parse_stat,
    processor,
    resident,
)

LINE = (
    "42 (a (b) c) S 7 42 42 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 3 0 1000 1000000 25"
    " 18446744073709551615"
)


def process(pid: int, parent: int, *, zombie: bool = False) -> Stat:
    return Stat(pid, parent, zombie, processor=1.0, threads=2, resident=1024)


def test_a_line_of_proc_is_read_whatever_the_program_is_called() -> None:
    found = parse_stat(LINE)
    assert (found.pid, found.parent, found.zombie, found.threads) == (42, 7, False, 3)
    assert found.processor == pytest.approx(300 / os.sysconf("SC_CLK_TCK"))
    assert found.resident == 25 * os.sysconf("SC_PAGE_SIZE")


def test_a_dead_process_is_a_zombie() -> None:
    assert parse_stat(LINE.replace(" S ", " Z ")).zombie


def test_what_is_below_a_shim_is_a_pods() -> None:
    stats = {
        each.pid: each
        for each in (
            process(1, 0), process(10, 1), process(11, 10), process(12, 10), process(20, 12),
            process(21, 20, zombie=True), process(99, 1),
        )
    }  # fmt: skip
    found = grouped(stats, 10, is_shim=lambda pid: pid == 12)
    assert {each.pid for each in found.own} == {10, 11, 12}
    assert {each.pid for each in found.pods} == {20, 21}
    assert found.own[0].pid == 10
    assert found.zombies == {21}
    assert (processor(found.own), resident(found.pods)) == (3.0, 2048)


def test_a_cluster_that_is_gone_has_no_processes() -> None:
    assert grouped({}, 10, is_shim=bool).own == ()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux has /proc")
def test_children_are_found() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        found = cluster_of(os.getpid())
        assert child.pid in {each.pid for each in found.own}
        assert descriptors(found.own) > 3

"""The meter on a /proc of the test's own making."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

import pytest

from knlab._clock import ManualClock
from knlab.embedded.pods.supervisor import Supervisor
from knlab.embedded.pods.usage import UsageMeter

TICKS, PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
LOG = Path("/state/pods/some-uid/main/0.log")
BOOT = 1000.0
"""Seconds that the machine has been up when a test begins."""


class Processes:
    """What the meter sees of a supervisor and of the kernel."""

    def __init__(self, proc: Path) -> None:
        self.proc = proc
        self.clock = ManualClock(500.0)
        self.containers = [(LOG, 42)]
        self.shim_pid = 0
        (proc / "self").mkdir()
        (proc / "self/stat").write_text("")
        self.meter = UsageMeter(cast("Supervisor", self), self.clock, proc)
        self.advance(0)

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        (self.proc / "uptime").write_text(f"{BOOT + self.clock.now() - 500.0} 0.0\n")

    def shows(
        self, pid: int, seconds: float, *, pages: int = 0, age: float = 100.0, children: str = ""
    ) -> None:
        fields = ["0"] * 50
        fields[0] = "S"
        fields[11] = str(int(seconds * TICKS))
        fields[19] = str(int((BOOT - age) * TICKS))
        fields[21] = str(pages)
        place = self.proc / str(pid)
        (place / "task" / str(pid)).mkdir(parents=True, exist_ok=True)
        (place / "stat").write_text(f"{pid} (a (strange) name) {' '.join(fields)}\n")
        (place / "task" / str(pid) / "children").write_text(children)

    def used(self) -> tuple[float, int, float]:
        (found,) = self.meter.containers()
        assert (found.uid, found.container) == ("some-uid", "main")
        return found.used.cores, found.used.memory_bytes, found.used.window


@pytest.fixture
def processes(tmp_path: Path) -> Processes:
    return Processes(tmp_path)


def test_before_there_are_samples_it_is_the_average_since_the_process_began(
    processes: Processes,
) -> None:
    processes.shows(42, 25.0, pages=3, age=100.0)
    assert processes.used() == (0.25, 3 * PAGE, 100.0)


def test_one_sample_soon_after_the_start_hides_nothing(processes: Processes) -> None:
    processes.shows(42, 0.0, age=0.1)
    processes.meter.sample()
    processes.advance(9.9)
    processes.shows(42, 5.0, age=0.1)
    assert processes.used()[0] == pytest.approx(0.5)


def test_between_two_samples_only_what_was_used_then_counts(processes: Processes) -> None:
    processes.shows(42, 25.0)
    processes.meter.sample()
    processes.advance(15.0)
    processes.shows(42, 32.5, pages=1)
    processes.meter.sample()
    assert processes.used() == (0.5, PAGE, 15.0)


def test_what_a_process_has_started_belongs_to_its_container(processes: Processes) -> None:
    processes.shows(42, 1.0, pages=1, children="43 ")
    processes.shows(43, 2.0, pages=2, children="44 45 ")
    processes.shows(44, 4.0, pages=4)  # and 45 is gone by now
    assert processes.used() == (0.07, 7 * PAGE, 100.0)


def test_a_process_that_is_gone_or_has_only_begun_is_not_shown(processes: Processes) -> None:
    assert processes.meter.containers() == []
    processes.shows(42, 0.0, age=0.5)
    assert processes.meter.containers() == []


def test_a_process_that_takes_the_number_of_another_starts_anew(processes: Processes) -> None:
    processes.shows(42, 90.0)
    processes.meter.sample()
    processes.containers = []
    processes.meter.sample()
    processes.containers = [(LOG, 42)]
    processes.advance(20.0)
    processes.shows(42, 5.0, age=-10.0)
    assert processes.used()[0] == 0.5


def test_the_node_counts_this_process_and_the_shim_too(processes: Processes) -> None:
    processes.shim_pid = 7
    processes.shows(os.getpid(), 10.0, pages=1, children="42 7 ")
    processes.shows(7, 20.0, pages=2, children="42 ")
    processes.shows(42, 30.0, pages=4)
    node = processes.meter.node()
    assert node.cores == pytest.approx(0.6)
    assert node.memory_bytes == 7 * PAGE


def test_without_proc_nothing_can_be_said(tmp_path: Path, processes: Processes) -> None:
    assert processes.meter.is_available
    other = UsageMeter(cast("Supervisor", processes), processes.clock, tmp_path / "nosuch")
    assert not other.is_available
    assert other.containers() == []
    assert other.node().cores == 0.0

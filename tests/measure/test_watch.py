"""The watching thread."""

from __future__ import annotations

import threading
from collections.abc import Iterable

import pytest

from knlab._exceptions import MeasureError, Unreachable
from knlab.measure.records import PodState, ScaleReading
from knlab.measure.watch import Listing, Observation, PodRecorder, polling

DEADLINE = 5.0


class Stage:
    """A cluster that plays one scene per look and says when the last has been seen."""

    def __init__(self, *scenes: Iterable[Observation] | Exception) -> None:
        self._scenes = list(scenes)
        self.over = threading.Event()

    def observe(self, _longest: float) -> Iterable[Observation]:
        if not self._scenes:
            self.over.set()
            return
        scene = self._scenes.pop(0)
        if isinstance(scene, Exception):
            raise scene
        yield from scene


def pod(phase: str, name: str = "a") -> PodState:
    return PodState(name=name, revision="r", phase=phase)  # type: ignore[arg-type]


def test_changes_are_recorded_once_each() -> None:
    stage = Stage(
        [Listing((pod("starting"),)), ScaleReading(revision="r", desired=1)],
        [Listing((pod("ready"),)), ScaleReading(revision="r", desired=1)],
        [pod("terminating"), ScaleReading(revision="r", desired=0, wanted=0)],
        [Listing(())],
    )
    with PodRecorder(stage.observe, world="embedded", interval=0.001) as recorder:
        assert stage.over.wait(DEADLINE)
    record = recorder.record
    assert [event.phase for event in record.events] == ["starting", "ready", "terminating", "gone"]
    assert [reading.desired for reading in record.readings] == [1, 0]
    assert record.events[0].time == record.started
    assert record.started <= record.events[-1].time <= record.ended
    assert record.world == "embedded"
    assert not any(thread.name == "knlab pod watch" for thread in threading.enumerate())


def test_the_block_begins_after_the_first_look() -> None:
    with PodRecorder(polling(lambda: [pod("ready")]), interval=0.001) as recorder:
        assert [event.phase for event in recorder.record.events] == ["ready"]


def test_what_happens_until_the_end_of_the_block_is_recorded() -> None:
    pods = [pod("ready")]
    with PodRecorder(polling(lambda: list(pods)), interval=60.0) as recorder:
        pods.clear()
    assert [event.phase for event in recorder.record.events] == ["ready", "gone"]


def test_a_cluster_that_does_not_answer_leaves_a_gap() -> None:
    stage = Stage([Listing((pod("ready"),))], Unreachable("nobody"), OSError("reset"), [])
    with PodRecorder(stage.observe, interval=0.001) as recorder:
        assert stage.over.wait(DEADLINE)
    assert recorder.record.gaps[0].why == "nobody"
    assert recorder.record.events[-1].phase == "ready"


def test_a_mistake_in_the_observer_is_raised_at_the_end() -> None:
    recorder = PodRecorder(Stage(ZeroDivisionError("oops")).observe, interval=0.001)
    with pytest.raises(MeasureError, match="watching pods failed"), recorder:
        pass


def test_an_error_in_the_block_is_not_hidden() -> None:
    stage = Stage(ZeroDivisionError("oops"))
    with pytest.raises(KeyError), PodRecorder(stage.observe, interval=0.001):
        raise KeyError("mine")


def test_listeners_hear_of_news_only() -> None:
    stage = Stage([Listing((pod("ready"),))], [Listing((pod("ready"),))], [Listing(())])
    heard: list[int] = []
    recorder = PodRecorder(
        stage.observe, interval=0.001, on_change=lambda seen: heard.append(len(seen.record.events))
    )
    with recorder:
        assert stage.over.wait(DEADLINE)
    assert heard == [1, 2]

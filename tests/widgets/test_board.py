"""The live board, in a real kernel and outside of one."""

from __future__ import annotations

import threading

import nbclient
import nbformat

from knlab.measure.load import Progress
from knlab.measure.records import PodSample
from knlab.measure.watch import polling
from knlab.widgets.board import Board, LivePods, LoadBoard, pods_html, progress_html

CELL = """
from knlab.measure.load import Progress
from knlab.measure.records import PodState
from knlab.measure.watch import polling
from knlab.widgets.board import LivePods, LoadBoard
import threading

looks, done = [], threading.Event()
def pods():
    looks.append(1)
    if len(looks) > 3:
        done.set()
    return [PodState(name="a", revision="r", phase="ready" if len(looks) > 2 else "starting")]

with LivePods(polling(pods), world="embedded", interval=0.01) as watch:
    assert done.wait(10)
with LoadBoard(10.0) as board:
    board(Progress(5.0, 100, 1))
print([thread.name for thread in threading.enumerate() if "knlab" in thread.name])
"""


def test_a_board_ends_as_a_static_picture_and_leaves_no_thread() -> None:
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    nbclient.NotebookClient(book, timeout=50, store_widget_state=False).execute()
    outputs = book.cells[0].outputs
    shown = [output.data["text/html"] for output in outputs if output.output_type == "display_data"]
    assert len(shown) == 2
    assert 'alt="Pods over' in shown[0]
    assert "100 requests · 1 errors" in shown[1]
    assert [output.text for output in outputs if output.output_type == "stream"] == ["[]\n"]


def test_outside_a_notebook_a_board_shows_nothing() -> None:
    board = Board()
    board.show("x")
    board.finish("y")
    before = threading.active_count()
    with LivePods(polling(list), interval=0.001) as watch, LoadBoard(1.0) as told:
        told(Progress(0.5, 1, 0))
    assert threading.active_count() == before
    assert watch.record.ended >= watch.record.started


def test_pods_are_squares_and_words() -> None:
    sample = PodSample(time=0.0, ready=2, starting=1, desired=5, wanted=72)
    text = pods_html(sample, 3.4, "<kind>")
    assert text.count("■") == 3
    assert "3 s · 2 ready · 1 starting · 0 terminating · desired 5 · wanted 72" in text
    assert "&lt;kind&gt;" in text


def test_progress_is_a_bar_and_words() -> None:
    assert 'value="0.50"' in progress_html(Progress(5.0, 1200, 0), 10.0, "")
    assert "5 of 10 s · 1,200 requests · 0 errors" in progress_html(Progress(5.0, 1200, 0), 10, "")
    assert "warming up" in progress_html(Progress(-1.0, 0, 0), 10.0, "")

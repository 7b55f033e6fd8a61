"""Results: what notebooks hold in their hands. Records with a face, a table, a picture and a file.

Every result has a one-line `repr` with its headline and its world, a small HTML table, `.frame`
(tidy, SI units), `.plot()` (a `Chart`) and `.save(path)`; `open(path)` brings it back. Only
records are stored; every number is computed from them when it is asked for. pandas and matplotlib
are loaded by the first `.frame` and the first `.plot()`, so that the command line starts fast.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from knlab._exceptions import RecordingError
from knlab.measure.recording import read_recording
from knlab.results.comparison import Comparison, Timings, compare
from knlab.results.load_run import LoadRun, load
from knlab.results.pod_history import PodHistory, PodWatch
from knlab.results.split import Split

__all__ = [
    "Comparison",
    "LoadRun",
    "PodHistory",
    "PodWatch",
    "Split",
    "Timings",
    "compare",
    "load",
    "open",
]

Result = Comparison | LoadRun | PodHistory | Split | Timings

_KINDS: Final[Mapping[str, Callable[[Any], Result]]] = {
    "Comparison": Comparison.from_record,
    "LoadRun": LoadRun,
    "PodHistory": PodHistory,
    "Split": Split.from_record,
    "Timings": Timings,
}


def open(path: str | Path) -> Result:  # noqa: A001 - read as knlab.open
    """The result that `.save(path)` wrote.

    Raises:
        RecordingError: if there is no such file, or it is no recording that this knlab reads.
    """
    kind, record = read_recording(path)
    if kind not in _KINDS:
        raise RecordingError(f"{path} holds a {kind}, which this knlab does not know")
    return _KINDS[kind](record)

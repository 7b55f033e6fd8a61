"""The public names: exactly those in `__all__`, each importable, none of them heavy before use."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import knlab

NAMES = {
    "PACE", "Chart", "Cluster", "Comparison", "KnlabError", "LoadRun", "PodHistory", "Service",
    "Split", "Timing", "Timings", "__version__", "article", "compare", "connect", "images", "load",
    "open", "preflight", "request",
}  # fmt: skip


def test_the_public_names_are_these() -> None:
    assert set(knlab.__all__) == NAMES
    assert len(knlab.__all__) == len(NAMES)
    assert dir(knlab) == sorted(knlab.__all__)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_each_name_can_be_had_and_says_what_it_is(name: str) -> None:
    found = getattr(knlab, name)
    if inspect.isclass(found) or inspect.isroutine(found) or inspect.ismodule(found):
        assert inspect.getdoc(found)


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'knlab' has no attribute 'nothing'"):
        knlab.nothing  # noqa: B018


def _modules_after(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(ran.stdout.split())


def test_importing_knlab_imports_nothing_heavy() -> None:
    heavy = {"pandas", "matplotlib", "kubernetes", "numpy", "IPython", "ipywidgets", "aiohttp"}
    assert not heavy & _modules_after("import knlab")


def test_starting_the_cluster_needs_no_kubernetes_client() -> None:
    loaded = _modules_after("import knlab.cli.__main__")
    assert not {"pandas", "matplotlib", "kubernetes", "nbconvert", "numpy"} & loaded


def test_importing_starts_no_thread_and_changes_no_setting() -> None:
    code = (
        "import threading, signal; before = signal.getsignal(signal.SIGTERM)\n"
        "import knlab; knlab.connect; knlab.load; knlab.Chart\n"
        "assert threading.active_count() == 1, threading.enumerate()\n"
        "assert signal.getsignal(signal.SIGTERM) is before\n"
        "import matplotlib; assert 'matplotlib.pyplot' not in __import__('sys').modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

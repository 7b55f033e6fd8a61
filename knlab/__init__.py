"""Learn Knative by running it: on an embedded cluster that needs only Python, or on a real one.

    import knlab

    cluster = knlab.connect()
    hello = cluster.deploy("hello", image=knlab.images.HELLO, env={"TARGET": "Knative"})
    hello.wait_ready()
    knlab.request(hello.url)

Names load on first use: `import knlab` itself imports nothing heavy.
"""

import importlib

from knlab import versions

TYPE_CHECKING = False  # as typing has it, which takes long to import
if TYPE_CHECKING:  # what the table below loads, spelled out for type checkers
    from knlab import article as article
    from knlab import images as images
    from knlab._exceptions import KnlabError as KnlabError
    from knlab.cluster.cluster import Cluster as Cluster
    from knlab.cluster.connect import connect as connect
    from knlab.cluster.preflight import preflight as preflight
    from knlab.cluster.service import Service as Service
    from knlab.measure.records import Timing as Timing
    from knlab.measure.request import request as request
    from knlab.pace import PACE as PACE
    from knlab.plot.chart import Chart as Chart
    from knlab.results import Comparison as Comparison
    from knlab.results import LoadRun as LoadRun
    from knlab.results import PodHistory as PodHistory
    from knlab.results import Split as Split
    from knlab.results import Timings as Timings
    from knlab.results import compare as compare
    from knlab.results import load as load
    from knlab.results import open as open  # noqa: A004

__version__ = versions.KNLAB

_HOMES = {
    "Chart": "plot.chart",
    "Cluster": "cluster.cluster",
    "Comparison": "results",
    "KnlabError": "_exceptions",
    "LoadRun": "results",
    "PACE": "pace",
    "PodHistory": "results",
    "Service": "cluster.service",
    "Split": "results",
    "Timing": "measure.records",
    "Timings": "results",
    "compare": "results",
    "connect": "cluster.connect",
    "load": "results",
    "open": "results",
    "preflight": "cluster.preflight",
    "request": "measure.request",
}
_MODULES = ("article", "images")

__all__ = [
    "PACE",
    "Chart",
    "Cluster",
    "Comparison",
    "KnlabError",
    "LoadRun",
    "PodHistory",
    "Service",
    "Split",
    "Timing",
    "Timings",
    "__version__",
    "article",
    "compare",
    "connect",
    "images",
    "load",
    "open",
    "preflight",
    "request",
]


def __getattr__(name: str) -> object:
    """The public name `name`, imported now."""
    found: object
    if name in _MODULES:
        found = importlib.import_module(f"knlab.{name}")
    elif name in _HOMES:
        found = getattr(importlib.import_module(f"knlab.{_HOMES[name]}"), name)
    else:
        raise AttributeError(f"module 'knlab' has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return __all__

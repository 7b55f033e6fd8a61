"""What kubectl prints is what it prints on a real cluster: tables, descriptions, texts, errors.

The recorded outputs are in `tests/data/real/shown`; `transcripts` says what is left out of both.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache

import pytest

from knlab.cluster.cluster import Cluster
from tests.acceptance.conftest import Command
from tests.acceptance.transcripts import clean, comparable, node_name, prepare, recorded, said

ABSENT = (
    "componentstatuses", "ipaddresses", "servicecidrs", "validatingadmissionpolic(y|ies)\\w*",
    "csi\\w+", "volume\\w+", "apiregistration.k8s.io/v1", "certificates.k8s.io/v1",
    "flowcontrol.apiserver.k8s.io/v1", "node.k8s.io/v1", "resource.k8s.io/v1",
)  # fmt: skip
"""Resources and group versions of a real cluster that this one does not have.

It has metrics.k8s.io instead, which a real one gets with metrics-server.
"""

RECORDED_WITH = 34
"""Minor version of the kubectl that printed the recorded outputs."""


@cache
def _minor() -> int:
    path = shutil.which("kubectl") or "kubectl"
    text = subprocess.run([path, "version", "--client"], capture_output=True, text=True, check=True)
    found = re.search(r"v1\.(\d+)", text.stdout)
    return int(found[1]) if found else 0


@pytest.fixture(scope="module")
def shown(cluster: Cluster, kubectl: Command) -> Iterator[Command]:
    """kubectl, when there is something to look at."""
    prepare(kubectl)
    yield kubectl
    clean(kubectl)


@pytest.fixture(scope="module")
def node(shown: Command) -> str:
    return node_name(shown)


def _lines(output: str) -> list[str]:
    return [line for line in output.splitlines() if line]


@pytest.mark.parametrize("command", recorded("tables"))
def test_tables(shown: Command, node: str, command: str) -> None:
    assert _found(shown, node, command) == _lines(recorded("tables")[command])


@pytest.mark.parametrize("command", recorded("errors"))
def test_errors(shown: Command, node: str, command: str) -> None:
    assert _found(shown, node, command) == _lines(recorded("errors")[command])


@pytest.mark.parametrize("command", recorded("describe"))
def test_descriptions(shown: Command, node: str, command: str) -> None:
    _needs_this_kubectl()
    assert _found(shown, node, command) == _lines(recorded("describe")[command])


@pytest.mark.parametrize("command", recorded("explain"))
def test_explanations(shown: Command, node: str, command: str) -> None:
    _needs_this_kubectl()
    assert _found(shown, node, command) == _lines(recorded("explain")[command])


@pytest.mark.parametrize("command", recorded("discovery"))
def test_discovery_is_the_real_one_without_the_groups_and_kinds_that_are_not_there(
    shown: Command, node: str, command: str
) -> None:
    wanted = [
        line
        for line in _lines(recorded("discovery")[command])
        if not re.search(rf"^({'|'.join(ABSENT)})\b|^\S+ .*\b({'|'.join(ABSENT)})\b", line)
    ]
    found = [line for line in _found(shown, node, command) if "metrics.k8s.io/" not in line]
    assert found == wanted


def _found(kubectl: Command, node: str, command: str) -> list[str]:
    return _lines(comparable(said(kubectl, command), node))


def _needs_this_kubectl() -> None:
    if _minor() < RECORDED_WITH - 2:
        pytest.skip(f"kubectl 1.{_minor()} words this otherwise than 1.{RECORDED_WITH}")

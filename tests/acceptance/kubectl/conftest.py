"""Which kubectls follow which transcripts, and the cluster they talk to.

`KNLAB_TEST_KUBECONFIG` names another cluster than the embedded one: a real one, to see that the
transcripts are right. With `KNLAB_TEST_KUBECTLS_ALL=1` every version follows every transcript.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.stock_kubectl import check_not_required
from tools.kubectl_transcripts import Session, Transcript, parse
from tools.kubectls import Kubectl, every

TRANSCRIPTS = Path(__file__).parent / "transcripts"
OTHER_CLUSTER = "KNLAB_TEST_KUBECONFIG"
ALL = "KNLAB_TEST_KUBECTLS_ALL"
TRICKY = {
    "test_exec_and_port_forward",
    "test_a_pod_for_one_command",
    "test_an_interactive_session",
    "test_attaching",
}
"""Tests for every version: the older ones speak SPDY, the newer ones WebSocket."""

Kubectls: TypeAlias = Sequence[Kubectl]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if {"kubectls", "kubectl_binary"} & {*metafunc.fixturenames} and not every():
        check_not_required("kubectl", "there is none on PATH")
    if "kubectls" in metafunc.fixturenames:
        cases = [
            pytest.param(transcript, group, id=f"{name}-{'+'.join(map(str, group))}")
            for name, transcript in _transcripts().items()
            for group in _groups(transcript)
        ]
        metafunc.parametrize(("transcript", "kubectls"), cases)
    elif "kubectl_binary" in metafunc.fixturenames:
        tricky = metafunc.function.__name__ in TRICKY or bool(os.environ.get(ALL))
        metafunc.parametrize("kubectl_binary", every() if tricky else every()[-1:], ids=str)


def _transcripts() -> dict[str, Transcript]:
    return {
        path.stem: parse(path.read_text(encoding="utf-8"))
        for path in sorted(TRANSCRIPTS.glob("*.txt"))
    }


def _groups(transcript: Transcript) -> list[Kubectls]:
    """Who follows `transcript`, in pairs that do so at the same time."""
    if os.environ.get(ALL):
        return [(kubectl,) for kubectl in every()]
    found = every()
    if not transcript.for_every_version and len(found) > 2:
        found = found[0], found[-1]
    return [found[place : place + 2] for place in range(0, len(found), 2)]


@pytest.fixture(scope="session")
def kubeconfig(request: pytest.FixtureRequest) -> str:
    """The kubeconfig of a cluster with Knative."""
    other = os.environ.get(OTHER_CLUSTER)
    if other:
        return other
    request.getfixturevalue("cluster")
    return str(request.getfixturevalue("running").kubeconfig)


@pytest.fixture
def session(
    kubectl_binary: Kubectl,
    kubeconfig: str,
    cache: Path,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Iterator[Session]:
    """One kubectl in a namespace of its own, beside the module's `FILES`."""
    made = Session(kubectl_binary, kubeconfig, tmp_path, cache)
    made.prepare(request.module.FILES)
    yield made
    made.clean()


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the kubectls remember about this cluster, and only about this one."""
    return tmp_path_factory.mktemp("kubectl-cache")

"""kn does on the embedded cluster what it does on a real one: `kn/*.txt`, recorded there."""

from __future__ import annotations

from pathlib import Path

import pytest

from knlab._state import Running
from knlab.cluster.cluster import Cluster
from tests.stock_kubectl import check_not_required
from tools import kn_transcripts
from tools.kn_transcripts import kn, session
from tools.kubectl_transcripts import follow, parse

TRANSCRIPTS = sorted((Path(__file__).parent / "kn").glob("*.txt"))
LACKING = (
    f"kn is not installed; put a kn 1.23 on PATH or its path into {kn_transcripts.VARIABLE} to"
    " run these tests"
)


@pytest.fixture(autouse=True)
def _kn() -> None:
    if not kn():
        check_not_required("kn", LACKING)
        pytest.skip(LACKING)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_kn_prints_what_it_prints_on_a_real_cluster(
    path: Path, running: Running, cluster: Cluster
) -> None:
    with session(Path(running.kubeconfig)) as used:
        for step in parse(path.read_text(encoding="utf-8")).steps:
            seen, wanted = follow(step, used, step.outcome(0))
            assert f"kn {step.command}\n{seen}" == f"kn {step.command}\n{wanted}"


def test_kn_finds_the_versions_that_it_speaks(running: Running, cluster: Cluster) -> None:
    with session(Path(running.kubeconfig)) as used:
        said = used.run("version")
        assert (said.code, said.err) == (0, "")
        assert "serving.knative.dev/v1 " in said.out
        assert used.run("completion bash").out.startswith("# bash completion")

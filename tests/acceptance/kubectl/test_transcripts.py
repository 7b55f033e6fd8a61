"""Stock kubectls of many versions print here what they print on a real cluster."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.acceptance.kubectl.conftest import Kubectls
from tools.kubectl_transcripts import Session, Transcript, follow
from tools.kubectls import Kubectl

pytestmark = pytest.mark.timeout(180)


def test_commands(
    transcript: Transcript, kubectls: Kubectls, kubeconfig: str, cache: Path, tmp_path: Path
) -> None:
    def differences(kubectl: Kubectl) -> list[str]:
        directory = tmp_path / str(kubectl)
        directory.mkdir()
        session = Session(kubectl, kubeconfig, directory, cache)
        session.prepare(transcript.files)
        try:
            return [
                f"$ kubectl-{kubectl} {step.command}\n[should print]\n{wanted}\n[prints]\n{seen}"
                for step in transcript.steps
                for seen, wanted in (follow(step, session, step.outcome(kubectl.minor)),)
                if seen != wanted
            ]
        finally:
            session.clean()

    with ThreadPoolExecutor() as side_by_side:
        found = [text for texts in side_by_side.map(differences, kubectls) for text in texts]
    assert not found, "\n\n".join(["", *found])

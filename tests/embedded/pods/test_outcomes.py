"""What clients of exec hear at the end, as a Kubernetes 1.34 cluster said it in each protocol."""

from __future__ import annotations

import json

import pytest

from knlab.embedded.pods.outcomes import V4, V5, Exited, NotReached, NotRun, Outcome, told

WHY = "error executing command in container: no"
CAUSES = {"details": {"causes": [{"reason": "ExitCode", "message": "1"}]}}
NONZERO = {"metadata": {}, "status": "Failure", "reason": "NonZeroExitCode", **CAUSES}


def internal(message: str, cause: str) -> dict[str, object]:
    return {
        "metadata": {}, "status": "Failure", "message": message, "reason": "InternalError",
        "details": {"causes": [{"message": cause}]}, "code": 500,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("outcome", "protocol", "status"),
    [
        (Exited(("a",), 0), V5, {"metadata": {}, "status": "Success"}),
        (Exited(("a",), 0), V4, {"metadata": {}, "status": "Success"}),
        (
            Exited(("a", "b"), 1),
            V5,
            NONZERO
            | {
                "message": "command terminated with non-zero exit code:"
                " command terminated with exit code 1"
            },
        ),
        (
            Exited(("a", "b"), 1),
            V4,
            NONZERO
            | {
                "message": "command terminated with non-zero exit code:"
                " error executing command [a b], exit code 1"
            },
        ),
        (
            NotRun(WHY),
            V5,
            internal(
                f"Internal error occurred: Internal error occurred: {WHY}",
                f"Internal error occurred: {WHY}",
            ),
        ),
        (NotRun(WHY), V4, internal(f"Internal error occurred: {WHY}", WHY)),
        (
            NotReached('container not found ("a")'),
            V5,
            internal(
                'Internal error occurred: unable to upgrade connection: container not found ("a")',
                'unable to upgrade connection: container not found ("a")',
            ),
        ),
    ],
)
def test_a_status_since_v4(outcome: Outcome, protocol: str, status: dict[str, object]) -> None:
    assert json.loads(told(outcome, protocol)) == status


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (Exited(("a",), 0), b""),
        (
            Exited(("a",), 1),
            b"command terminated with non-zero exit code: error executing command [a], exit code 1",
        ),
        (NotRun(WHY), b"Internal error occurred: " + WHY.encode()),
    ],
)
def test_plain_words_before(outcome: Outcome, text: bytes) -> None:
    assert told(outcome, "v3.channel.k8s.io") == text
    assert told(outcome, "") == text

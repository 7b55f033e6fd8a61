"""What an exec or attach tells its client at the end: a Status on the error stream. Pure.

Every protocol has its own wording. In v5 the API server stands between client and kubelet and
words again what the kubelet said, which is why its errors begin twice with the same phrase.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from knlab.embedded.kube.objects import Object

V5: Final = "v5.channel.k8s.io"
V4: Final = "v4.channel.k8s.io"

_INTERNAL: Final = "Internal error occurred: "


@dataclass(frozen=True, slots=True)
class Exited:
    """The command ran and has exited."""

    argv: Sequence[str]
    code: int


DONE: Final = Exited((), 0)
"""All went well."""


@dataclass(frozen=True, slots=True)
class NotRun:
    """The kubelet could not run the command, or not attach."""

    why: str


@dataclass(frozen=True, slots=True)
class NotReached:
    """The kubelet refused the connection."""

    why: str


Outcome: TypeAlias = Exited | NotRun | NotReached


def told(outcome: Outcome, protocol: str) -> bytes:
    """What goes over the error stream in `protocol`: a Status since v4, plain text before."""
    status = _status(outcome, protocol)
    if protocol in {V4, V5}:
        return json.dumps(status, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
    return str(status.get("message", "")).encode()


def _status(outcome: Outcome, protocol: str) -> Object:
    match outcome:
        case Exited(_, 0):
            return {"metadata": {}, "status": "Success"}
        case Exited(argv, code):
            words = f"command terminated with exit code {code}"
            if protocol != V5:
                words = f"error executing command [{' '.join(argv)}], exit code {code}"
            return {
                "metadata": {},
                "status": "Failure",
                "message": f"command terminated with non-zero exit code: {words}",
                "reason": "NonZeroExitCode",
                "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
            }
        case NotRun(why):
            return _internal(_INTERNAL + why if protocol == V5 else why)
        case NotReached(why):
            return _internal(f"unable to upgrade connection: {why}")


def _internal(why: str) -> Object:
    return {
        "metadata": {},
        "status": "Failure",
        "message": _INTERNAL + why,
        "reason": "InternalError",
        "details": {"causes": [{"message": why}]},
        "code": 500,
    }

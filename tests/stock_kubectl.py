"""Whether tests with the kubectl on PATH can run here, and whether they must.

`KNLAB_REQUIRE=kubectl` (a list, separated by commas) makes a missing kubectl a failure: a suite
that is skipped for want of a client then does not look like one that passed.
"""

from __future__ import annotations

import os
import shutil
from functools import cache
from pathlib import Path
from typing import Final

from tools import kubectls

OLDEST: Final = 28
"""Minor version: older ones ask for API versions that Kubernetes 1.34 does not serve any more."""
REQUIRE: Final = "KNLAB_REQUIRE"


class RequiredError(Exception):
    """What has to be here is not."""


@cache
def lacking() -> str:
    """Why the kubectl on PATH cannot be used here; empty if it can.

    Raises:
        RequiredError: it cannot, and `KNLAB_REQUIRE` says that it must.
    """
    path = shutil.which("kubectl")
    minor = kubectls.minor_of(Path(path)) if path else 0
    if minor >= OLDEST:
        return ""
    reason = f"kubectl 1.{minor} is older than 1.{OLDEST}" if minor else "kubectl is not installed"
    check_not_required("kubectl", reason)
    return reason


def check_not_required(what: str, reason: str) -> None:
    """Say why `what` is missing, if it may not be.

    Raises:
        RequiredError: `what` is among those that `KNLAB_REQUIRE` names.
    """
    if what in os.environ.get(REQUIRE, "").split(","):
        raise RequiredError(f"{REQUIRE} asks for {what}, but {reason}")

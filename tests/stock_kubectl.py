"""The kubectl on PATH, if it is of an age that these tests are written for."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import cache

OLDEST = 28
"""Minor version: older ones ask for API versions that Kubernetes 1.34 does not serve any more."""


@cache
def lacking() -> str:
    """Why kubectl cannot be used here; empty if it can."""
    path = shutil.which("kubectl")
    if path is None:
        return "kubectl is not installed"
    said = subprocess.run(
        [path, "version", "--client", "-o", "json"], capture_output=True, text=True, check=False
    ).stdout
    version = json.loads(said)["clientVersion"] if said else {"gitVersion": "unknown", "minor": "0"}
    minor = int((re.match(r"\d+", version["minor"]) or ["0"])[0])
    return "" if minor >= OLDEST else f"kubectl {version['gitVersion']} is older than 1.{OLDEST}"

"""Transcripts of kn: commands, and what a real cluster with Knative makes them print.

The format is that of `tools.kubectl_transcripts`. Besides what is masked there, the lines that tell
of a wait's progress are left out, and blank lines: both depend on how fast the cluster is.

python -m tools.kn_transcripts FILE...     record anew on the cluster that KUBECONFIG names

kn is the one on PATH, or the binary that `KNLAB_TEST_KN` names.
"""

from __future__ import annotations

import argparse
import os
import re
import secrets
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import kubernetes.client
import kubernetes.config
import yaml

from tools.kubectl_transcripts import Outcome, Transcript, masked, observe, parse, render

VARIABLE: Final = "KNLAB_TEST_KN"
_SETTLED: Final = 6.0
"""Seconds for which a command has to print the same to be recorded."""
_GONE: Final = 120.0
_PROGRESS: Final = re.compile(r"^ +\d+\.\d{3}s .*\n", re.MULTILINE)
_BLANK: Final = re.compile(r"^!? *\n", re.MULTILINE)
_USERS: Final = re.compile(r"\b(kubernetes-admin|knlab)\b")


def kn() -> str:
    """The path of kn; empty if there is none."""
    return os.environ.get(VARIABLE) or shutil.which("kn") or ""


@dataclass(frozen=True, slots=True)
class Session:
    """kn, used in one namespace."""

    directory: Path
    namespace: str

    def run(self, line: str) -> Outcome:
        """What `line` does, as it is."""
        done = subprocess.run(
            [kn(), *shlex.split(line)],
            cwd=self.directory,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.directory),
                "KUBECONFIG": str(self.directory / "kubeconfig"),
                "TZ": "UTC",
            },
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=100,
        )  # fmt: skip
        return Outcome(done.stdout, done.stderr, done.returncode)

    def outcome(self, line: str) -> str:
        """What `line` does, as a transcript has it."""
        text = _PROGRESS.sub("", str(self.run(line)) + "\n")
        return _USERS.sub("USER", masked(_BLANK.sub("", text), self.namespace)).strip("\n")


@contextmanager
def session(kubeconfig: Path, *, to_the_end: bool = False) -> Iterator[Session]:
    """kn in a new namespace, where domains are claimed by who maps them.

    `to_the_end`: wait until everything that was made is gone.
    """
    namespace = f"facts-{secrets.token_hex(4)}"
    with (
        tempfile.TemporaryDirectory() as made,
        kubernetes.config.new_client_from_config(str(kubeconfig)) as client,
    ):
        core = kubernetes.client.CoreV1Api(client)
        core.create_namespace({"metadata": {"name": namespace}})
        _let_claim(core, "true")
        chosen = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
        for context in chosen["contexts"]:
            context["context"]["namespace"] = namespace
        (Path(made) / "kubeconfig").write_text(yaml.safe_dump(chosen), encoding="utf-8")
        try:
            yield Session(Path(made), namespace)
        finally:
            core.delete_namespace(namespace)
            deadline = time.monotonic() + (_GONE if to_the_end else 0)
            while time.monotonic() < deadline and _exists(core, namespace):
                time.sleep(1)
            _let_claim(core, None)


def _let_claim(core: kubernetes.client.CoreV1Api, value: str | None) -> None:
    setting = {"data": {"autocreate-cluster-domain-claims": value}}
    core.patch_namespaced_config_map("config-network", "knative-serving", setting)


def _exists(core: kubernetes.client.CoreV1Api, namespace: str) -> bool:
    return namespace in {each.metadata.name for each in core.list_namespace().items}


def record(transcript: Transcript, kubeconfig: Path) -> Transcript:
    """`transcript` with what kn prints on the cluster of `kubeconfig`."""
    with session(kubeconfig, to_the_end=True) as used:
        steps = tuple(
            replace(step, expected=((0, 99, observe(step, used, _SETTLED)),))
            for step in transcript.steps
        )
    return replace(transcript, steps=steps)


def main() -> None:
    """Record the transcripts that are named."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file", nargs="+", type=Path)
    for path in parser.parse_args().file:
        print(path.name, flush=True)
        transcript = parse(path.read_text(encoding="utf-8"))
        recorded = record(transcript, Path(os.environ["KUBECONFIG"]))
        path.write_text(render(recorded), encoding="utf-8")


if __name__ == "__main__":
    main()

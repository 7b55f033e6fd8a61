"""What a real cluster printed, as `$ COMMAND` with its output below, and how outputs are compared.

`python -m tests.acceptance.transcripts` records the outputs anew from the cluster in use; the
README in `tests/data/real/shown` says how.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

DATA = Path(__file__).parents[1] / "data" / "real" / "shown"
NAMESPACE = "shown"
READY = (
    "deployment/web --for=condition=Available",
    "pod/single --for=condition=Ready",
    "ksvc/hello --for=condition=Ready",
    "pod/nowhere --for=jsonpath={.status.conditions[0].reason}=Unschedulable",
)
"""What `kubectl wait` waits for before anything is looked at."""

Run = Callable[..., subprocess.CompletedProcess[str]]
"""Runs kubectl with arguments; an exit code that is not 0 is for the caller."""

_FACTS = (
    (r"\x1b\[[\d;]*m", ""),
    (r"in scheme \"[^\"]+\"", "in scheme CODE"),
    (r"(\d+/TCP) \([\w-]+\)(?=,|\n)", r"\1"),
    (r"\bkubernetes-admin\b", "USER"),
    (r"(creator|lastModifier)(: |=)knlab\b", r"\1\2USER"),
    (r"\bv1\.34\.\d+(\+knlab)?(?![\w.])", "VERSION"),
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UID"),
    (r"\b[0-9a-f]{32}\b", "UID"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
    (r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}", "TIME"),
    (r"\b\d{1,3}(\.\d{1,3}){3}\b", "IP"),
    (r"https://IP:\d+", "https://IP:PORT"),
    (r"(\w+)://[0-9a-f]{64}", "CONTAINER"),
    (r"([\w./-]+@)?sha256:[0-9a-f]{64}", "DIGEST"),
    (r"\b(web|hello-00001-deployment)-[0-9a-z]{6,10}\b", r"\1-HASH"),
    (r"\b([\w-]+-HASH|activator-[0-9a-z]{6,10})-[0-9a-z]{5}\b", "POD"),
    (r"\b(web|np|hello-00001|hello-00001-private)-[a-z0-9]{5}\b", r"\1-SUFFIX"),
    (r"(pod-template-hash|serving.knative.dev/deployment-hash)([=:] ?)\w+", r"\1\2HASH"),
    (r"80:3\d{4}/TCP", "80:NODEPORT/TCP"),
    (r"(NodePort: .*? )3\d{4}/TCP", r"\1NODEPORT/TCP"),
    (r"dev\.local/queue:bench|knlab\.dev/knative/queue:v[\d.]+", "QUEUE"),
    (r"(Resource Version: +|resourceVersion: \")\d+", r"\1VERSION"),
    (r" +knlab\.dev/address: .*\n +| +knlab\.dev/address: .*(?=\n)", "  "),
    (r"Mounts:\n +/var/run/secrets/kubernetes.io/serviceaccount from .*", "Mounts:  <none>"),
    (r"Volumes:\n  kube-api-access-\w{5}:(\n    .*)+", "Volumes:  <none>"),
    (r"(?<![\w.=-])\d+[smhdy](\d+[smhd])?(?![\w.-])", "AGE"),
)
"""What is a fact of one cluster or one moment, and the word that stands for it.

Of kubectl: whether it names ports and colours text. Of pods: what the embedded cluster does
otherwise, as it notes their address on this machine and mounts no credentials unasked.
"""


_SPACES = r"(?<=\S)[ \t]{2,}|\t|^ {10,}(?=\S*[./]\S*[:=])"
"""Between columns, and before what continues a list of labels or the like."""


def comparable(output: str, node: str) -> str:
    """`output` without facts of its cluster, whose node is called `node`; columns two apart."""
    text = output
    for pattern, word in _FACTS:
        text = re.sub(pattern, word, text)
    text = re.sub(rf"(?<![\w.-]){re.escape(node)}(?![\w.-])", "NODE", text)
    lines = (line.rstrip() for line in text.split("\n"))
    return "\n".join(re.sub(_SPACES, "  ", line) for line in lines)


def recorded(name: str) -> dict[str, str]:
    """Command → output, of the transcript `name`."""
    text = (DATA / f"{name}.txt").read_text()
    parts = re.split(r"^\$ kubectl (.*)\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def said(run: Run, command: str) -> str:
    """All that kubectl prints for `command`, `MANIFEST` in it being text behind ` <<< `."""
    arguments, _, manifest = command.partition(" <<< ")
    done = run(*shlex.split(arguments), input=manifest.replace("\\n", "\n"), check=False)
    return done.stdout + done.stderr


def prepare(run: Run) -> None:
    """Make what the transcripts look at, and wait until it is ready."""
    run("create", "namespace", NAMESPACE)
    run("-n", NAMESPACE, "apply", "-f", str(DATA / "objects.yaml"))
    definition, *widgets = (DATA / "widgets.yaml").read_text().split("---\n")
    run("apply", "-f", "-", input=definition)
    run("wait", "crd/widgets.shown.example", "--for=condition=Established", "--timeout=20s")
    run("apply", "-f", "-", input="---\n".join(widgets))
    for what in READY:
        run("-n", NAMESPACE, "wait", *shlex.split(what), "--timeout=30s")


def clean(run: Run) -> None:
    """Remove what `prepare` made."""
    run("delete", "namespace", NAMESPACE, "--wait=false")
    run("delete", "crd", "widgets.shown.example", "--wait=false")


def node_name(run: Run) -> str:
    """The name of the cluster's only node."""
    return run("get", "nodes", "-o", "jsonpath={.items[0].metadata.name}").stdout


def _kubectl(
    *arguments: str,
    check: bool = True,
    input: str | None = None,  # noqa: A002 - subprocess' word
) -> subprocess.CompletedProcess[str]:
    kubectl = os.environ.get("KUBECTL", "kubectl")
    return subprocess.run(
        [kubectl, *arguments], input=input, capture_output=True, text=True, check=check
    )


def _record() -> None:
    prepare(_kubectl)
    time.sleep(15)
    node = node_name(_kubectl)
    for path in sorted(DATA.glob("*.txt")):
        parts = [
            f"$ kubectl {command}\n{comparable(said(_kubectl, command), node)}"
            for command in recorded(path.stem)
        ]
        path.write_text("".join(part if part.endswith("\n") else f"{part}\n" for part in parts))
    clean(_kubectl)


if __name__ == "__main__":
    _record()

"""docs/kubectl.md: what which kubectl can do here, from a run of the acceptance tests.

python -m tools.kubectl_table         run them with every kubectl of this machine, write the table
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from tools.kubectl_transcripts import Transcript, parse
from tools.kubectls import every

ROOT: Final = Path(__file__).parent.parent
DOCUMENT: Final = ROOT / "docs" / "kubectl.md"
SUITE: Final = ROOT / "tests" / "acceptance" / "kubectl"
ALL: Final = "KNLAB_TEST_KUBECTLS_ALL"

_CASE: Final = re.compile(
    r"(?:test_commands\[(?P<name>.+)-|test_(?P<test>\w+)\[)1\.(?P<minor>\d+)\]"
)
_STREAMS: Final = {
    "a_watch_shows_what_happens": "get -w --output-watch-events",
    "only_what_changes_is_watched": "get --watch-only",
    "logs": "logs (containers, --tail, --since, --prefix, --timestamps, --limit-bytes)",
    "logs_are_followed_to_the_end": "logs -f",
    "exec_and_port_forward": "exec (-i, exit codes), port-forward",
    "a_pod_for_one_command": "run -i --rm, run -it --rm (output, input, exit codes)",
    "an_interactive_session": "run -it, attach -it (Ctrl-C, Ctrl-D, window size)",
    "attaching": "attach, attach -i",
    "top": "top nodes, top pods",
    "the_node_is_cordoned_and_drained": "cordon, drain, uncordon, taint",
    "the_cluster_says_what_it_is": "version, cluster-info, cluster-info dump, api-versions",
    "the_user_may_do_everything": "auth can-i --list",
    "refusals": "kinds that are absent: refused in words",
}
_HEAD: Final = """\
# kubectl, version by version

Written by `python -m tools.kubectl_table` from a run of `tests/acceptance/kubectl` against an
embedded cluster with Knative. A row is a file of commands in `transcripts/` there, with what a real
cluster (Kubernetes 1.34.4, Knative 1.23) made each of these kubectls print. ✓ says that it prints
the same here: output, errors and exit code; ages, addresses, uids and the like are masked, and runs
of spaces count as two. The last rows are tests of what stays open. Kubernetes itself vouches for a
kubectl one minor version away from the server; older ones do here what they do there.
"""

Results = Mapping[tuple[str, int], bool]
"""(name of a transcript or a test, minor version) → whether it passed."""


def results(report: str) -> dict[tuple[str, int], bool]:
    """What the JUnit report of a run of the suite says."""
    found: dict[tuple[str, int], bool] = {}
    for case in ET.fromstring(report).iter("testcase"):
        named = _CASE.fullmatch(case.get("name", ""))
        if named and case.find("skipped") is None:
            failed = case.find("failure") is not None or case.find("error") is not None
            found[named["name"] or named["test"], int(named["minor"])] = not failed
    return found


def document(found: Results, transcripts: Mapping[str, Transcript]) -> str:
    """The page about `found`."""
    minors = sorted({minor for _, minor in found})
    head = ["| What | Commands |", *(f" 1.{minor} |" for minor in minors)]
    rule = "| --- | --- |" + " :---: |" * len(minors)
    rows = [_row(name, title, commands, minors, found)
            for name, title, commands in _titles(transcripts)]  # fmt: skip
    return "\n".join([_HEAD, "".join(head), rule, *rows]) + "\n"


def _titles(transcripts: Mapping[str, Transcript]) -> Iterator[tuple[str, str, str]]:
    for name, transcript in transcripts.items():
        yield name, transcript.title, ", ".join(f"`{verb}`" for verb in verbs(transcript))
    for name, title in _STREAMS.items():
        yield name, title, ""


def verbs(transcript: Transcript) -> list[str]:
    """The commands of `transcript` without their arguments, each once."""
    found: dict[str, None] = {}
    for step in transcript.steps:
        words = [word for word in shlex.split(step.command) if not re.match(r"[A-Z_]+=", word)]
        named = [word for word in words if re.fullmatch(r"[a-z-]+", word)]
        first = " ".join(named[:2]) if words[0] in _GROUPS else words[0]
        found[first] = None
    return sorted(found)


_GROUPS: Final = frozenset({"auth", "config", "rollout", "set"})


def _row(name: str, title: str, commands: str, minors: list[int], found: Results) -> str:
    marks = {True: "✓", False: "✗", None: ""}
    cells = "".join(f" {marks[found.get((name, minor))]} |" for minor in minors)
    return f"| {title} | {commands} |{cells}"


def main() -> int:
    """Run the suite and write the page; the exit code is that of the run."""
    if not every():
        print("no kubectl on PATH, and KNLAB_TEST_KUBECTLS names none", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as made:
        report = Path(made) / "report.xml"
        ran = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "--tb=no", f"--junitxml={report}", SUITE],
            cwd=ROOT, env={**os.environ, ALL: "1"}, check=False,
        )  # fmt: skip
        found = results(report.read_text(encoding="utf-8"))
    transcripts = {
        path.stem: parse(path.read_text(encoding="utf-8"))
        for path in sorted((SUITE / "transcripts").glob("*.txt"))
    }
    DOCUMENT.write_text(document(found, transcripts), encoding="utf-8")
    return ran.returncode


if __name__ == "__main__":
    sys.exit(main())

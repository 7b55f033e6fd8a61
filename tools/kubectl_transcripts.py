"""Transcripts of kubectl: commands, and what a real cluster makes them print.

A transcript is a text file, run in a namespace of its own:

    # comment; the first line is its title
    --- pod.yaml                a file beside the commands, up to the next `---`
    ---
    ~ create -f pod.yaml        has to succeed; what it prints does not matter
    $ get pod web < pod.yaml    prints exactly what follows, up to the next command
    NAME  READY                 … to the standard output
    ! Warning: old              … to the standard error
    ? 1                         … and ends with this code, if it is not 0
    @ get pod web               has to print what follows within some seconds
    [1.27-1.31]                 what follows is for these minor versions, …
    [1.32-]                     … and for these and newer ones

`$NS` stands for the namespace, `NAME=value` before a command is put into its environment. What
differs from run to run (ages, uids, addresses, hashes) is masked, runs of spaces are two spaces.

python -m tools.kubectl_transcripts FILE...     record anew on the cluster that KUBECONFIG names

Expectations are never written by hand: they come from a real cluster with Kubernetes 1.34.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import secrets
import shlex
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Final, Protocol

import yaml

from tools.kubectls import Kubectl, every

PATIENCE: Final = 25.0
"""Seconds that a command marked with `@` may take until it prints what it should."""
_POLL: Final = 0.25
_SETTLED: Final = 2.0
"""Seconds for which a command has to print the same to be recorded."""
_RANGE: Final = re.compile(r"\[(?:1\.(\d+))?-(?:1\.(\d+))?\]")
_HASH: Final = "[bcdfghjklmnpqrstvwxz2456789]"
_MASKS: Final = tuple(
    (re.compile(pattern, re.MULTILINE), mask)
    for pattern, mask in (
        (r"\\?-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----\\?n?", "CERTIFICATE"),
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( ?[+-]\d{4}|Z)", "TIME"),
        (r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}", "TIME"),
        (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UID"),
        (r"/\S*/(LIVE|MERGED)-\d+/", r"\1/"),
        (r"\b\d{1,3}(\.\d{1,3}){3}\b", "ADDRESS"),
        (r"(resourceVersion\"?: ?|Resource Version: +)\"?\d+\"?", r"\1VERSION"),
        (rf"-{_HASH}{{8,10}}(-{_HASH}{{5}})?\b|-{_HASH}{{5}}\b", "-HASH"),
        (rf"(pod-template-hash[=:] ?){_HASH}{{8,10}}", r"\1HASH"),
        (r"(?<![\w\":.=-])(\d+[dhms]){1,2}\b(?! ago\))", "AGE"),
        (r"^Waiting for .* rollout to finish: .*\n", ""),
        (r"^! [EIW]\d{4} .*reflector.*\n", ""),  # a watch that ends as it begins
        (r"^! ([IWE])\d{4} [\d:.]+ +\d+ ", r"! \1 "),
        (r"(?<=\S) {2,}", "  "),
        (r"[ \t]+$", ""),
    )
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command did."""

    out: str
    err: str
    code: int

    def __str__(self) -> str:
        out = _sorted(self.out)
        lines = [f"\\{line}" if line[:2] in _SPECIAL else line for line in out.splitlines()]
        lines += [f"! {line}".rstrip() for line in self.err.splitlines()]
        lines += [f"? {self.code}"] if self.code else []
        return "\n".join(lines)


def _sorted(text: str) -> str:
    """`text`; if it is a JSON object on one line, with its keys in order."""
    if not text.startswith("{") or "\n" in text.strip():
        return text
    try:
        return json.dumps(json.loads(text), sort_keys=True)
    except ValueError:
        return text


_SPECIAL: Final = frozenset({"$ ", "~ ", "@ ", "! ", "? ", "# ", "--"})


@dataclass(frozen=True, slots=True)
class Step:
    """One command, and its expected outcomes by minor versions (the first, the last)."""

    mark: str
    command: str
    expected: tuple[tuple[int, int, str], ...] = ()

    def outcome(self, minor: int) -> str:
        """What the kubectl of this minor version should print."""
        fitting = (text for first, last, text in self.expected if first <= minor <= last)
        return next(fitting, "")


@dataclass(frozen=True, slots=True)
class Transcript:
    """A file of commands."""

    head: str
    """Comments at its beginning."""
    files: Mapping[str, str]
    steps: tuple[Step, ...]

    @property
    def title(self) -> str:
        """What its first line says."""
        return self.head.splitlines()[0].removeprefix("#").strip()

    @property
    def for_every_version(self) -> bool:
        """Whether the versions between the oldest and the newest matter here."""
        return "# every version" in self.head.splitlines()


def parse(text: str) -> Transcript:
    """The transcript in `text`."""
    files: dict[str, str] = {}
    steps: list[Step] = []
    head: list[str] = []
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith("--- "):
            files[line.removeprefix("--- ")] = "".join(_until(lines, "---"))
        elif line[:2] in {"$ ", "~ ", "@ "}:
            steps.append(Step(line[0], line[2:], ((0, 99, ""),)))
        elif not steps:
            head += [line] if line.startswith("#") else []
        elif not line.startswith("#"):
            steps[-1] = _with_line(steps[-1], line)
    kept = tuple(_trimmed(step) for step in steps)
    return Transcript("\n".join(head), files, kept)


def _until(lines: Iterator[str], end: str) -> Iterator[str]:
    for line in lines:
        if line == end:
            return
        yield f"{line}\n"


def _with_line(step: Step, line: str) -> Step:
    if found := _RANGE.fullmatch(line):
        first, last = int(found[1] or 0), int(found[2] or 99)
        before = tuple(each for each in step.expected if each[2])
        return replace(step, expected=(*before, (first, last, "")))
    first, last, text = step.expected[-1]
    return replace(step, expected=(*step.expected[:-1], (first, last, f"{text}{line}\n")))


def _trimmed(step: Step) -> Step:
    return replace(step, expected=tuple((a, b, text.strip("\n")) for a, b, text in step.expected))


def render(transcript: Transcript) -> str:
    """`transcript` as text."""
    parts = [transcript.head]
    parts += [f"--- {name}\n{text}---" for name, text in transcript.files.items()]
    for step in transcript.steps:
        lines = [f"{step.mark} {step.command}"]
        for first, last, text in step.expected:
            if (first, last) != (0, 99):
                begin, end = (f"1.{first}" if first else ""), (f"1.{last}" if last < 99 else "")
                lines.append(f"[{begin}-{end}]")
            lines += [text] if text else []
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


@cache
def _minified(kubectl: Kubectl, kubeconfig: str) -> str:
    """The current context, without secrets."""
    return subprocess.run(
        [kubectl.path, "--kubeconfig", kubeconfig, "config", "view", "--minify", "-o", "yaml"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip


def _context(kubectl: Kubectl, kubeconfig: str, namespace: str) -> str:
    """A file to put before `kubeconfig`: its current context, but in `namespace`."""
    kept = yaml.safe_load(_minified(kubectl, kubeconfig))
    for part in ("clusters", "users"):  # these come from the other file
        kept[part] = []
    kept["contexts"][0]["context"]["namespace"] = namespace
    return yaml.safe_dump(kept)


@dataclass(slots=True)
class Session:
    """One kubectl, used in one namespace and one directory."""

    kubectl: Kubectl
    kubeconfig: str
    directory: Path
    cache: Path
    namespace: str = field(default_factory=lambda: f"facts-{secrets.token_hex(4)}")

    def prepare(self, files: Mapping[str, str]) -> None:
        """Write `files` and make the namespace."""
        for name, text in files.items():
            path = self.directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.replace("$NS", self.namespace), encoding="utf-8")
        self._must("create", "namespace", self.namespace)
        context = _context(self.kubectl, self.kubeconfig, self.namespace)
        (self.directory / ".context").write_text(context, encoding="utf-8")
        authority = "configmap/kube-root-ca.crt"  # every namespace gets it, a moment later
        self._must("wait", authority, "--for=jsonpath={.metadata.name}=kube-root-ca.crt")

    def clean(self) -> None:
        """Delete the namespace and those named after it, without waiting for their end."""
        mine = [f"{self.namespace}{more}" for more in ("", "-two", "-more")]
        self._must("delete", "namespace", "--wait=false", "--ignore-not-found", *mine)

    def start(self, line: str, terminal: int | None = None) -> subprocess.Popen[str]:
        """The process of `line`, which somebody has to read and to end; on a terminal if given."""
        words = shlex.split(line.replace("$NS", self.namespace))
        streams = subprocess.PIPE if terminal is None else terminal
        return subprocess.Popen(
            [self.kubectl.path, *words], cwd=self.directory, env=self._environment(),
            stdin=streams, stdout=streams, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def run(self, line: str) -> Outcome:
        """What `line` does, as it is."""
        words = shlex.split(line.replace("$NS", self.namespace))
        given: dict[str, str] = {}
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            name, _, value = words.pop(0).partition("=")
            given[name] = value
        stdin = None
        if "<" in words:
            place = words.index("<")
            stdin = (self.directory / words[place + 1]).read_text(encoding="utf-8")
            words = words[:place]
        return self._run(words, stdin, given)

    def outcome(self, line: str) -> str:
        """What `line` does, as a transcript has it."""
        return masked(str(self.run(line)), self.namespace)

    def _run(
        self, words: Sequence[str], stdin: str | None = None, given: Mapping[str, str] | None = None
    ) -> Outcome:
        done = subprocess.run(
            [self.kubectl.path, *words], cwd=self.directory,
            env=self._environment() | dict(given or {}), input=stdin or "",
            capture_output=True, text=True, check=False, timeout=50,
        )  # fmt: skip
        return Outcome(done.stdout, done.stderr, done.returncode)

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.directory),
            "KUBECONFIG": f"{self.directory / '.context'}{os.pathsep}{self.kubeconfig}",
            "KUBECACHEDIR": str(self.cache),
            "TZ": "UTC",
        }

    def _must(self, *words: str) -> Outcome:
        found = self._run(words)
        if found.code:
            raise RuntimeError(f"kubectl {shlex.join(words)}: {found.err}")
        return found


def masked(text: str, namespace: str) -> str:
    """`text` without what differs from run to run."""
    text = text.replace(namespace, "NAMESPACE")
    for pattern, mask in _MASKS:
        text = pattern.sub(mask, text)
    return text.strip("\n")


class Runner(Protocol):
    """Somebody who runs commands."""

    def run(self, line: str) -> Outcome:
        """What `line` does, as it is."""

    def outcome(self, line: str) -> str:
        """What `line` does, as a transcript has it."""


def follow(step: Step, runner: Runner, wanted: str) -> tuple[str, str]:
    """What `step` printed, and what it should have printed: `wanted`, if that matters."""
    if step.mark == "~":
        found = runner.run(step.command)
        return (str(found), "exit code 0") if found.code else ("", "")
    deadline = time.monotonic() + PATIENCE
    seen = runner.outcome(step.command)
    while seen != wanted and step.mark == "@" and time.monotonic() <= deadline:
        time.sleep(_POLL)
        seen = runner.outcome(step.command)
    return seen, wanted


def observe(step: Step, runner: Runner, settled: float) -> str:
    """What `step` prints; if it may take its time, once it is the same for `settled` seconds.

    Raises:
        RuntimeError: it had to succeed and did not.
    """
    if step.mark == "~":
        found = runner.run(step.command)
        if found.code:
            raise RuntimeError(f"{step.command}: {found}")
        return ""
    seen, since, deadline = runner.outcome(step.command), time.monotonic(), time.monotonic() + 40
    while step.mark == "@" and time.monotonic() < min(deadline, since + settled):
        time.sleep(_POLL)
        again = runner.outcome(step.command)
        if again != seen:
            seen, since = again, time.monotonic()
    return seen


def record(transcript: Transcript, kubeconfig: str) -> Transcript:
    """`transcript` with what every kubectl prints on the cluster of `kubeconfig`."""
    seen: list[dict[int, str]] = [{} for _ in transcript.steps]
    for kubectl in every():
        with tempfile.TemporaryDirectory() as made:
            directory = Path(made)
            session = Session(kubectl, kubeconfig, directory, directory / ".cache")
            session.prepare(transcript.files)
            try:
                for place, step in enumerate(transcript.steps):
                    seen[place][kubectl.minor] = observe(step, session, _SETTLED)
            finally:
                session.clean()
    steps = zip(transcript.steps, seen, strict=True)
    return replace(
        transcript, steps=tuple(replace(step, expected=_ranges(found)) for step, found in steps)
    )


def _ranges(found: Mapping[int, str]) -> tuple[tuple[int, int, str], ...]:
    """Equal texts of neighbouring versions together; the last range is open."""
    ranges: list[tuple[int, int, str]] = []
    for minor, text in sorted(found.items()):
        if ranges and ranges[-1][2] == text:
            ranges[-1] = (ranges[-1][0], minor, text)
        else:
            ranges.append((minor, minor, text))
    first, last = ranges[0], ranges[-1]
    ranges[-1] = (last[0], 99, last[2])
    if first[0] == min(found):
        ranges[0] = (0, ranges[0][1], first[2])
    return tuple(ranges)


def main() -> None:
    """Record the transcripts that are named."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file", nargs="+", type=Path)
    for path in parser.parse_args().file:
        print(path.name, flush=True)
        recorded = record(parse(path.read_text(encoding="utf-8")), os.environ["KUBECONFIG"])
        path.write_text(render(recorded), encoding="utf-8")


if __name__ == "__main__":
    main()

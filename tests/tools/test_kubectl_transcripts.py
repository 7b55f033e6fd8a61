"""Transcripts: read, written, compared."""

from __future__ import annotations

import pytest

from tools.kubectl_transcripts import Outcome, Step, masked, parse, render

TEXT = """\
# a title
# every version

--- a.yaml
kind: ConfigMap

data: {}
---

~ create -f a.yaml

$ get cm
NAME  AGE

a  AGE

$ delete cm a
[-1.32]
configmap "a" deleted
[1.33-]
configmap "a" deleted from NAMESPACE namespace
! Warning: gone
? 1
"""


def test_what_is_read_is_written() -> None:
    assert render(parse(TEXT)) == TEXT


def test_the_parts_of_a_transcript() -> None:
    found = parse(TEXT)
    assert (found.title, found.for_every_version) == ("a title", True)
    assert found.files == {"a.yaml": "kind: ConfigMap\n\ndata: {}\n"}
    create, get, delete = found.steps
    assert (create.mark, create.command, create.outcome(30)) == ("~", "create -f a.yaml", "")
    assert get.outcome(30) == get.outcome(99) == "NAME  AGE\n\na  AGE"
    assert delete.outcome(32) == 'configmap "a" deleted'
    assert delete.outcome(40).endswith("! Warning: gone\n? 1")
    assert Step("$", "x").outcome(30) == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("web   1/1   Running   0     3m5s", "web  1/1  Running  0  AGE"),
        ("at 2026-11-24T00:01:00Z", "at TIME"),
        ("facts-1234 10.96.0.1", "NAMESPACE ADDRESS"),
        ("web-5d4c8b7f9d-x2z4q", "web-HASH"),
        ("hello-world hello-00001", "hello-world hello-00001"),
        ("uid: 0b1c2d3e-0000-4000-8000-000000000000", "uid: UID"),
        ('"resourceVersion": "17"', '"resourceVersion": VERSION'),
        ("cpu: 200m", "cpu: AGE"),
        ('"cpu":"200m"', '"cpu":"200m"'),
        ("\n\nleft\n", "left"),
    ],
)
def test_masks(text: str, expected: str) -> None:
    assert masked(text, "facts-1234") == expected


def test_an_outcome_shows_where_it_was_printed() -> None:
    shown = str(Outcome("out\n$ money\n", "err\n", 3))
    assert shown == "out\n\\$ money\n! err\n? 3"
    assert str(Outcome('{"b":1,"a":2}\n', "", 0)) == '{"a": 2, "b": 1}'

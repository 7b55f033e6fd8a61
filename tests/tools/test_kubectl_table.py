"""The page about kubectl: read from a report, one row for each transcript."""

from __future__ import annotations

from tools.kubectl_table import document, results, verbs
from tools.kubectl_transcripts import parse

REPORT = """\
<testsuites><testsuite>
<testcase name="test_commands[get-1.27]"/>
<testcase name="test_commands[get-1.34]"><failure message="no"/></testcase>
<testcase name="test_top[1.34]"/>
<testcase name="test_exec[1.34]"><skipped/></testcase>
<testcase name="test_other"/>
</testsuite></testsuites>
"""
GET = parse("# get: names\n\n$ get cm\n\n$ A=b rollout status deploy/x\n\n$ get cm a\n")


def test_a_report_is_read() -> None:
    assert results(REPORT) == {("get", 27): True, ("get", 34): False, ("top", 34): True}


def test_commands_are_named_once() -> None:
    assert verbs(GET) == ["get", "rollout status"]


def test_each_version_has_a_column() -> None:
    lines = document(results(REPORT), {"get": GET}).splitlines()
    assert "| What | Commands | 1.27 | 1.34 |" in lines
    assert "| get: names | `get`, `rollout status` | ✓ | ✗ |" in lines
    assert "| top nodes, top pods |  |  | ✓ |" in lines

"""Every command that README.md names exists."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from knlab.cli.__main__ import main

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
FENCES = "\n".join(re.findall(r"^```\w*\n(.*?)^```", README, re.MULTILINE | re.DOTALL))
INLINE = "\n".join(re.findall(r"`([^`\n]+)`", README))
VERBS = sorted(set(re.findall(r"\bknlab ([a-z]+)", f"{FENCES}\n{INLINE}")))
TARGETS = sorted(set(re.findall(r"\bmake ([a-z]+)", f"{FENCES}\n{INLINE}")))


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_that_is_named_exists(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    assert ended.value.code == 0
    assert f"knlab {verb}" in capsys.readouterr().out


@pytest.mark.parametrize("target", sorted({*TARGETS, "course", "test", "lab"}))
def test_a_make_target_that_is_named_exists(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_relative_links_lead_somewhere() -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", README)
    assert not [link for link in links if not (ROOT / link).exists()]


def test_python_in_the_readme_compiles() -> None:
    for block in re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL):
        subprocess.run([sys.executable, "-c", f"compile({block!r}, 'README', 'exec')"], check=True)

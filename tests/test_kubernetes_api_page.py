"""docs/kubernetes-api.md: what it says is absent is absent, and the rest is in its table."""

from __future__ import annotations

import re
from pathlib import Path

from knlab.embedded.builtin.unavailable import unavailable_rows
from tools.served_api import DOCUMENT, documented

TEXT = Path(DOCUMENT).read_text(encoding="utf-8")
ABSENT = TEXT.partition("## Absent")[2]


def test_kinds_that_cannot_be_created_are_listed() -> None:
    listed = re.findall(
        r"`([a-z.0-9]+)`", ABSENT.partition("would follow it:")[2].partition("|")[0]
    )
    assert listed == sorted(str(row.name) for row in unavailable_rows())


def test_what_is_absent_is_not_in_the_table() -> None:
    served = {line.split("|")[2].strip() for line in documented(TEXT).splitlines()}
    named = re.findall(r"`([A-Z][A-Za-z]+)`", ABSENT)
    assert len(named) > 3
    assert not served & set(named)

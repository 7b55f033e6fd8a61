"""docs/kubernetes-api.md says what is served: no more, and no less."""

from __future__ import annotations

from tools.served_api import DOCUMENT, documented, of_a_fresh_cluster


def test_the_documented_kinds_are_those_of_discovery() -> None:
    assert documented(DOCUMENT.read_text(encoding="utf-8")) == of_a_fresh_cluster()

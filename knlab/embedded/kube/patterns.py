"""Regular expressions of users: Go's, which take time in proportion to the text, never more."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import re2

_GO_WORDS: Final[Mapping[str, str]] = {
    "missing ]": "missing closing ]",
    "missing )": "missing closing )",
    "trailing \\": "trailing backslash at end of expression",
    "no argument for repetition operator": "missing argument to repetition operator",
    "invalid repetition size": "invalid repeat count",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid named capture group": "invalid named capture",
}
"""What the library complains of, where Go's words are others."""
_QUIET: Final = re2.Options()
_QUIET.log_errors = False


def pattern_complaint(pattern: str) -> str:
    """Why `pattern` is no regular expression, in the words of Go; empty if it is one."""
    try:
        _compiled(pattern)
    except re2.error as error:
        words, _, where = error.args[0].decode().partition(": ")
        return f"error parsing regexp: {_GO_WORDS.get(words, words)}: `{where}`"
    return ""


def matches(pattern: str, text: str) -> bool:
    """Whether something in `text` matches; nothing does if `pattern` is no regular expression."""
    try:
        return _compiled(pattern).search(text) is not None
    except re2.error:
        return False


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> Any:
    return re2.compile(pattern, _QUIET)

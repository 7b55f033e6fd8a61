"""Patterns as Go reads them; the complaints are those of a real API server."""

from __future__ import annotations

import pytest

from knlab.embedded.kube.patterns import matches, pattern_complaint


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [
        ("[", "missing closing ]: `[`"),
        ("(a", "missing closing ): `(a`"),
        ("a)", "unexpected ): `a)`"),
        ("\\", "trailing backslash at end of expression: ``"),
        ("*a", "missing argument to repetition operator: `*`"),
        ("a{1001}", "invalid repeat count: `{1001}`"),
        ("(((a{100}){100}){100})", "invalid repeat count: `{100}`"),
        ("x{2,1}", "invalid repeat count: `{2,1}`"),
        ("a**", "invalid nested repetition operator: `**`"),
        ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
        ("(?P<n", "invalid named capture: `(?P<n`"),
        (r"\1", r"invalid escape sequence: `\1`"),
        ("[b-a]", "invalid character class range: `b-a`"),
        ("[[:foo:]]", "invalid character class range: `[:foo:]`"),
    ],
)
def test_what_is_no_pattern(pattern: str, complaint: str) -> None:
    assert pattern_complaint(pattern) == f"error parsing regexp: {complaint}"
    assert not matches(pattern, "a")


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("b", "abc", True),
        ("^b", "abc", False),
        ("^ab$", "ab", True),
        ("^ab$", "ab\n", False),
        (r"^ab\z", "ab", True),
        (r"^\d+$", "12", True),
        (r"^\d+$", "\u0663", False),
        (r"^\pL+$", "\u00e9t\u00e9", True),
        ("^[[:alpha:]]+$", "abc", True),
        ("(?i)^ABC$", "abc", True),
        ("^(a+)+$", "a" * 100_000 + "!", False),
    ],
)
def test_what_matches(pattern: str, text: str, *, fits: bool) -> None:
    assert pattern_complaint(pattern) == ""
    assert matches(pattern, text) is fits

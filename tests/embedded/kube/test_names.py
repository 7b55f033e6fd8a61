"""Names and keys: what Kubernetes allows."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from knlab.embedded.kube.names import (
    dns1035_errors,
    label_errors,
    label_value_errors,
    path_segment_errors,
    qualified_name_errors,
    subdomain_errors,
)


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        (label_errors, ["a", "1-a", "a" * 63], ["", "A", "-a", "a-", "a.b", "a" * 64]),
        (subdomain_errors, ["a.b-c.d", "a" * 253], ["", "a..b", "A.b", "a_b", "a" * 254]),
        (dns1035_errors, ["a-1"], ["1a", "a.b", "a" * 64]),
        (path_segment_errors, ["system:node", "Any Name"], [".", "..", "a/b", "a%b"]),
        (label_value_errors, ["", "A_b.c-1", "a" * 63], ["a b", "-a", "a" * 64]),
        (
            qualified_name_errors,
            ["a", "ex.com/A_b", "a" * 63],
            ["", "/a", "ex.com/", "EX/a", "a/b/c", "a b", "a" * 64],
        ),
    ],
)
def test_rules(rule: Callable[[str], list[str]], good: list[str], bad: list[str]) -> None:
    assert [name for name in good if rule(name)] == []
    assert [name for name in bad if not rule(name)] == []


def test_texts_name_the_rule_and_an_example() -> None:
    (text,) = subdomain_errors("A")
    assert text == (
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or"
        " '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex"
        " used for validation is"
        r" '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
    )

"""Kubernetes' rules for names, with its texts."""

from __future__ import annotations

import re
from typing import Final

_LABEL_1035: Final = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_LABEL_1123: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_QUALIFIED: Final = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_TOO_LONG: Final = "must be no more than 63 characters"
_TEXT_1035: Final = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an"
    " alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123',"
    " regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
)
_TEXT_SUBDOMAIN: Final = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or"
    " '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used"
    " for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_TEXT_QUALIFIED: Final = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end"
    " with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for"
    " validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_TEXT_PREFIX: Final = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"


def label_1035_problems(name: str, *, prefix: bool = False) -> str:
    """Go's list of what keeps `name` from being a DNS-1035 label; empty if it is one.

    With `prefix`, `name` is one that characters will be appended to.
    """
    shown = f"{name[:-1]}a" if prefix and name.endswith("-") else name
    problems = [_TOO_LONG] if len(shown) > 63 else []
    if not _LABEL_1035.fullmatch(shown):
        problems.append(_TEXT_1035)
    return f"[{' '.join(problems)}]" if problems else ""


def is_label_1123(name: str) -> bool:
    """Whether `name` is a DNS-1123 label."""
    return len(name) <= 63 and bool(_LABEL_1123.fullmatch(name))


def subdomain_problems(name: str) -> list[str]:
    """What keeps `name` from being a DNS-1123 subdomain."""
    problems = ["must be no more than 253 characters"] if len(name) > 253 else []
    return problems if _SUBDOMAIN.fullmatch(name) else [*problems, _TEXT_SUBDOMAIN]


def qualified_name_problems(name: str) -> list[str]:
    """What keeps `name` from being a qualified name."""
    prefix, slash, own = name.rpartition("/")
    if "/" in prefix:
        return [f"a valid label key {_TEXT_QUALIFIED} {_TEXT_PREFIX}"]
    problems: list[str] = []
    if slash and not prefix:
        problems.append("prefix part must be non-empty")
    elif slash:
        problems += [f"prefix part {_in_bytes(text)}" for text in subdomain_problems(prefix)]
    if not own:
        problems.append("name part must be non-empty")
    elif len(own) > 63:
        problems.append(f"name part {_in_bytes(_TOO_LONG)}")
    if not _QUALIFIED.fullmatch(own):
        problems.append(f"name part {_TEXT_QUALIFIED}")
    return problems


def _in_bytes(text: str) -> str:
    """`text` as Kubernetes has it since it counts what is not a whole name in bytes."""
    return text.removesuffix("characters") + "bytes" if text.endswith("characters") else text

"""What may be the name of an object, a label, an annotation: Kubernetes' rules with its texts."""

from __future__ import annotations

import re
from typing import Final

_LABEL_FORM: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN_FORM: Final = rf"{_LABEL_FORM}(\.{_LABEL_FORM})*"
_DNS1035_FORM: Final = "[a-z]([-a-z0-9]*[a-z0-9])?"
_NAME_PART_FORM: Final = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE_FORM: Final = f"({_NAME_PART_FORM})?"

_LABEL: Final = re.compile(_LABEL_FORM)
_SUBDOMAIN: Final = re.compile(_SUBDOMAIN_FORM)
_DNS1035: Final = re.compile(_DNS1035_FORM)
_NAME_PART: Final = re.compile(_NAME_PART_FORM)
_VALUE: Final = re.compile(_VALUE_FORM)

_LABEL_TEXT: Final = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and"
    " must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used"
    f" for validation is '{_LABEL_FORM}')"
)
_SUBDOMAIN_TEXT: Final = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or"
    " '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used"
    f" for validation is '{_SUBDOMAIN_FORM}')"
)
_DNS1035_TEXT: Final = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an"
    " alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123',"
    f" regex used for validation is '{_DNS1035_FORM}')"
)
_NAME_PART_TEXT: Final = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end"
    " with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for"
    f" validation is '{_NAME_PART_FORM}')"
)
_VALUE_TEXT: Final = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.',"
    " and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or"
    f" '12345', regex used for validation is '{_VALUE_FORM}')"
)


def label_errors(name: str) -> list[str]:
    """What keeps `name` from being a DNS-1123 label (namespaces, most parts of host names)."""
    return _checked(name, _LABEL, _LABEL_TEXT, 63)


def subdomain_errors(name: str) -> list[str]:
    """What keeps `name` from being a DNS-1123 subdomain (most objects)."""
    return _checked(name, _SUBDOMAIN, _SUBDOMAIN_TEXT, 253)


def dns1035_errors(name: str) -> list[str]:
    """What keeps `name` from being a DNS-1035 label (core Services)."""
    return _checked(name, _DNS1035, _DNS1035_TEXT, 63)


def path_segment_errors(name: str) -> list[str]:
    """What keeps `name` from being one segment of a path (roles and their bindings)."""
    if name in {".", ".."}:
        return [f"may not be '{name}'"]
    return [f"may not contain '{mark}'" for mark in "/%" if mark in name]


def label_value_errors(value: str) -> list[str]:
    """What keeps `value` from being the value of a label."""
    return _checked(value, _VALUE, _VALUE_TEXT, 63)


def qualified_name_errors(key: str) -> list[str]:
    """What keeps `key` from being the key of a label or an annotation, or a finalizer."""
    prefix, slash, name = key.rpartition("/")
    if "/" in prefix:
        return [
            "a qualified name " + _NAME_PART_TEXT.removeprefix("name part ")
            + " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        ]  # fmt: skip
    found: list[str] = []
    if slash and not prefix:
        found.append("prefix part must be non-empty")
    elif slash:
        found += [f"prefix part {text}" for text in subdomain_errors(prefix)]
    if not name:
        return [*found, "name part must be non-empty", _NAME_PART_TEXT]
    if len(name) > 63:
        found.append("name part must be no more than 63 characters")
    return found if _NAME_PART.fullmatch(name) else [*found, _NAME_PART_TEXT]


def _checked(text: str, form: re.Pattern[str], explanation: str, longest: int) -> list[str]:
    found = [] if len(text) <= longest else [f"must be no more than {longest} characters"]
    return found if form.fullmatch(text) else [*found, explanation]

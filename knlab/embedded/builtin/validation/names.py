"""Keys of labels, ConfigMaps and Secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from knlab.embedded.builtin.validation.causes import invalid
from knlab.embedded.kube.errors import Cause
from knlab.embedded.kube.names import label_value_errors, qualified_name_errors

_CONFIG_KEY: Final = "[-._a-zA-Z0-9]+"


def config_key_errors(key: str) -> list[str]:
    """What keeps `key` from being a key of a ConfigMap or Secret."""
    if key in {".", ".."}:
        return [f"must not be '{key}'"]
    if key.startswith(".."):
        return ["must not start with '..'"]
    if re.fullmatch(_CONFIG_KEY, key):
        return [] if len(key) <= 253 else ["must be no more than 253 characters"]
    wrong = (
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g."
        " 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is"
        f" '{_CONFIG_KEY}')"
    )
    return [wrong]


def label_causes(labels: Mapping[str, Any] | None, path: str) -> list[Cause]:
    """What is wrong with a map of labels."""
    found: list[Cause] = []
    for key, value in (labels or {}).items():
        found += [invalid(path, key, wrong) for wrong in qualified_name_errors(key)]
        found += [invalid(path, value, wrong) for wrong in label_value_errors(str(value))]
    return found

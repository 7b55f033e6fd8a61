"""Names of children, and the hashes inside names and labels."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

_LONGEST: Final = 63
_MD5: Final = 32
_HEAD: Final = _LONGEST - _MD5
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


def child_name(parent: str, suffix: str) -> str:
    """`parent` + `suffix`, shortened with an md5 sum if longer than 63 characters."""
    if len(parent) <= _LONGEST - len(suffix):
        return parent + suffix
    if _HEAD - len(suffix) <= 0:
        name = parent[:_HEAD] + _md5(parent + suffix)
        return (name + suffix[: max(0, _LONGEST - len(name))]).rstrip("-._")
    return parent[: _HEAD - len(suffix)] + _md5(parent) + suffix


def revision_name(configuration: str, generation: int) -> str:
    """The name of a revision that its author did not name: `hello-00001`."""
    return child_name(configuration, f"-{generation:05d}")


def deployment_name(revision: str) -> str:
    """The Deployment of `revision`."""
    return child_name(revision, "-deployment")


def image_name(revision: str, container: str) -> str:
    """The Image of one container of `revision`."""
    return child_name(child_name(revision, "-cache"), f"-{container}")


def private_service_name(revision: str) -> str:
    """The Service that selects the pods of `revision`."""
    return child_name(revision, "-private")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def fnv32a(data: bytes) -> int:
    """The 32-bit FNV-1a hash of `data`."""
    value = 0x811C9DC5
    for byte in data:
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value


def fnv64a(data: bytes) -> int:
    """The 64-bit FNV-1a hash of `data`."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


def content_hash(*parts: Any) -> str:
    """A short label value that changes when any of the JSON `parts` does."""
    text = "".join(json.dumps(part, sort_keys=True, separators=(",", ":")) for part in parts)
    value, digits = fnv32a(text.encode()), ""
    while True:
        value, rest = divmod(value, 36)
        digits = _DIGITS[rest] + digits
        if not value:
            return digits

"""Short suffixes for names, in the alphabet that Kubernetes uses so that no words come out."""

from __future__ import annotations

import json
from typing import Any, Final

_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"


def fnv32a(content: bytes) -> int:
    """The 32-bit FNV-1a hash of `content`."""
    value = 0x811C9DC5
    for byte in content:
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


def template_hash(template: Any, collisions: int = 0) -> str:
    """A suffix that stands for the content of a pod template, about ten characters long."""
    content = json.dumps(template, sort_keys=True, separators=(",", ":")).encode()
    content += collisions.to_bytes(4, "big") if collisions else b""
    return "".join(_ALPHABET[ord(digit) % len(_ALPHABET)] for digit in str(fnv32a(content)))


def suffix(*parts: object, length: int = 5) -> str:
    """`length` characters that stand for `parts`; evenly spread."""
    number = fnv32a("\0".join(map(str, parts)).encode())
    letters = []
    for _ in range(length):
        number, rest = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[rest])
    return "".join(letters)

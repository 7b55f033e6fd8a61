"""References to container images: which text is one, its registry, its digest."""

from __future__ import annotations

import re
from typing import Final

DOCKER_HUB: Final = "index.docker.io"
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_TAG: Final = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_REPOSITORY: Final = re.compile(r"[a-z0-9_./-]{2,255}")
_REGISTRY: Final = re.compile(r"[A-Za-z0-9.-]+(:\d+)?|\[[0-9a-fA-F:]+\](:\d+)?")


def has_digest(image: str) -> bool:
    """Whether `image` is pinned to a digest."""
    base, _, digest = image.partition("@")
    return bool(_DIGEST.fullmatch(digest)) and is_reference(base)


def is_reference(image: str) -> bool:
    """Whether `image` is a reference to an image, with or without tag or digest."""
    base, at, digest = image.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        return False
    registry, repository, tag = _split(base)
    return bool(
        (not registry or _REGISTRY.fullmatch(registry))
        and _REPOSITORY.fullmatch(repository)
        and (tag is None or _TAG.fullmatch(tag))
    )


def registry_of(image: str) -> str:
    """The registry that holds `image`."""
    return _split(image.partition("@")[0])[0] or DOCKER_HUB


def _split(base: str) -> tuple[str, str, str | None]:
    name, colon, tag = base.rpartition(":")
    if not colon or "/" in tag:
        name, tag, colon = base, "", ""
    first, slash, rest = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return first, rest, tag if colon else None
    return "", name, tag if colon else None

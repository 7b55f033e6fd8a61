"""Acting as somebody else, as `kubectl --as` does: what the `Impersonate-…` headers say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

from knlab.embedded.kube.subresources import Requester
from knlab.embedded.net.http import Request

_PREFIX: Final = b"impersonate-"
_EXTRA: Final = "extra-"
_ANONYMOUS: Final = "system:anonymous"
_KNOWN, _UNKNOWN = "system:authenticated", "system:unauthenticated"
_ACCOUNT: Final = "system:serviceaccount:"


class ImpersonationError(Exception):
    """Headers that name groups, a uid or extra fields of nobody."""


def impersonated(request: Request) -> Requester | None:
    """Who the headers of `request` say to act as; None if they do not say so.

    Raises:
        ImpersonationError: they do, without a user.
    """
    said = list(_said(request))
    if not said:
        return None
    name = next((value for field, value in said if field == "user"), "")
    uid = next((value for field, value in said if field == "uid"), "")
    groups = [value for field, value in said if field == "group"]
    extra: dict[str, tuple[str, ...]] = {}
    for field, value in said:
        if field.startswith(_EXTRA):
            key = unquote(field.removeprefix(_EXTRA))
            extra[key] = (*extra.get(key, ()), value)
    if name:
        return Requester(name, tuple(_with_usual(name, groups)), uid=uid, extra=extra)
    wanted = [f"{{Group  {group}    }}" for group in groups]
    wanted += [
        f"{{UserExtra  {value}  authentication.k8s.io/v1  {key}}}"
        for key, values in extra.items()
        for value in values
    ]
    wanted += [f"{{UID  {uid}  authentication.k8s.io/v1  }}"] if uid else []
    if wanted:
        raise ImpersonationError(f"requested [{' '.join(wanted)}] without impersonating a user")
    return None


def _said(request: Request) -> Iterator[tuple[str, str]]:
    """Each header about impersonation: what follows the prefix, in lower case, and the value."""
    for key, value in request.headers:
        if key[: len(_PREFIX)].lower() == _PREFIX:
            yield key[len(_PREFIX) :].lower().decode("latin-1"), value.decode(errors="replace")


def _with_usual(name: str, groups: list[str]) -> Iterator[str]:
    """`groups`, or those of a service account if there are none, and the one that all are in."""
    parts = name.removeprefix(_ACCOUNT).split(":")
    if not groups and name.startswith(_ACCOUNT) and len(parts) == 2 and all(parts):
        groups = ["system:serviceaccounts", f"system:serviceaccounts:{parts[0]}"]
    yield from groups
    if name == _ANONYMOUS:
        if _UNKNOWN not in groups:
            yield _UNKNOWN
    elif _KNOWN not in groups and _UNKNOWN not in groups:
        yield _KNOWN

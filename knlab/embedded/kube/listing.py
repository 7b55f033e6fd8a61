"""Lists: selectors, pages, continue tokens, and how things were at an earlier version."""

from __future__ import annotations

import base64
from bisect import bisect_left
from dataclasses import dataclass
from typing import Any, Final

import orjson

from knlab.embedded.kube.backing import Backing, Page, shown
from knlab.embedded.kube.errors import BadRequest, Expired
from knlab.embedded.kube.objects import Key, Object, key_of
from knlab.embedded.kube.registry import Resource
from knlab.embedded.kube.selectors import (
    FieldSelector,
    LabelSelector,
    parse_fields,
    parse_labels,
)
from knlab.embedded.kube.store import Store, too_large


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What a list request asks for, as the texts of its query parameters."""

    labels: str = ""
    fields: str = ""
    limit: int = 0
    """At most this many items; 0: all."""
    token: str = ""
    """`continue` of the page before."""
    at_least: int = 0
    """The resourceVersion that the list must show or be newer than."""
    exact: int = 0
    """The resourceVersion that the list must show; 0: the current one."""


EVERYTHING: Final = Query()

_TOKEN_VERSION: Final = "meta.k8s.io/v1"
_INCONSISTENT: Final = (
    "The provided continue parameter is too old to display a consistent list result. You can start"
    " a new list without the continue parameter, or use the continue token in this response to"
    " retrieve the remainder of the results. Continuing with the provided token results in an"
    " inconsistent list - objects that were created, modified, or deleted between the time the"
    " first chunk was returned and now may show up in the list."
)


def selectors(row: Resource, query: Query) -> tuple[LabelSelector, FieldSelector]:
    """The two selectors of `query`.

    Raises:
        BadRequest: one cannot be parsed, or the kind does not support a field.
    """
    fields = parse_fields(query.fields, row.field_selectors, custom=not row.strategic_merge)
    return parse_labels(query.labels), fields


def page(backing: Backing, row: Resource, namespace: str | None, query: Query) -> Page:
    """The items of one page, by reference.

    Raises:
        BadRequest: a selector or the token cannot be understood.
        Timeout: the version asked for has not happened yet.
        Expired: the version asked for is forgotten; a token in the error leads on without it.
    """
    store = backing.store
    if query.at_least > store.version:
        raise too_large(query.at_least, store.version)
    by_label, by_field = selectors(row, query)
    items, version = _begun(store, row, namespace, query)
    if query.labels or query.fields:
        items = [i for i in items if by_label.matches_object(i) and by_field.matches(shown(row, i))]
    kept = items[: query.limit] if query.limit > 0 else items
    left = len(items) - len(kept)
    return Page(
        items=[shown(row, item) for item in kept],
        version=version,
        token=_token(version, _place(kept[-1], namespace)) if left else "",
        remaining=left if left and not (query.labels or query.fields) else None,
    )


def _begun(
    store: Store, row: Resource, namespace: str | None, query: Query
) -> tuple[list[Object], int]:
    """The objects that a page begins with, before selectors; and the version that they show."""
    if not query.token:
        version = query.exact or store.version
        try:
            return store.items_at(row.storage, version, namespace), version
        except Expired as error:
            raise Expired("The resourceVersion for the provided list is too old.") from error
    resumed, start = _resumed(query.token)
    version = store.version if resumed < 0 else resumed
    try:
        items = store.items_at(row.storage, version, namespace)
    except Expired as error:
        raise Expired(_INCONSISTENT, token=_token(-1, start)) from error
    first = _key(start, row, namespace)
    return items[bisect_left(items, first, key=key_of) :], version


def _place(obj: Object, namespace: str | None) -> str:
    """Where the list goes on after `obj`, in the namespace that is listed or in all."""
    own, name = key_of(obj)
    return f"{own}/{name}\0" if own and namespace is None else f"{name}\0"


def _key(start: str, row: Resource, namespace: str | None) -> Key:
    if namespace is not None or not row.namespaced:
        return namespace or "", start
    own, _, name = start.partition("/")
    return own, name


def _token(version: int, start: str) -> str:
    content = {"v": _TOKEN_VERSION, "rv": version, "start": start}
    return base64.urlsafe_b64encode(orjson.dumps(content)).rstrip(b"=").decode()


def _resumed(token: str) -> tuple[int, str]:
    """The version and the place in `token`; version -1 stands for whatever is current."""
    try:
        padded = token + "=" * (-len(token) % 4)
        content: Any = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        marked, version, start = content.get("v", ""), content.get("rv", 0), content.get("start")
    except (ValueError, AttributeError):
        raise _bad_token("it is not one that this server gave") from None
    if marked != _TOKEN_VERSION:
        raise _bad_token(f"server does not recognize this encoded version {marked}")
    if not isinstance(version, int) or not version:
        raise _bad_token(f"incorrect encoded start resourceVersion (version {marked})")
    if not isinstance(start, str) or not start:
        raise _bad_token(f"encoded start key empty (version {marked})")
    if ".." in start.split("/") or start.startswith("/"):
        raise _bad_token(start)
    return version, start


def _bad_token(text: str) -> BadRequest:
    return BadRequest(f"invalid continue token: continue key is not valid: {text}")

"""Lists: selectors, pages and continue tokens."""

from __future__ import annotations

import base64
import binascii
from bisect import bisect_left
from dataclasses import dataclass
from typing import Final

import orjson

from knlab.embedded.kube.backing import Backing, Page, shown
from knlab.embedded.kube.controller import Labels
from knlab.embedded.kube.errors import BadRequest
from knlab.embedded.kube.objects import Object, key_of
from knlab.embedded.kube.registry import Resource
from knlab.embedded.kube.selectors import (
    FieldSelector,
    LabelSelector,
    parse_fields,
    parse_labels,
)
from knlab.embedded.kube.store import too_large


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


EVERYTHING: Final = Query()


def selectors(row: Resource, query: Query) -> tuple[LabelSelector, FieldSelector]:
    """The two selectors of `query`.

    Raises:
        BadRequest: one cannot be parsed, or the kind does not support a field.
    """
    return parse_labels(query.labels), parse_fields(query.fields, row.field_selectors)


def carries(obj: Object, labels: Labels | None) -> bool:
    """Whether `obj` has all of `labels`."""
    if not labels:
        return True
    own = obj["metadata"].get("labels") or {}
    return all(own.get(key) == value for key, value in labels.items())


def page(backing: Backing, row: Resource, namespace: str | None, query: Query) -> Page:
    """The items of one page, by reference.

    Raises:
        BadRequest: a selector or the token cannot be understood.
        Timeout: the version asked for has not happened yet.
    """
    store = backing.store
    if query.at_least > store.version:
        raise too_large(query.at_least, store.version)
    by_label, by_field = selectors(row, query)
    version, start = _resumed(query.token) if query.token else (store.version, ("", ""))
    items = store.items(row.storage, namespace)
    if query.token:
        items = items[bisect_left(items, start, key=key_of) :]
    if query.labels or query.fields:
        items = [i for i in items if by_label.matches_object(i) and by_field.matches(i)]
    kept = items[: query.limit] if query.limit > 0 else items
    left = len(items) - len(kept)
    return Page(
        items=[shown(row, item) for item in kept],
        version=version,
        token=_token(version, kept[-1]) if left else "",
        remaining=left if left and not (query.labels or query.fields) else None,
    )


def _token(version: int, last: Object) -> str:
    namespace, name = key_of(last)
    content = {"v": "meta.k8s.io/v1", "rv": version, "start": f"{namespace}/{name}\0"}
    return base64.urlsafe_b64encode(orjson.dumps(content)).rstrip(b"=").decode()


def _resumed(token: str) -> tuple[int, tuple[str, str]]:
    try:
        content = orjson.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        namespace, _, name = content["start"].partition("/")
        return int(content["rv"]), (str(namespace), str(name))
    except (binascii.Error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadRequest(f"continue key is not valid: {error}") from error

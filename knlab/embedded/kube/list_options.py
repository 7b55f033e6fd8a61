"""The query of a list or a watch: read, and refused where its parts contradict each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from knlab.embedded.kube.errors import BadRequest, Cause, Invalid
from knlab.embedded.kube.listing import Query
from knlab.embedded.kube.paths import Parameters, Target

EXACT: Final = "Exact"
NOT_OLDER_THAN: Final = "NotOlderThan"

_MATCH: Final = "resourceVersionMatch"
_INITIAL: Final = "sendInitialEvents"
_LARGEST: Final = 2**64 - 1


def list_query(target: Target, parameters: Parameters) -> Query:
    """What a list asks for.

    Raises:
        StatusError: a value that is none, or values that contradict each other.
    """
    _refuse(_list_causes(parameters))
    version, match = requested_version(parameters), parameters.text(_MATCH)
    limit, token = max(parameters.number("limit"), 0), parameters.text("continue")
    parameters.number("timeoutSeconds")
    if token and version:
        raise BadRequest("specifying resource version is not allowed when using continue")
    # A version without a word on how to match it means that very one, if pages are asked for.
    exact = match == EXACT or (not match and bool(limit and version))
    whole = parameters.text("resourceVersion") == "0" and not token
    return Query(
        labels=parameters.text("labelSelector"),
        fields=field_selector(target, parameters),
        limit=0 if whole else limit,
        token=token,
        at_least=0 if exact else version,
        exact=version if exact else 0,
    )


def watch_query(target: Target, parameters: Parameters) -> tuple[Query, int]:
    """The selectors of a watch, and the version that it begins after (0: with what is there).

    Raises:
        StatusError: a value that is none, or values that contradict each other.
    """
    _refuse(_watch_causes(parameters))
    selected = Query(
        labels=parameters.text("labelSelector"), fields=field_selector(target, parameters)
    )
    return selected, requested_version(parameters)


def field_selector(target: Target, parameters: Parameters) -> str:
    """The field selector of the query; the name in the path is a term of it."""
    fields = parameters.text("fieldSelector")
    named = f"metadata.name={target.name}" if target.name else ""
    return ",".join(filter(None, (fields, named)))


def requested_version(parameters: Parameters) -> int:
    """The resourceVersion in the query; 0 if there is none.

    Raises:
        BadRequest: it is no version.
    """
    text = parameters.text("resourceVersion")
    if not text:
        return 0
    is_number = text.isascii() and text.isdigit()
    if not is_number or int(text) > _LARGEST:
        wrong = "value out of range" if is_number else "invalid syntax"
        raise BadRequest(
            f'invalid resource version: resourceVersion: Invalid value: "{text}":'
            f' strconv.ParseUint: parsing "{text}": {wrong}'
        )
    return int(text)


def _refuse(causes: Iterator[Cause]) -> None:
    if found := list(causes):
        raise Invalid.of("meta.k8s.io", "ListOptions", "", found)


def _list_causes(parameters: Parameters) -> Iterator[Cause]:
    match, version = parameters.text(_MATCH), parameters.text("resourceVersion")
    if match and not version:
        yield _forbidden(_MATCH, f"{_MATCH} is forbidden unless resourceVersion is provided")
    if match and parameters.has("continue"):
        yield _forbidden(_MATCH, f"{_MATCH} is forbidden when continue is provided")
    if match and match not in {EXACT, NOT_OLDER_THAN}:
        yield _unsupported(match, (EXACT, NOT_OLDER_THAN, ""))
    if match == EXACT and version == "0":
        yield _forbidden(_MATCH, f'{_MATCH} "exact" is forbidden for resourceVersion "0"')
    if parameters.has(_INITIAL):
        yield _forbidden(_INITIAL, f"{_INITIAL} is forbidden for list")


def _watch_causes(parameters: Parameters) -> Iterator[Cause]:
    match = parameters.text(_MATCH)
    if parameters.has(_INITIAL) and match != NOT_OLDER_THAN:
        yield _forbidden(_MATCH, f"{_INITIAL} requires setting {_MATCH} to {NOT_OLDER_THAN}")
    if match and not parameters.has(_INITIAL):
        yield _forbidden(_MATCH, f"{_MATCH} is forbidden for watch unless {_INITIAL} is provided")
    if match and match != NOT_OLDER_THAN:
        yield _unsupported(match, (NOT_OLDER_THAN,))
    if match and parameters.has("continue"):
        yield _forbidden(_MATCH, f"{_MATCH} is forbidden when continue is provided")


def _forbidden(field: str, text: str) -> Cause:
    return Cause(field, f"Forbidden: {text}", "FieldValueForbidden")


def _unsupported(value: str, allowed: tuple[str, ...]) -> Cause:
    listed = ", ".join(f'"{each}"' for each in allowed)
    text = f'Unsupported value: "{value}": supported values: {listed}'
    return Cause(_MATCH, text, "FieldValueNotSupported")

"""What the query and the headers of a write say about how to do it."""

from __future__ import annotations

from typing import Any, Final, cast

from knlab.embedded.kube.backing import FieldValidation, WriteOptions
from knlab.embedded.kube.errors import Cause, Invalid
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.paths import Parameters
from knlab.embedded.net.http import Request

_ALL: Final = "All"
_VALIDATIONS: Final = ("Ignore", "Strict", "Warn")
_DELETE_TEXTS: Final = ("propagationPolicy",)


def write_options(
    request: Request, parameters: Parameters, user: str, kind: str, body: Object | None = None
) -> WriteOptions:
    """The options of a write; `kind` names them in errors, `body` may be DeleteOptions.

    Raises:
        Invalid: a value that does not exist.
    """
    dry_run = parameters.texts("dryRun") or (body or {}).get("dryRun") or []
    for value in dry_run:
        _check("dryRun", value, ("", _ALL), kind)
    validation = parameters.text("fieldValidation") or "Warn"
    _check("fieldValidation", validation, _VALIDATIONS, kind)
    agent = (request.header("User-Agent") or "unknown").partition("/")[0]
    return WriteOptions(
        user=user,
        field_manager=parameters.text("fieldManager") or agent,
        dry_run=_ALL in dry_run,
        field_validation=cast("FieldValidation", validation),
    )


def _check(field: str, value: str, allowed: tuple[str, ...], kind: str) -> None:
    if value in allowed:
        return
    listed = ", ".join(f'"{each}"' for each in allowed if each)
    text = f'Unsupported value: "{value}": supported values: {listed}'
    cause = Cause(field, text, "FieldValueNotSupported")
    raise Invalid.of("meta.k8s.io", kind, "", [cause])


def delete_options(parameters: Parameters, body: Object) -> Object:
    """The DeleteOptions of a request: its body, or its query where there is no body."""
    if body:
        return body
    found: dict[str, Any] = {
        name: parameters.text(name) for name in _DELETE_TEXTS if parameters.has(name)
    }
    if parameters.has("gracePeriodSeconds"):
        found["gracePeriodSeconds"] = parameters.number("gracePeriodSeconds")
    if parameters.has("orphanDependents"):
        found["orphanDependents"] = parameters.flag("orphanDependents")
    return found

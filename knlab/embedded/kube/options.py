"""What the query and the headers of a write say about how to do it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final, cast

import orjson

from knlab.embedded.kube.apply_requests import APPLY_PATCH
from knlab.embedded.kube.backing import FieldValidation, WriteOptions
from knlab.embedded.kube.bodies import content_type
from knlab.embedded.kube.errors import Cause, Invalid
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.paths import Parameters
from knlab.embedded.net.http import Request

_ALL: Final = "All"
_VALIDATIONS: Final = ("", "Ignore", "Strict", "Warn")
_LONGEST_MANAGER: Final = 128
_DELETE_TEXTS: Final = ("propagationPolicy",)


def write_options(
    request: Request, parameters: Parameters, user: str, kind: str, body: Object | None = None
) -> WriteOptions:
    """The options of a write; `kind` names them in errors, `body` may be DeleteOptions.

    Raises:
        Invalid: a value that does not exist.
    """
    dry_run = parameters.texts("dryRun") or (body or {}).get("dryRun") or []
    validation = parameters.text("fieldValidation")
    causes = [
        *(_patch_causes(request, parameters) if request.method == "PATCH" else ()),
        *_dry_run_causes(dry_run),
        *_manager_causes(parameters.text("fieldManager")),
    ]
    if validation not in _VALIDATIONS:
        causes.append(_unsupported("fieldValidation", validation, _VALIDATIONS))
    if causes:
        raise Invalid.of("meta.k8s.io", kind, "", causes)
    return WriteOptions(
        user=user,
        field_manager=parameters.text("fieldManager") or _program(request),
        dry_run=bool(dry_run),
        field_validation=cast("FieldValidation", validation or "Warn"),
    )


def with_dry_run(options: WriteOptions, body: Object) -> WriteOptions:
    """`options`, for a dry run also if the DeleteOptions `body` ask for one.

    Raises:
        Invalid: they ask for something else.
    """
    wanted = body.get("dryRun") or []
    if causes := list(_dry_run_causes(wanted)):
        raise Invalid.of("meta.k8s.io", "DeleteOptions", "", causes)
    return replace(options, dry_run=options.dry_run or bool(wanted))


def _program(request: Request) -> str:
    """The client's program: its User-Agent up to the first slash, as far as it can be printed."""
    name = (request.header("User-Agent") or "").partition("/")[0]
    printable = "".join(letter for letter in name if letter.isprintable())
    return printable.encode()[:_LONGEST_MANAGER].decode(errors="ignore")


def _patch_causes(request: Request, parameters: Parameters) -> Iterator[Cause]:
    applies = content_type(request) == APPLY_PATCH
    if applies and not parameters.text("fieldManager"):
        text = "Required value: is required for apply patch"
        yield Cause("fieldManager", text, "FieldValueRequired")
    if not applies and parameters.has("force"):
        text = "Forbidden: may not be specified for non-apply patch"
        yield Cause("force", text, "FieldValueForbidden")


def _dry_run_causes(values: list[Any]) -> Iterator[Cause]:
    if any(value != _ALL for value in values):
        yield _unsupported("dryRun", values, (_ALL,))


def _manager_causes(manager: str) -> Iterator[Cause]:
    if len(manager) > _LONGEST_MANAGER:
        text = f"Too long: may not be more than {_LONGEST_MANAGER} bytes"
        yield Cause("fieldManager", text, "FieldValueTooLong")
    for place, letter in enumerate(manager):
        if not letter.isprintable():
            shown = orjson.dumps(manager).decode()
            text = f"invalid character U+{ord(letter):04X} (at position {place})"
            yield Cause("fieldManager", f"Invalid value: {shown}: {text}")
            return


def _unsupported(field: str, value: Any, allowed: tuple[str, ...]) -> Cause:
    listed = ", ".join(f'"{each}"' for each in allowed)
    text = f"Unsupported value: {orjson.dumps(value).decode()}: supported values: {listed}"
    return Cause(field, text, "FieldValueNotSupported")


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

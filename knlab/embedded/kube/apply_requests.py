"""The body of an apply: a part of an object, as YAML or JSON."""

from __future__ import annotations

from typing import Any, Final

import orjson

from knlab.embedded.kube import bodies
from knlab.embedded.kube.backing import FieldValidation
from knlab.embedded.kube.errors import BadRequest
from knlab.embedded.kube.objects import Object

APPLY_PATCH: Final = "application/apply-patch+yaml"
_YAML: Final = "application/yaml"
_GO_TYPES: Final = {list: "array", str: "string", bool: "bool"}


def read_applied(content: bytes, api_version: str, kind: str) -> Object:
    """What somebody applies, of the type of the path that it came to.

    Raises:
        BadRequest: it cannot be read, is of another type, or says who owns what.
    """
    wanted = _parsed(content)
    if wanted is None:
        wanted = {}
    if not isinstance(wanted, dict):
        found_type = _GO_TYPES.get(type(wanted), "number")
        raise _undecodable(
            f"error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {found_type}"
            " into Go value of type map[string]interface {}"
        )
    found = wanted.get("apiVersion") or "", wanted.get("kind") or ""
    if found != (api_version, kind):
        version = found[0] if "/" in str(found[0]) else f"/{found[0]}"
        raise BadRequest(f"invalid object type: {version}, Kind={found[1]}")
    metadata = wanted.get("metadata")
    if isinstance(metadata, dict) and metadata.get("managedFields") is not None:
        raise BadRequest("metadata.managedFields must be nil")
    return wanted


def repeated_fields(content: bytes, validation: FieldValidation) -> tuple[str, ...]:
    """What to warn about: keys that stand twice in one map.

    Raises:
        BadRequest: there are some, and `validation` is strict.
    """
    if validation == "Ignore":
        return ()
    found = bodies.repeated(content, _YAML)
    if found and validation == "Strict":
        lines = "\n  ".join(("yaml: unmarshal errors:", *found))
        raise BadRequest(f"error strict decoding YAML: error converting YAML to JSON: {lines}")
    return found


def _parsed(content: bytes) -> Any:
    try:
        return orjson.loads(content)  # kubectl sends JSON, which is read much faster
    except orjson.JSONDecodeError:
        pass
    try:
        return bodies.parse_value(content, _YAML)
    except BadRequest as error:
        raise _undecodable(f"error converting YAML to JSON: {error.message}") from error


def _undecodable(why: str) -> BadRequest:
    return BadRequest(f"error decoding YAML: {why}")

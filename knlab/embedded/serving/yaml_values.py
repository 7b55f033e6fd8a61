"""YAML inside ConfigMaps, read as Go's sigs.k8s.io/yaml does: as JSON, decoded into a structure."""

from __future__ import annotations

import re
from typing import Any, Final

import yaml
from yaml.scanner import ScannerError

from knlab.embedded.kube.go_types import Map, Scalar, Struct, Type, misfit
from knlab.embedded.serving.config_fields import ConfigError
from knlab.embedded.serving.go_text import format_float

_WORDS: Final = (
    ("mapping values are not allowed here", "mapping values are not allowed in this context"),
    (r"found character '.*' that cannot start any token",
     "found character that cannot start any token"),
    (r"expected the node content, but found .*", "did not find expected node content"),
    (r"expected <block end>, but found .*", "did not find expected key"),
    (r"expected (',' or '.'), but got .*", r"did not find expected \1"),
    (r"found undefined alias '(.*)'", r"unknown anchor '\1' referenced"),
)  # fmt: skip
"""What Python's parser says, and what Go's does."""


def read_yaml(text: str, type_: Type) -> Any:
    """The value in `text`, which fits `type_`; None for an empty text.

    Raises:
        ConfigError: if it is no YAML, or does not fit.
    """
    try:
        value = _as_json(yaml.safe_load(text), type_)
    except yaml.MarkedYAMLError as error:
        raise ConfigError(f"error converting YAML to JSON: yaml: {_complaint(error)}") from error
    if complaint := misfit(value, type_):
        raise ConfigError(f"error unmarshaling JSON: while decoding JSON: {complaint}")
    return value


def _as_json(value: Any, type_: Type | None) -> Any:
    """`value` with the numbers and truth values as text where `type_` wants text."""
    if isinstance(value, dict):
        return {str(key): _as_json(item, _type_in(type_, str(key))) for key, item in value.items()}
    if value is None or isinstance(value, list | str) or not isinstance(type_, Scalar):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    return format_float(value) if isinstance(value, float) else str(value)


def _type_in(type_: Type | None, key: str) -> Type | None:
    if isinstance(type_, Map):
        return type_.of
    found = type_.members().get(key) if isinstance(type_, Struct) else None
    return None if found is None else found.type


def _complaint(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or ""
    line = next((mark.line for mark in (error.context_mark, error.problem_mark)
                 if mark is not None and mark.line), 0)  # fmt: skip
    if isinstance(error, ScannerError):
        line += line > 0
    elif problem.endswith("'<stream end>'") and error.problem_mark is not None:
        line = line or error.problem_mark.line + (error.problem_mark.column > 0)
    for form, words in _WORDS:
        problem = re.sub(form, words, problem)
    is_alias = problem.startswith("unknown anchor")
    return f"line {line}: {problem}" if line and not is_alias else problem

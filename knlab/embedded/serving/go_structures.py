"""The Go structures of a revision template: fields in Go's order, with their types.

The table beside this module was made from `pkg/apis/serving/v1` of knative/serving 1.23 and the
`k8s.io/api` 0.35 that it is built with (both Apache-2.0), for all that its CRDs admit. The name of
a structure stands alone on a line; below it, a line for each field: Go name, JSON name (`-` where
Go embeds the structure), type, and number in protobuf.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

EMBEDDED: Final = "-"
"""The JSON name of a structure whose fields are written among those of the one around it."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field; its type is written as in Go: `*int64`, `[]v1.EnvVar`, `map[string]string`."""

    name: str
    json: str
    type: str
    number: int


@cache
def structures() -> Mapping[str, tuple[Field, ...]]:
    """The fields of each structure."""
    found: dict[str, list[Field]] = {}
    fields: list[Field] = []
    text = files("knlab.embedded.serving").joinpath("go_structures.txt").read_text("utf-8")
    for line in text.splitlines():
        if line.startswith(" "):
            name, json, type_, number = line.split()
            fields.append(Field(name, json, type_, int(number)))
        else:
            fields = found[line] = []
    return {name: tuple(fields) for name, fields in found.items()}

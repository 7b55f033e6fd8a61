"""Saved records: versioned JSON, with columns compressed, that any later knlab reads.

    {"format": "knlab-recording", "version": 1, "kind": "LoadRun", "record": {…}}

Version 1: records as objects that name their type, columns as little-endian bytes, deflated, in
base64. Header values that are secrets by their name are not saved.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from knlab._exceptions import RecordingError
from knlab.measure import columns, records

FORMAT: Final = "knlab-recording"
VERSION: Final = 1
_TYPES: Final[Mapping[str, type]] = {
    kind.__name__: kind
    for kind in (
        records.ClientUse,
        records.Fingerprint,
        records.Gap,
        records.LoadRecord,
        records.LoadSummary,
        records.PhaseRange,
        records.PodEvent,
        records.PodRecord,
        columns.Requests,
        records.ScaleReading,
        records.Timing,
        records.Workload,
    )
}
_SECRET: Final = frozenset({"authorization", "cookie", "set-cookie", "proxy-authorization"})


def write_recording(path: str | Path, kind: str, record: object) -> Path:
    """The file at `path`, which holds `record` under the name of the result it belongs to."""
    target = Path(path)
    document = {"format": FORMAT, "version": VERSION, "kind": kind, "record": _encode(record)}
    draft = target.with_name(target.name + ".part")
    draft.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    draft.replace(target)
    return target


def read_recording(path: str | Path) -> tuple[str, Any]:
    """The kind and the record in the file at `path`.

    Raises:
        RecordingError: if there is no such file or it is no recording that this knlab reads.
    """
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise RecordingError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError:
        document = None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise RecordingError(
            f"{path} is not a knlab recording", hint="give a file that .save(path) wrote"
        )
    if (version := document.get("version")) != VERSION:
        raise RecordingError(
            f"{path} has recording version {version}, this knlab reads {VERSION}",
            hint="upgrade knlab",
        )
    try:
        return str(document["kind"]), _decode(document["record"])
    except (ValueError, KeyError, TypeError, zlib.error) as error:
        raise RecordingError(
            f"{path} is damaged ({error})", hint="save the run again, or restore the file"
        ) from error


def _encode(value: object) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        content = {field.name: _encode(getattr(value, field.name)) for field in fields(value)}
        if "headers" in content:
            content["headers"] = [_masked(*pair) for pair in content["headers"]]
        return {"type": type(value).__name__} | content
    if isinstance(value, np.ndarray):
        packed = zlib.compress(value.tobytes(), level=6)
        return {"dtype": value.dtype.str, "deflate": base64.b64encode(packed).decode()}
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, (tuple, list)):
        return [_encode(each) for each in value]
    return value


def _masked(name: str, value: str) -> list[str]:
    return [name, "(not saved)" if name.lower() in _SECRET else value]


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_decode(each) for each in value)
    if not isinstance(value, dict):
        return value
    if set(value) == {"bytes"}:
        return base64.b64decode(value["bytes"])
    if "deflate" in value:
        packed = zlib.decompress(base64.b64decode(value["deflate"]))
        return np.frombuffer(packed, dtype=np.dtype(value["dtype"]))
    content: dict[str, Any] = {
        name: _decode(each) for name, each in value.items() if name != "type"
    }
    kind = _TYPES[value["type"]]
    return columns.Requests.of(content) if kind is columns.Requests else kind(**content)

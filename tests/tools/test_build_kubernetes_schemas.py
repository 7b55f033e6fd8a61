"""The program that takes Kubernetes' schemas apart loses nothing of them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from tools import build_kubernetes_schemas
from tools.build_kubernetes_schemas import DESCRIPTIONS, GROUP_VERSIONS, SCHEMAS, definitions, split

REFERENCE = "#/components/schemas/"
DOCUMENT = {
    "components": {
        "schemas": {
            "a.Thing": {
                "description": "A thing.",
                "type": "object",
                "properties": {
                    "description": {"description": "What it is for.", "type": "string"},
                    "part": {
                        "description": "Its part.", "allOf": [{"$ref": f"{REFERENCE}a.Part"}],
                    },
                    "parts": {"type": "array", "items": {"$ref": f"{REFERENCE}a.Part"}},
                },
            },
            "a.Part": {"type": "string"},
        }
    }
}  # fmt: skip


def test_schemas_and_descriptions_are_kept_apart() -> None:
    schemas, descriptions = split(definitions([DOCUMENT]))
    assert schemas["a.Thing"]["properties"] == {
        "description": {"type": "string"},
        "part": {"$ref": "a.Part"},
        "parts": {"type": "array", "items": {"$ref": "a.Part"}},
    }
    assert descriptions["a.Thing"] == {
        "": "A thing.", "description": "What it is for.", "part": "Its part.",
    }  # fmt: skip


def test_a_description_that_would_be_lost_is_refused() -> None:
    deep = {"type": "array", "items": {"type": "string", "description": "One of them."}}
    with pytest.raises(ValueError, match=r"a\.B has a description below its fields"):
        split({"a.B": {"type": "object", "properties": {"list": deep}}})


def test_the_same_documents_give_the_same_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(build_kubernetes_schemas, "TARGET", tmp_path)
    source = tmp_path / "v3"
    source.mkdir()
    assert build_kubernetes_schemas.main([str(source)]) == 2
    assert "api__v1_openapi.json" in capsys.readouterr().out
    for each in GROUP_VERSIONS:
        path = source / f"{each.replace('/', '__')}_openapi.json"
        path.write_text(json.dumps(DOCUMENT))
    assert build_kubernetes_schemas.main([str(source)]) == 0
    first = (tmp_path / SCHEMAS).read_bytes()
    assert build_kubernetes_schemas.main([str(source)]) == 0
    assert (tmp_path / SCHEMAS).read_bytes() == first
    assert json.loads(gzip.decompress(first)).keys() == {"a.Part", "a.Thing"}
    assert (tmp_path / DESCRIPTIONS).exists()

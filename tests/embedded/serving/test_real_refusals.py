"""What Knative 1.23's own webhook said to objects, to ConfigMaps and to changes of a template.

The tables were recorded from a real cluster (objects and ConfigMaps, with `--dry-run=server`) and
from Knative's own library (differences; addresses in memory are one and the same there).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from knlab.embedded.kube.objects import Object
from knlab.embedded.serving.config import PARSERS, ConfigError
from knlab.embedded.serving.differences import revision_difference, template_difference
from knlab.embedded.serving.kinds import TYPES
from tests.embedded.serving.admitted import INSECURE, admit
from tests.factories import DictView, make

_TABLES: Final = Path(__file__).parents[2] / "data" / "admission"
_RESOURCES: Final = {type_: resource for resource, type_ in TYPES.items()}
_ALWAYS: Final = {"config-deployment": {"queue-sidecar-image": "q"}}


def _rows(name: str) -> list[Any]:
    rows: list[Object] = json.loads((_TABLES / name).read_text("utf-8"))
    return [pytest.param(row, id=row["id"]) for row in rows]


@pytest.mark.parametrize("row", _rows("objects.json"))
def test_an_object(row: Object) -> None:
    obj = row["object"]
    flags = make("v1", "ConfigMap", "config-features", "knative-serving",
                 data=row.get("features", {}))  # fmt: skip
    resource = _RESOURCES[obj["apiVersion"], obj["kind"]]
    verdict = admit(obj, resource=resource, view=DictView([flags]))
    assert verdict.denied.removeprefix("validation failed: ") == row["denied"]
    assert list(verdict.warnings) == row.get("warnings", [INSECURE])


@pytest.mark.parametrize("row", _rows("config_maps.json"))
def test_a_config_map(row: Object) -> None:
    said = ""
    try:
        PARSERS[row["config"]](_ALWAYS.get(row["config"], {}) | row["data"])
    except ConfigError as error:
        said = str(error)
    assert said == row["denied"]


@pytest.mark.parametrize("row", _rows("differences.json"))
def test_a_difference(row: Object) -> None:
    assert template_difference(row["old"], row["new"]) == row["text"]


def test_revisions_are_compared_without_a_pointer() -> None:
    old, new = {"containerConcurrency": 1}, {"timeoutSeconds": 3, "containerConcurrency": 2}
    assert revision_difference(old, new) == (
        '*{v1.RevisionSpec}.ContainerConcurrency:\n\t-: "1"\n\t+: "2"\n'
        '{v1.RevisionSpec}.TimeoutSeconds:\n\t-: "<nil>"\n\t+: "0xc000a1b2c8"\n'
    )

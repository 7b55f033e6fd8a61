"""One good object of many kinds, from `samples.yaml`."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

NAMESPACE: Final = "fuzz"


@dataclass(frozen=True, slots=True)
class Sample:
    """A kind's place in the API and one object without metadata."""

    plural: str
    body: dict[str, Any]
    namespaced: bool
    keep: bool
    """Whether it may really be created; otherwise dry runs only."""

    @property
    def collection(self) -> str:
        """The path of its collection."""
        version = self.body["apiVersion"]
        prefix = f"/apis/{version}" if "/" in version else f"/api/{version}"
        scope = f"/namespaces/{NAMESPACE}" if self.namespaced else ""
        return f"{prefix}{scope}/{self.plural}"

    def named(self, name: str) -> dict[str, Any]:
        """The object, called `name`."""
        metadata = {"name": name, "labels": {"app": "f"}, "annotations": {"note": "x"}}
        if self.namespaced:
            metadata["namespace"] = NAMESPACE
        return {**copy.deepcopy(self.body), "metadata": metadata}


def _sample(row: dict[str, Any]) -> Sample:
    return Sample(
        plural=row["resource"],
        body=row["object"],
        namespaced=not row.get("cluster-scoped", False),
        keep=row.get("keep", True),
    )


SAMPLES: Final = tuple(
    map(_sample, yaml.safe_load_all(Path(__file__).with_name("samples.yaml").read_text()))
)

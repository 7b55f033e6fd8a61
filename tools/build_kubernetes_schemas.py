"""Write what Kubernetes publishes about its own kinds: their schemas, and the descriptions apart.

python -m tools.build_kubernetes_schemas DIRECTORY

DIRECTORY holds OpenAPI v3 documents named as `api/openapi-spec/v3` of the Kubernetes repository
names them (`apis__apps__v1_openapi.json`): that directory at the tag of the wanted release, or what
`kubectl get --raw /openapi/v3/apis/apps/v1` and so on print. Documents of other groups are ignored.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

GROUP_VERSIONS = (
    "api/v1", "apis/admissionregistration.k8s.io/v1", "apis/apiextensions.k8s.io/v1",
    "apis/apps/v1", "apis/authentication.k8s.io/v1", "apis/authorization.k8s.io/v1",
    "apis/autoscaling/v1", "apis/autoscaling/v2", "apis/batch/v1", "apis/coordination.k8s.io/v1",
    "apis/discovery.k8s.io/v1", "apis/events.k8s.io/v1", "apis/networking.k8s.io/v1",
    "apis/node.k8s.io/v1", "apis/policy/v1", "apis/rbac.authorization.k8s.io/v1",
    "apis/scheduling.k8s.io/v1", "apis/storage.k8s.io/v1",
)  # fmt: skip
TARGET = Path(__file__).parent.parent / "knlab" / "embedded" / "builtin" / "data"
SCHEMAS = "kubernetes_schemas.json.gz"
DESCRIPTIONS = "kubernetes_descriptions.json.gz"

Schema = dict[str, Any]


def definitions(documents: Iterable[Mapping[str, Any]]) -> dict[str, Schema]:
    """The component schemas of all `documents` by name."""
    found: dict[str, Schema] = {}
    for document in documents:
        found |= document["components"]["schemas"]
    return {name: _compact(found[name]) for name in sorted(found)}


def _compact(schema: Any) -> Any:
    """`schema` with `allOf: [{$ref}]`, which only lets a reference have siblings, written flat."""
    if isinstance(schema, list):
        return [_compact(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _compact(value) for key, value in schema.items()}
    match made.get("allOf"):
        case [{"$ref": str(reference)}]:
            del made["allOf"]
            made["$ref"] = reference
    if isinstance(made.get("$ref"), str):
        made["$ref"] = made["$ref"].removeprefix("#/components/schemas/")
    return made


def split(schemas: Mapping[str, Schema]) -> tuple[dict[str, Schema], dict[str, dict[str, str]]]:
    """Schemas without descriptions, and descriptions: name → field → text, `""` the schema's own.

    Raises:
        ValueError: a description is somewhere else, where nobody would put it back.
    """
    bare: dict[str, Schema] = {}
    told: dict[str, dict[str, str]] = {}
    for name, schema in schemas.items():
        made = json.loads(json.dumps(schema))
        texts = {"": made.pop("description", "")}
        for field, value in made.get("properties", {}).items():
            texts[field] = value.pop("description", "")
        if _described(made):
            raise ValueError(f"{name} has a description below its fields")
        bare[name], told[name] = made, {field: text for field, text in texts.items() if text}
    return bare, told


def _described(schema: Any) -> bool:
    """Whether any schema inside has a description; a field may be called `description`."""
    if not isinstance(schema, dict):
        return False
    inner = [*schema.get("properties", {}).values(), schema.get("items"),
             schema.get("additionalProperties")]  # fmt: skip
    return isinstance(schema.get("description"), str) or any(map(_described, inner))


def write(content: object, path: Path) -> None:
    """Write `content` as gzipped JSON, the same bytes every time."""
    text = json.dumps(content, separators=(",", ":"), sort_keys=True)
    path.write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))


def main(arguments: list[str]) -> int:
    """Write both files; 2 if the arguments are no directory with all the documents."""
    if len(arguments) != 1:
        print(__doc__)
        return 2
    names = [f"{each.replace('/', '__')}_openapi.json" for each in GROUP_VERSIONS]
    paths = [Path(arguments[0]) / name for name in names]
    missing = [path.name for path in paths if not path.exists()]
    if missing:
        print(f"not in {arguments[0]}: {', '.join(missing)}")
        return 2
    schemas, descriptions = split(definitions(json.loads(path.read_text()) for path in paths))
    for name, content in ((SCHEMAS, schemas), (DESCRIPTIONS, descriptions)):
        write(content, TARGET / name)
        print(f"{name}: {len(content)} schemas, {(TARGET / name).stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

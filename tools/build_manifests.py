"""Write `knlab/manifests/*.yaml`: the objects that lesson 02 installs into the embedded cluster.

python -m tools.build_manifests            write the files
python -m tools.build_manifests --check    exit 1 if they differ
"""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

from tools.manifests.core import core
from tools.manifests.crds import definitions
from tools.manifests.kourier import kourier

TARGET = Path(__file__).parent.parent / "knlab" / "manifests"
_HEADER = """\
# Knative {name} for knlab's embedded cluster: the kinds, names and labels of release 1.23.
# Written by tools/build_manifests.py; edit tools/manifests/ instead.
{licence}"""
_LICENCES = {
    "serving-crds": "# Schemas, descriptions: Copyright The Knative Authors, Apache License 2.0.\n"
}


class _Dumper(yaml.SafeDumper):
    """YAML without anchors: every object stands alone."""

    def ignore_aliases(self, data: object) -> bool:
        return data is not None


def _represent(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    """Text of several lines as a block, as people write it."""
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent)


def _text(name: str) -> str:
    objects = {"serving-crds": definitions, "serving-core": core, "kourier": kourier}[name]()
    body = yaml.dump_all(objects, Dumper=_Dumper, sort_keys=False, width=100)
    return _HEADER.format(name=name, licence=_LICENCES.get(name, "")) + body


def main(arguments: list[str]) -> int:
    """Write or check the files; 1 if `--check` finds a difference."""
    stale = []
    for name in ("serving-crds", "serving-core", "kourier"):
        path, text = TARGET / f"{name}.yaml", _text(name)
        if "--check" not in arguments:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            stale.append(path.name)
    if stale:
        print(f"out of date: {', '.join(stale)}; run python -m tools.build_manifests")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The one table of image references that lessons, tests and the embedded cluster use.

`KNLAB_IMAGES` overrides entries, for mirrors and for clusters that have other images:
`KNLAB_IMAGES="hello=registry.local/helloworld-go,autoscale=registry.local/autoscale-go"`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from knlab._exceptions import StateError, UsageError

DEFAULTS: Final[Mapping[str, str]] = {
    "hello": "ghcr.io/knative/helloworld-go",
    "autoscale": "ghcr.io/knative/autoscale-go",
    "hello-v1": "dev.local/hello:v1",
    "hello-v2": "dev.local/hello:v2",
}

ARTICLE_HELLO: Final = "gcr.oneitfarm.com/knative-samples/helloworld-go"
"""What the article deploys: a private mirror of `gcr.io/knative-samples/helloworld-go`."""


def image_table(overrides: str = "") -> dict[str, str]:
    """Name → reference: the defaults with `overrides` (`name=reference,…`) put over them.

    Raises:
        UsageError: for an entry without `=` or with a name that the table does not have.
    """
    table = dict(DEFAULTS)
    for entry in filter(None, (part.strip() for part in overrides.split(","))):
        name, _, reference = entry.partition("=")
        if name not in table or not reference:
            raise UsageError(
                f"KNLAB_IMAGES has {entry!r}",
                hint=f"write name=reference with a name of {', '.join(table)}",
            )
        table[name] = reference
    return table


_TABLE = image_table(os.environ.get("KNLAB_IMAGES", ""))

HELLO: Final = _TABLE["hello"]
"""Answers `Hello $TARGET!`."""
AUTOSCALE: Final = _TABLE["autoscale"]
"""Works on request: `?sleep=MS&prime=N&bloat=MB`."""
HELLO_V1: Final = _TABLE["hello-v1"]
"""Like HELLO, and `/slow?ms=N` waits."""
HELLO_V2: Final = _TABLE["hello-v2"]
"""The next version of HELLO_V1."""


LOCAL_REGISTRY: Final = "dev.local"
"""Where programs of the user's own are registered."""

_LOCAL_NAME: Final = re.compile(
    r"dev\.local/(?P<name>[a-z0-9]+(?:[._-]+[a-z0-9]+)*)(?::(?P<tag>\w[\w.-]{0,127}))?", re.ASCII
)


def registered_programs(file: Path) -> dict[str, tuple[str, ...]]:
    """Reference → command line of the programs registered in `file`; empty if there is none.

    Raises:
        StateError: if the file is not what `register_program` writes.
    """
    try:
        found = json.loads(file.read_text())
        return {reference: tuple(map(str, argv)) for reference, argv in found.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError) as damage:
        raise StateError(
            f"{file} is damaged: {damage}", hint="delete it and run `knlab image add` again"
        ) from damage


def local_reference(reference: str) -> str:
    """`reference` with its tag written out: `dev.local/NAME` → `dev.local/NAME:latest`.

    Raises:
        UsageError: unless it is `dev.local/NAME[:TAG]` and not one of the images that ship.
    """
    matched = _LOCAL_NAME.fullmatch(reference)
    if matched is None:
        raise UsageError(
            f"{reference!r} cannot name a program of yours",
            hint="write dev.local/NAME or dev.local/NAME:TAG, in lower case",
        )
    full = f"{LOCAL_REGISTRY}/{matched['name']}:{matched['tag'] or 'latest'}"
    if full in DEFAULTS.values():
        raise UsageError(f"{full} ships with knlab", hint="choose another name or tag")
    return full


def command_line(argv: Sequence[str], *, directory: Path) -> tuple[str, ...]:
    """`argv` as it can be run from anywhere: the program and files in `directory` by full path.

    Raises:
        UsageError: if there is no such program.
    """
    program = shutil.which(argv[0]) if argv else None
    if program is None:
        raise UsageError(
            f"no program {argv[0]!r} to run" if argv else "no command to run",
            hint="write it as you would in a shell: knlab image add dev.local/NAME -- COMMAND…",
        )
    files = ((word, directory / word) for word in argv[1:])
    rest = (str(path) if path.is_file() else word for word, path in files)
    return str(Path(program).absolute()), *rest


def register_program(file: Path, reference: str, argv: Sequence[str]) -> str:
    """Register `argv` under `reference` in `file`, which changes in one piece; the full reference.

    Raises:
        UsageError: for a reference that cannot name a program of the user's own.
        StateError: if the file is damaged.
    """
    full = local_reference(reference)
    table = registered_programs(file) | {full: tuple(argv)}
    draft = file.with_suffix(".tmp")
    draft.write_text(json.dumps(table, indent=2, sort_keys=True) + "\n")
    draft.replace(file)
    return full

"""The kinds that a cluster serves, as the table in docs/kubernetes-api.md.

python -m tools.served_api            write the table anew, from an embedded cluster of its own
python -m tools.served_api --check    say whether it is up to date
"""

from __future__ import annotations

import argparse
import base64
import json
import ssl
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml

from knlab.cluster import process

DOCUMENT: Final = Path(__file__).parent.parent / "docs" / "kubernetes-api.md"
BEGIN: Final = "<!-- kinds: written by python -m tools.served_api -->"
END: Final = "<!-- end of kinds -->"

_EVERY_VERB: Final = frozenset({
    "create", "delete", "deletecollection", "get", "list", "patch", "update", "watch",
})  # fmt: skip
_HEAD: Final = (
    "| Group and version | Kind | Short names | Subresources | Verbs |",
    "| --- | --- | --- | --- | --- |",
)

Fetch: TypeAlias = Callable[[str], Any]
"""A path of the API → the JSON there."""


def table(fetch: Fetch) -> str:
    """The kinds that are served where `fetch` looks, as a table; those with all verbs say so."""
    versions = [("v1", "/api/v1")]
    for group in fetch("/apis")["groups"]:
        named = [each["groupVersion"] for each in group["versions"]]
        versions += [(name, f"/apis/{name}") for name in named]
    lines = [line for name, path in versions for line in _lines(name, fetch(path)["resources"])]
    return "\n".join([*_HEAD, *lines])


def _lines(version: str, resources: list[Mapping[str, Any]]) -> Iterator[str]:
    for resource in resources:
        plural = resource["name"]
        if "/" in plural:
            continue
        parts = [
            r["name"].partition("/")[2] for r in resources if r["name"].startswith(f"{plural}/")
        ]
        missing = _EVERY_VERB - set(resource["verbs"])
        verbs = ", ".join(resource["verbs"]) if missing else "all"
        short = ", ".join(resource.get("shortNames", ()))
        yield f"| {version} | {resource['kind']} | {short} | {', '.join(parts)} | {verbs} |"


def documented(text: str) -> str:
    """The table that the document `text` has."""
    return text.partition(BEGIN)[2].partition(END)[0].strip()


def with_table(text: str, made: str) -> str:
    """The document `text` with `made` as its table."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{made}\n{END}{rest.partition(END)[2]}"


def fetch_from(kubeconfig: Path) -> Fetch:
    """A function that gets the JSON at a path of the cluster that `kubeconfig` names first."""
    content = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
    cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    context = ssl.create_default_context(cadata=authority)

    def fetch(path: str) -> Any:
        headers = {"Authorization": f"Bearer {user['token']}"}
        request = urllib.request.Request(cluster["server"] + path, headers=headers)
        with urllib.request.urlopen(request, context=context) as answer:
            return json.load(answer)

    return fetch


def of_a_fresh_cluster() -> str:
    """The kinds of an embedded cluster in which nobody installed anything."""
    with process.temporary() as directory:
        return table(fetch_from(directory / "kubeconfig"))


def main() -> int:
    """Write or check the table; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    made = of_a_fresh_cluster()
    text = DOCUMENT.read_text(encoding="utf-8")
    if check:
        return int(documented(text) != made)
    DOCUMENT.write_text(with_table(text, made), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

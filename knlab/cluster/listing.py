"""What `kubectl get` prints, as a result: the server's own Table."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from knlab._exceptions import UsageError
from knlab._html import html_table
from knlab.cluster import kubernetes as k8s
from knlab.cluster.kubernetes import Kind, Kubernetes

Object: TypeAlias = dict[str, Any]

_SERVING: Final = "serving.knative.dev/v1"
_NETWORKING: Final = "networking.internal.knative.dev/v1alpha1"
KINDS: Final = {
    "configmaps": k8s.CONFIG_MAP,
    "configurations": Kind(_SERVING, "Configuration"),
    "crds": k8s.CRD,
    "deployments": k8s.DEPLOYMENT,
    "endpoints": Kind("v1", "Endpoints"),
    "events": k8s.EVENT,
    "king": Kind(_NETWORKING, "Ingress"),
    "kpa": k8s.POD_AUTOSCALER,
    "ksvc": k8s.SERVICE,
    "namespaces": k8s.NAMESPACE,
    "nodes": k8s.NODE,
    "pods": k8s.POD,
    "replicasets": Kind("apps/v1", "ReplicaSet"),
    "revisions": k8s.REVISION,
    "routes": Kind(_SERVING, "Route"),
    "services": k8s.CORE_SERVICE,
    "sks": Kind(_NETWORKING, "ServerlessService"),
}
"""Names that `kubectl get` takes, and the kinds they mean."""
_WITHOUT_NAMESPACE: Final = ("crds", "namespaces", "nodes")
_USUAL_NAMESPACE: Final = "default"
"""The one that kubectl takes unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Listing:
    """One table, and the command that prints it."""

    command: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __repr__(self) -> str:
        lines = [self.header, *self.rows]
        widths = [max(len(line[index]) for line in lines) for index in range(len(self.header))]
        texts = (
            "   ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        )
        return "\n".join([f"$ {self.command}", *texts])

    def _repr_html_(self) -> str:
        return html_table(self.header, self.rows, caption=f"$ {self.command}")

    @property
    def frame(self) -> Any:
        """A DataFrame with the columns that kubectl shows."""
        import pandas as pd  # noqa: PLC0415 - slow to import, and most callers never ask

        return pd.DataFrame([dict(zip(self.header, row, strict=True)) for row in self.rows])

    def __len__(self) -> int:
        return len(self.rows)


def listing(
    api: Kubernetes, what: str, *, namespace: str | None, labels: str = "", wide: bool = False
) -> Listing:
    """The table that `kubectl get WHAT` prints; None is every namespace.

    Raises:
        UsageError: for a name that is not in KINDS.
    """
    if what not in KINDS:
        raise UsageError(f"cannot show {what!r}", hint=f"one of {', '.join(KINDS)}")
    if what in _WITHOUT_NAMESPACE:
        namespace = ""
    table = api.table(KINDS[what], namespace or None, labels=labels)
    command = command_line(what, namespace=namespace, labels=labels, wide=wide)
    return from_table(table, command, namespaces=namespace is None, wide=wide)


def command_line(
    what: str, *, namespace: str | None, labels: str = "", wide: bool = False, name: str = ""
) -> str:
    """What a person types to see the same; `namespace` may be empty, None is every one."""
    command = ["kubectl", "get", what, *([name] if name else [])]
    if namespace is None:
        command.append("-A")
    elif namespace not in {"", _USUAL_NAMESPACE}:
        command += ["-n", namespace]
    command += ["-l", labels] if labels else []
    command += ["-o", "wide"] if wide else []
    return shlex.join(command)


def from_table(table: Object, command: str, *, namespaces: bool, wide: bool) -> Listing:
    """What kubectl prints of a Table object; `namespaces` adds a column, `wide` shows them all."""
    columns = table["columnDefinitions"]
    shown = [index for index, each in enumerate(columns) if wide or not each.get("priority")]
    header = [columns[index]["name"].upper() for index in shown]
    lines = []
    for row in table.get("rows") or ():
        line = [_text(row["cells"][index]) for index in shown]
        if namespaces:
            line.insert(0, row["object"]["metadata"].get("namespace", ""))
        lines.append(tuple(line))
    return Listing(command, ("NAMESPACE", *header) if namespaces else tuple(header), tuple(lines))


def _text(cell: object) -> str:
    return "" if cell is None else str(cell)

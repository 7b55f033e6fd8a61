"""Knative's components in a cluster, beside those that the article's list has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from knlab import article
from knlab._html import html_table

Object: TypeAlias = dict[str, Any]

_ROLES: Final = {
    "activator": "buffers requests while there is no pod, and in bursts",
    "autoscaler": "turns measured load into a number of pods",
    "controller": "makes Revisions, Deployments, Routes out of Services",
    "webhook": "fills in defaults and refuses what cannot work",
    "net-kourier-controller": "tells the gateway about Routes",
    "3scale-kourier-gateway": "the gateway: takes every request from outside",
    "domain-mapping": "made own domains work",
    "domainmapping-webhook": "checked the objects of domain-mapping",
}
_DIFFERENCES: Final = {
    "net-kourier-controller": "there in 2021 too; the article's list was printed before Kourier",
    "3scale-kourier-gateway": "in namespace kourier-system, which the article does not list",
    "domain-mapping": "part of controller since Knative 1.11",
    "domainmapping-webhook": "part of webhook since Knative 1.11",
}


@dataclass(frozen=True, slots=True)
class Component:
    """One component: what it is for, whether the article lists it, and how it is here."""

    name: str
    role: str
    in_article: bool
    here: str
    """`ready`, `not ready`, or empty if there is none."""
    difference: str


@dataclass(frozen=True, slots=True)
class Components:
    """All components that are here or in the article."""

    items: tuple[Component, ...]

    @property
    def ready(self) -> tuple[str, ...]:
        """Names of those that are here and ready."""
        return tuple(each.name for each in self.items if each.here == "ready")

    def __repr__(self) -> str:
        return f"<Components {len(self.ready)} ready: {', '.join(self.ready)}>"

    def _repr_html_(self) -> str:
        rows = [
            (each.name, "yes" if each.in_article else "no", each.here or "no", each.role,
             each.difference)
            for each in self.items
        ]  # fmt: skip
        header = ("component", "in the article", "here", "what it does", "why the lists differ")
        return html_table(header, rows)


def components(deployments: Iterable[Object]) -> Components:
    """What `deployments` of Knative's namespaces provide, and what only the article has."""
    here = {obj["metadata"]["name"]: _state(obj) for obj in deployments}
    names = sorted({*here, *article.COMPONENTS})
    return Components(
        tuple(
            Component(
                name=name,
                role=_ROLES.get(name, ""),
                in_article=name in article.COMPONENTS,
                here=here.get(name, ""),
                difference=_DIFFERENCES.get(name, ""),
            )
            for name in names
        )
    )


def _state(deployment: Object) -> str:
    status = deployment.get("status", {})
    wanted = deployment.get("spec", {}).get("replicas", 1)
    return "ready" if 0 < wanted <= status.get("readyReplicas", 0) else "not ready"

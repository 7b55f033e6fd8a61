"""What every object of the release has in common."""

from __future__ import annotations

from typing import Any, TypeAlias

Object: TypeAlias = dict[str, Any]

VERSION = "1.23.0"
NAMESPACE = "knative-serving"
IMAGES = "knlab.dev/knative"


def labels(component: str = "", **more: str) -> dict[str, str]:
    """The labels that every object of the release carries."""
    found = {"app.kubernetes.io/name": NAMESPACE, "app.kubernetes.io/version": VERSION, **more}
    return found | ({"app.kubernetes.io/component": component} if component else {})

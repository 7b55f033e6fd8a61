"""Where Kubernetes' own API groups come in discovery, as kube-apiserver's priorities have it.

The order decides which kind a short name means when several have it, and the order of `get all`.
"""

from __future__ import annotations

from typing import Final

from knlab.embedded.builtin.schemas import PUBLISHED
from knlab.embedded.kube.documents import Upstream

GROUP_PRIORITIES: Final = {
    "": 18000,
    "apiregistration.k8s.io": 18000,
    "apps": 17800,
    "events.k8s.io": 17750,
    "authentication.k8s.io": 17700,
    "authorization.k8s.io": 17600,
    "autoscaling": 17500,
    "batch": 17400,
    "certificates.k8s.io": 17300,
    "networking.k8s.io": 17200,
    "policy": 17100,
    "rbac.authorization.k8s.io": 17000,
    "storage.k8s.io": 16800,
    "admissionregistration.k8s.io": 16700,
    "apiextensions.k8s.io": 16700,
    "scheduling.k8s.io": 16600,
    "coordination.k8s.io": 16500,
    "node.k8s.io": 16300,
    "discovery.k8s.io": 16200,
    "metrics.k8s.io": 100,
}
"""Groups of custom resources have 1000: they come after all of these but the last."""

UPSTREAM: Final = Upstream(priorities=GROUP_PRIORITIES, published=PUBLISHED)
"""What clients are told about Kubernetes' own groups."""

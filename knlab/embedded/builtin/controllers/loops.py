"""All control loops of this package, put together for one cluster."""

from __future__ import annotations

from knlab.embedded.builtin.controllers.autoscaler import HORIZONTAL
from knlab.embedded.builtin.controllers.custom_resource_definitions import DEFINITIONS
from knlab.embedded.builtin.controllers.deployment import DEPLOYMENT
from knlab.embedded.builtin.controllers.disruption import DISRUPTION
from knlab.embedded.builtin.controllers.endpoints import endpoints_controller
from knlab.embedded.builtin.controllers.endpointslice import MIRRORING, slices_controller
from knlab.embedded.builtin.controllers.job import EXPIRY, JOB
from knlab.embedded.builtin.controllers.loadbalancer import load_balancer_controller
from knlab.embedded.builtin.controllers.namespace import (
    namespace_controller,
    root_ca_controller,
    service_account_controller,
)
from knlab.embedded.builtin.controllers.replicaset import REPLICA_SET
from knlab.embedded.builtin.controllers.resource_quota import resource_quota_controller
from knlab.embedded.builtin.controllers.scheduler import SCHEDULER
from knlab.embedded.builtin.controllers.taints import NODE_TAINTS, TAINT_EVICTION
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.controller import Controller


def control_loops(api: Api, *, certificate: str, gateway: str) -> tuple[Controller, ...]:
    """Every control loop of a new cluster with this `api`.

    `certificate` is its CA in PEM, `gateway` the address that Services of type LoadBalancer get.
    """
    return (
        DEFINITIONS,
        namespace_controller(lambda: api.registry),
        service_account_controller(),
        root_ca_controller(certificate),
        DEPLOYMENT,
        REPLICA_SET,
        JOB,
        EXPIRY,
        SCHEDULER,
        NODE_TAINTS,
        TAINT_EVICTION,
        endpoints_controller(),
        slices_controller(),
        MIRRORING,
        load_balancer_controller(gateway),
        DISRUPTION,
        resource_quota_controller(api.store, api.after_write.append),
        HORIZONTAL,
    )

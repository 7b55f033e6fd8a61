"""Services of type LoadBalancer: the address at which the cluster's gateway listens."""

from __future__ import annotations

from knlab.embedded.builtin.controllers.conditions import status_write
from knlab.embedded.builtin.kinds import SERVICES
from knlab.embedded.kube.controller import NOTHING, Controller, Outcome, View
from knlab.embedded.kube.objects import Key, Object


def load_balancer_controller(address: str) -> Controller:
    """Gives every Service of type LoadBalancer the ingress `address`, as `minikube tunnel` does."""

    def sync(view: View, key: Key, _now: float) -> Outcome:
        """The ingress of one Service, or its removal when the type changed."""
        service = view.find(SERVICES, *key)
        if service is None or "deletionTimestamp" in service["metadata"]:
            return NOTHING
        balancer: Object = {}
        if service["spec"]["type"] == "LoadBalancer":
            balancer["ingress"] = [{"ip": address, "ipMode": "VIP"}]
        status = {**(service.get("status") or {}), "loadBalancer": balancer}
        return Outcome(status_write(SERVICES, service, status))

    return Controller(name="service-controller", parent=SERVICES, sync=sync)

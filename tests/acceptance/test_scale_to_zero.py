"""The Service that nobody used since the session began."""

from __future__ import annotations

import pytest

import knlab
from knlab.cluster import kubernetes as k8s
from knlab.cluster.cluster import Cluster
from knlab.cluster.service import Service
from tests.acceptance.machine import eventually


@pytest.mark.slow
def test_an_idle_service_goes_to_zero_and_wakes_up(cluster: Cluster, idler: Service) -> None:
    deployment = f"{idler.name}-00001-deployment"

    def replicas() -> int:
        return int(cluster.api.get(k8s.DEPLOYMENT, deployment, "default")["spec"]["replicas"])

    eventually("no replica is wanted", lambda: replicas() == 0, within=40)
    assert idler.wait_ready().seconds < 5  # Ready stays True at zero
    assert knlab.request(idler.url).status == 200
    assert replicas() == 1

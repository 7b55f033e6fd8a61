"""Of several conditions that fail together, the one that explains the others is told."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.cluster.diagnose import root_cause, service_findings

ROUTE = ("RevisionMissing", 'Configuration "hello" does not have any ready Revision.')
IMAGE = ("RevisionFailed", 'Revision "hello-00001" failed with message: Unable to fetch image "x"')


def service(**conditions: tuple[str, str, str]) -> Any:
    listed = [
        {"type": name, "status": status, "reason": reason, "message": message}
        for name, (status, reason, message) in conditions.items()
    ]
    metadata = {"name": "hello", "namespace": "default"}
    return {"metadata": metadata, "status": {"conditions": listed}}


@pytest.mark.parametrize(
    ("obj", "cause"),
    [
        pytest.param(
            service(
                Ready=("False", *ROUTE),
                RoutesReady=("False", *ROUTE),
                ConfigurationsReady=("False", *IMAGE),
            ),
            IMAGE,
            id="the image explains the route",
        ),
        pytest.param(
            service(
                Ready=("False", *ROUTE),
                RoutesReady=("False", *ROUTE),
                ConfigurationsReady=("True", "", ""),
            ),
            ROUTE,
            id="a route can fail by itself",
        ),
        pytest.param(
            service(
                Ready=("Unknown", "Uninitialized", "Waiting for load balancer to be ready"),
                RoutesReady=("Unknown", "Uninitialized", "Waiting for load balancer to be ready"),
                ConfigurationsReady=("Unknown", "", ""),
            ),
            ("Uninitialized", "Waiting for load balancer to be ready"),
            id="nothing has failed yet",
        ),
        pytest.param({"metadata": {}}, ("", ""), id="no status yet"),
    ],
)
def test_the_first_cause_is_told(obj: Any, cause: tuple[str, str]) -> None:
    assert root_cause(obj) == cause


def test_a_finding_explains_the_cause_and_not_its_consequence() -> None:
    failed = service(Ready=("False", *ROUTE), ConfigurationsReady=("False", *IMAGE))
    (finding,) = service_findings([failed])
    assert finding.state == "RevisionFailed"
    assert finding.cause == "the image cannot be pulled"


def test_a_ready_service_is_no_finding() -> None:
    assert list(service_findings([service(Ready=("True", "", ""))])) == []

"""What queue-proxy asks for: the sources, and which wins."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.serving.config import FeaturesConfig, parse_deployment
from knlab.embedded.serving.resources.queue_resources import queue_resources
from tests.factories import make

QUEUE = "queue.sidecar.serving.knative.dev"
SHARE = f"{QUEUE}/resource-percentage"


def resources(annotations: dict[str, str], own: Any = None, **more: Any) -> Any:
    container = {"name": "c"} | ({} if own is None else {"resources": own})
    spec, metadata = {"containers": [container]}, {"annotations": annotations}
    revision = make("serving.knative.dev/v1", "Revision", "r", "ns", metadata=metadata, spec=spec)
    deployment = parse_deployment({"queue-sidecar-image": "q"} | more.pop("config", {}))
    return queue_resources(revision, deployment, FeaturesConfig(more.pop("features", {})))


OWN = {"limits": {"cpu": "300m", "memory": "1Gi"}, "requests": {"cpu": "100m", "memory": "128Mi"}}


@pytest.mark.parametrize(
    ("share", "own", "expected"),
    [
        pytest.param("20", OWN, {"requests": {"cpu": "25m", "memory": "50Mi"},
                                 "limits": {"cpu": "60m", "memory": "214748364800m"}},
                     id="as a real cluster computed it"),
        pytest.param("50", OWN, {"requests": {"cpu": "50m", "memory": "64Mi"},
                                 "limits": {"cpu": "150m", "memory": "500Mi"}},
                     id="whole numbers of bytes, and a largest limit"),
        pytest.param("0.1", OWN, {"requests": {"cpu": "25m", "memory": "50Mi"},
                                  "limits": {"cpu": "40m", "memory": "200Mi"}}, id="the least"),
        pytest.param("100", {"limits": {"cpu": "8"}},
                     {"requests": {"cpu": "25m"}, "limits": {"cpu": "500m"}}, id="the most"),
        pytest.param("20", None, {"requests": {"cpu": "25m"}}, id="a share of nothing"),
        pytest.param("x", OWN, {"requests": {"cpu": "25m"}}, id="a share that is none"),
    ],
)  # fmt: skip
def test_a_share_of_the_user_containers_resources(share: str, own: Any, expected: Any) -> None:
    assert resources({SHARE: share}, own) == expected


def test_annotations_win_over_the_share_and_the_config_map() -> None:
    annotations = {
        SHARE: "50", f"{QUEUE}/cpu-resource-request": "0.3",
        f"{QUEUE}/ephemeral-storage-resource-limit": "1Gi", f"{QUEUE}/memory-resource-limit": "x",
    }  # fmt: skip
    found = resources(annotations, OWN, config={"queue-sidecar-memory-limit": "7Mi"})
    assert found["requests"] == {"cpu": "300m", "memory": "64Mi"}
    assert found["limits"] == {"cpu": "150m", "memory": "500Mi", "ephemeral-storage": "1Gi"}


def test_the_feature_fills_in_what_nobody_set() -> None:
    found = resources({}, features={"queueproxy.resource-defaults": "Enabled"},
                      config={"queue-sidecar-cpu-limit": "2"})  # fmt: skip
    assert found == {
        "requests": {"cpu": "25m", "memory": "400Mi"},
        "limits": {"cpu": "2", "memory": "800Mi"},
    }

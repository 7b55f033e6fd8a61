"""What there is to know of a pod's spec, and of its containers' statuses."""

from __future__ import annotations

from knlab.embedded.pods.specs import container_names, containers_of, status_of

SPEC = {
    "containers": [{"name": "b"}, {"name": "c"}],
    "initContainers": [{"name": "a"}],
    "ephemeralContainers": [{"name": "d"}],
}


def test_containers() -> None:
    assert [one["name"] for one in containers_of(SPEC)] == ["a", "b", "c"]
    assert container_names(SPEC) == ["a", "b", "c", "d"]
    assert container_names({"containers": [{"name": "x"}]}) == ["x"]


def test_statuses() -> None:
    status = {
        "containerStatuses": [{}, {"name": "b", "ready": True}],
        "initContainerStatuses": [{"name": "a", "ready": False}],
    }
    assert status_of({"status": status}, "b") == {"name": "b", "ready": True}
    assert status_of({"status": status}, "a") == {"name": "a", "ready": False}
    assert status_of({"status": status}, "none") == {}
    assert status_of({}, "a") == {}

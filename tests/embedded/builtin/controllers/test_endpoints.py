from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.builtin.controllers.endpoints import endpoints_controller
from knlab.embedded.builtin.controllers.endpointslice import MIRRORING, slices_controller
from knlab.embedded.builtin.kinds import ENDPOINT_SLICES, ENDPOINTS, PODS, SERVICES
from knlab.embedded.kube.objects import GroupResource, Object
from tests.factories import NOW, NOW_TEXT, DictView, make, settle

KEY = ("default", "web")


def service(**spec: Any) -> Object:
    ports = [
        {"name": "http", "port": 80, "protocol": "TCP", "targetPort": "web"},
        {"name": "metrics", "port": 90, "protocol": "TCP", "targetPort": 9090},
    ]
    full = {
        "type": "ClusterIP",
        "clusterIP": "10.96.7.7",
        "ports": ports,
        "selector": {"app": "web"},
    }
    return make(
        "v1", "Service", "web", "default", spec=full | spec, metadata={"labels": {"team": "a"}}
    )


def pod(name: str, ip: str, *, ready: bool = True, port: int = 8080, **metadata: Any) -> Object:
    containers = [{"ports": [{"name": "web", "containerPort": port, "protocol": "TCP"}]}]
    ready_condition = {"type": "Ready", "status": "True" if ready else "False"}
    return make(
        "v1", "Pod", name, "default",
        metadata={"labels": {"app": "web"}, **metadata},
        spec={"nodeName": "knlab", "containers": containers},
        status={"phase": "Running", "podIP": ip, "conditions": [ready_condition]},
    )  # fmt: skip


def reference(name: str) -> Object:
    return {"kind": "Pod", "name": name, "namespace": "default", "uid": f"uid-pod-{name}"}


def endpoints_of(*objects: Object) -> Object:
    view = DictView(objects)
    settle(view, endpoints_controller().sync, KEY)
    return view.objects[ENDPOINTS, KEY]


def slices_of(*objects: Object) -> list[Object]:
    view = DictView(objects)
    settle(view, slices_controller().sync, KEY)
    return view.list(ENDPOINT_SLICES)


class TestEndpoints:
    def test_ready_and_other_pods_are_listed_with_the_numbers_of_their_ports(self) -> None:
        made = endpoints_of(service(), pod("b", "127.0.1.2", ready=False), pod("a", "127.0.1.1"))
        assert made["subsets"] == [
            {
                "addresses": [
                    {"ip": "127.0.1.1", "nodeName": "knlab", "targetRef": reference("a")}
                ],
                "notReadyAddresses": [
                    {"ip": "127.0.1.2", "nodeName": "knlab", "targetRef": reference("b")}
                ],
                "ports": [
                    {"name": "http", "port": 8080, "protocol": "TCP"},
                    {"name": "metrics", "port": 9090, "protocol": "TCP"},
                ],
            }
        ]
        assert made["metadata"]["labels"] == {
            "team": "a",
            "endpoints.kubernetes.io/managed-by": "endpoint-controller",
        }
        assert made["metadata"]["annotations"] == {
            "endpoints.kubernetes.io/last-change-trigger-time": NOW_TEXT
        }

    def test_pods_with_other_numbers_form_their_own_subset(self) -> None:
        made = endpoints_of(service(), pod("a", "127.0.1.1"), pod("b", "127.0.1.2", port=9000))
        assert [subset["ports"][0]["port"] for subset in made["subsets"]] == [8080, 9000]

    def test_without_pods_there_are_endpoints_without_subsets(self) -> None:
        assert "subsets" not in endpoints_of(service())

    def test_a_pod_that_goes_is_left_out_at_once(self) -> None:
        made = endpoints_of(service(), pod("a", "127.0.1.1", deletionTimestamp=NOW_TEXT))
        assert "subsets" not in made

    def test_a_patient_service_lists_pods_whatever_their_state(self) -> None:
        made = endpoints_of(
            service(publishNotReadyAddresses=True), pod("a", "127.0.1.1", ready=False)
        )
        assert made["subsets"][0]["addresses"][0]["ip"] == "127.0.1.1"

    def test_a_service_without_a_selector_is_somebody_elses(self) -> None:
        view = DictView([service(selector={})])
        settle(view, endpoints_controller().sync, KEY)
        assert view.list(ENDPOINTS) == []

    def test_they_go_with_their_service(self) -> None:
        view = DictView([service(), pod("a", "127.0.1.1")])
        controller = endpoints_controller()
        settle(view, controller.sync, KEY)
        del view.objects[SERVICES, KEY]
        settle(view, controller.sync, KEY)
        assert view.list(ENDPOINTS) == []

    def test_endpoints_that_somebody_wrote_by_hand_stay(self) -> None:
        view = DictView([make("v1", "Endpoints", "web", "default")])
        settle(view, endpoints_controller().sync, KEY)
        assert len(view.list(ENDPOINTS)) == 1


@pytest.mark.parametrize("make_controller", [endpoints_controller, slices_controller])
def test_a_pod_wakes_the_services_that_select_it(make_controller: Any) -> None:
    view = DictView([service()])
    controller = make_controller()
    wakes = controller.watches[PODS]
    changed = pod("a", "127.0.1.1")
    assert list(wakes(changed)) == []
    controller.sync(view, KEY, NOW)
    assert list(wakes(changed)) == [KEY]
    assert list(wakes(pod("b", "127.0.1.2", labels={"app": "other"}))) == []
    del view.objects[SERVICES, KEY]
    controller.sync(view, KEY, NOW)
    assert list(wakes(changed)) == []


class TestSlices:
    def test_a_slice_says_of_each_pod_whether_it_is_ready_serving_or_going(self) -> None:
        going = pod("b", "127.0.1.2", deletionTimestamp=NOW_TEXT)
        (made,) = slices_of(service(), pod("a", "127.0.1.1"), going)
        assert [item["conditions"] for item in made["endpoints"]] == [
            {"ready": True, "serving": True, "terminating": False},
            {"ready": False, "serving": True, "terminating": True},
        ]
        assert made["ports"][0] == {"name": "http", "port": 8080, "protocol": "TCP"}
        assert made["metadata"]["labels"]["kubernetes.io/service-name"] == "web"
        assert made["metadata"]["ownerReferences"][0]["kind"] == "Service"
        assert made["metadata"]["name"].startswith("web-")

    def test_without_pods_there_is_one_empty_slice(self) -> None:
        (made,) = slices_of(service())
        assert (made["endpoints"], made["ports"]) == ([], [])

    def test_the_empty_slice_is_filled_rather_than_replaced(self) -> None:
        view = DictView([service()])
        sync = slices_controller().sync
        settle(view, sync, KEY)
        (empty,) = view.list(ENDPOINT_SLICES)
        view.add(pod("a", "127.0.1.1"))
        settle(view, sync, KEY)
        (filled,) = view.list(ENDPOINT_SLICES)
        assert filled["metadata"]["name"] == empty["metadata"]["name"]
        assert len(filled["endpoints"]) == 1

    def test_a_hundred_pods_fill_a_slice(self) -> None:
        pods = [pod(f"p{n:03}", f"127.0.{n // 200}.{n % 200}") for n in range(150)]
        assert [len(item["endpoints"]) for item in slices_of(service(), *pods)] in (
            [100, 50],
            [50, 100],
        )

    def test_a_slice_too_many_is_deleted(self) -> None:
        view = DictView([service(), pod("a", "127.0.1.1"), pod("b", "127.0.1.2", port=9000)])
        sync = slices_controller().sync
        settle(view, sync, KEY)
        assert len(view.list(ENDPOINT_SLICES)) == 2
        del view.objects[PODS, ("default", "b")]
        settle(view, sync, KEY)
        assert len(view.list(ENDPOINT_SLICES)) == 1


MIRRORED = [
    {
        "addresses": [{"ip": "127.0.1.9"}],
        "notReadyAddresses": [{"ip": "127.0.1.8"}],
        "ports": [{"name": "http", "port": 8012, "protocol": "TCP"}],
    }
]


class TestMirror:
    def endpoints(self, **labels: str) -> Object:
        metadata = {"labels": {"team": "a", **labels}, "annotations": {"by": "me"}}
        return make("v1", "Endpoints", "web", "default", subsets=MIRRORED, metadata=metadata)

    def mirrored(self, *objects: Object) -> list[Object]:
        view = DictView(objects)
        settle(view, MIRRORING.sync, KEY)
        return view.list(GroupResource("discovery.k8s.io", "endpointslices"))

    def test_endpoints_of_a_service_without_selector_are_copied(self) -> None:
        (made,) = self.mirrored(service(selector=None), self.endpoints())
        assert made["endpoints"] == [
            {"addresses": ["127.0.1.9"], "conditions": {"ready": True}},
            {"addresses": ["127.0.1.8"], "conditions": {"ready": False}},
        ]
        assert made["metadata"]["annotations"] == {"by": "me"}
        assert made["metadata"]["labels"]["endpointslice.kubernetes.io/managed-by"] == (
            "endpointslicemirroring-controller.k8s.io"
        )
        assert made["metadata"]["ownerReferences"][0]["kind"] == "Endpoints"

    def test_nothing_is_copied_when_it_is_not_wanted(self) -> None:
        skip = {"endpointslice.kubernetes.io/skip-mirror": "true"}
        assert self.mirrored(service(selector=None), self.endpoints(**skip)) == []
        assert self.mirrored(service(), self.endpoints()) == []
        assert self.mirrored(self.endpoints()) == []

"""Cells of built-in kinds. Expected texts are `kubectl get` of a real Kubernetes 1.34.4."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.builtin import columns
from knlab.embedded.kube.registry import Column
from knlab.embedded.kube.tables import cell_of

NOW = 1_700_000_000.0  # 2023-11-14T22:13:20Z
AGO_15M = "2023-11-14T21:58:20Z"
AGO_5M6S = "2023-11-14T22:08:14Z"


def meta(name: str, created: str = AGO_15M, **fields: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "creationTimestamp": created} | fields}


def cells(chosen: tuple[Column, ...], obj: dict[str, Any]) -> list[Any]:
    return [cell_of(column, obj, NOW) for column in chosen]


TEMPLATE = {
    "spec": {
        "containers": [
            {"name": "user-container", "image": "dev.local/hello:v1"},
            {"name": "queue-proxy", "image": "dev.local/queue:bench"},
        ]
    }
}
UID = "serving.knative.dev/revisionUID"
NODE = meta("worker-1", labels={"node-role.kubernetes.io/control-plane": ""}) | {
    "spec": {},
    "status": {
        "conditions": [{"type": "Ready", "status": "True"}],
        "addresses": [{"type": "InternalIP", "address": "10.99.0.1"}],
        "nodeInfo": {
            "kubeletVersion": "v1.34.4",
            "osImage": "Debian GNU/Linux 12 (bookworm)",
            "kernelVersion": "6.18.44-fc-v669",
            "containerRuntimeVersion": "containerd://1.6.20",
        },
    },
}
DEPLOYMENT = meta("hello", AGO_5M6S) | {
    "spec": {"replicas": 1, "selector": {"matchLabels": {UID: "c2f1"}}, "template": TEMPLATE},
    "status": {"readyReplicas": 1, "updatedReplicas": 1, "availableReplicas": 1},
}
REPLICA_SET = meta("hello-6f6b", AGO_5M6S) | {
    "spec": {
        "replicas": 1,
        "selector": {"matchLabels": {UID: "c2f1", "pod-template-hash": "6f6b"}},
        "template": TEMPLATE,
    },
    "status": {"replicas": 1, "readyReplicas": 1},
}
IMAGES = "dev.local/hello:v1,dev.local/queue:bench"
NAMES = "user-container,queue-proxy"


def service(**spec: Any) -> dict[str, Any]:
    return meta("s") | {"spec": spec}


KOURIER = service(
    type="LoadBalancer",
    clusterIPs=["10.103.30.164"],
    ports=[
        {"port": 80, "nodePort": 30281, "protocol": "TCP"},
        {"port": 443, "nodePort": 30445, "protocol": "TCP"},
    ],
    selector={"app": "3scale-kourier-gateway"},
) | {"status": {"loadBalancer": {"ingress": [{"ip": "10.103.30.164"}]}}}


@pytest.mark.parametrize(
    ("chosen", "obj", "expected"),
    [
        pytest.param(
            columns.NODE_COLUMNS, NODE,
            ["worker-1", "Ready", "control-plane", "15m", "v1.34.4", "10.99.0.1", "<none>",
             "Debian GNU/Linux 12 (bookworm)", "6.18.44-fc-v669", "containerd://1.6.20"],
            id="node",
        ),
        pytest.param(
            columns.DEPLOYMENT_COLUMNS, DEPLOYMENT,
            ["hello", "1/1", 1, 1, "5m6s", NAMES, IMAGES, f"{UID}=c2f1"], id="deployment",
        ),
        pytest.param(
            columns.DEPLOYMENT_COLUMNS,
            meta("cold") | {"spec": {"replicas": 0, "template": TEMPLATE}},
            ["cold", "0/0", 0, 0, "15m", NAMES, IMAGES, "<none>"], id="deployment scaled to zero",
        ),
        pytest.param(
            columns.REPLICA_SET_COLUMNS, REPLICA_SET,
            ["hello-6f6b", 1, 1, 1, "5m6s", NAMES, IMAGES,
             f"pod-template-hash=6f6b,{UID}=c2f1"],
            id="replica set",
        ),
        pytest.param(
            columns.SERVICE_COLUMNS, KOURIER,
            ["s", "LoadBalancer", "10.103.30.164", "10.103.30.164",
             "80:30281/TCP,443:30445/TCP", "15m", "app=3scale-kourier-gateway"],
            id="load balancer",
        ),
        pytest.param(
            columns.SERVICE_COLUMNS,
            service(
                type="ExternalName",
                externalName="kourier-internal.kourier-system.svc.cluster.local",
                ports=[{"port": 80, "protocol": "TCP"}],
            ),
            ["s", "ExternalName", "<none>", "kourier-internal.kourier-system.svc.cluster.local",
             "80/TCP", "15m", "<none>"],
            id="external name",
        ),
        pytest.param(
            columns.SERVICE_COLUMNS, service(type="ClusterIP", clusterIPs=["None"]),
            ["s", "ClusterIP", "None", "<none>", "<none>", "15m", "<none>"], id="headless",
        ),
        pytest.param(
            columns.NAMESPACE_COLUMNS, meta("default") | {"status": {"phase": "Active"}},
            ["default", "Active", "15m"], id="namespace",
        ),
        pytest.param(
            columns.CONFIG_MAP_COLUMNS,
            meta("kube-root-ca.crt") | {"data": {"ca.crt": "x"}},
            ["kube-root-ca.crt", 1, "15m"], id="config map",
        ),
        pytest.param(
            columns.CONFIG_MAP_COLUMNS, meta("empty"), ["empty", 0, "15m"], id="empty config map"
        ),
        pytest.param(
            columns.SECRET_COLUMNS, meta("s") | {"type": "Opaque", "data": {"a": "", "b": ""}},
            ["s", "Opaque", 2, "15m"], id="secret",
        ),
        pytest.param(
            columns.SERVICE_ACCOUNT_COLUMNS, meta("default"), ["default", 0, "15m"],
            id="service account",
        ),
        pytest.param(
            columns.ENDPOINT_SLICE_COLUMNS,
            meta("e") | {
                "addressType": "IPv4",
                "ports": [{"port": p} for p in (8012, 8112, 9090, 9091, 8022)],
                "endpoints": [{"addresses": ["10.244.0.24"]}],
            },
            ["e", "IPv4", "8012,8112,9090 + 2 more...", "10.244.0.24", "15m"],
            id="endpoint slice with many ports",
        ),
        pytest.param(
            columns.ENDPOINT_SLICE_COLUMNS, meta("e") | {"addressType": "IPv4"},
            ["e", "IPv4", "<unset>", "<unset>", "15m"], id="empty endpoint slice",
        ),
        pytest.param(
            columns.ENDPOINTS_COLUMNS,
            meta("e") | {
                "subsets": [{"addresses": [{"ip": "10.0.0.1"}, {"ip": "10.0.0.2"}],
                             "ports": [{"port": 80}, {"port": 443}]}]
            },
            ["e", "10.0.0.1:80,10.0.0.2:80,10.0.0.1:443 + 1 more...", "15m"], id="endpoints",
        ),
        pytest.param(columns.ENDPOINTS_COLUMNS, meta("e"), ["e", "<none>", "15m"],
                     id="no endpoints"),
        pytest.param(
            columns.CRD_COLUMNS, meta("services.serving.knative.dev"),
            ["services.serving.knative.dev", AGO_15M], id="custom resource definition",
        ),
        pytest.param(
            columns.HPA_COLUMNS,
            meta("activator") | {
                "spec": {
                    "scaleTargetRef": {"kind": "Deployment", "name": "activator"},
                    "minReplicas": 1, "maxReplicas": 20,
                    "metrics": [{"type": "Resource", "resource": {
                        "name": "cpu",
                        "target": {"type": "Utilization", "averageUtilization": 100},
                    }}],
                },
                "status": {"currentReplicas": 1},
            },
            ["activator", "Deployment/activator", "cpu: <unknown>/100%", "1", 20, 1, "15m"],
            id="horizontal pod autoscaler",
        ),
        pytest.param(
            columns.PDB_COLUMNS, meta("webhook-pdb") | {"spec": {"minAvailable": "80%"}},
            ["webhook-pdb", "80%", "N/A", 0, "15m"], id="pod disruption budget",
        ),
        pytest.param(
            columns.LEASE_COLUMNS, meta("knlab") | {"spec": {"holderIdentity": "knlab"}},
            ["knlab", "knlab", "15m"], id="lease",
        ),
        pytest.param(
            columns.ROLE_BINDING_COLUMNS,
            meta("b") | {
                "roleRef": {"kind": "ClusterRole", "name": "admin"},
                "subjects": [{"kind": "User", "name": "u"},
                             {"kind": "ServiceAccount", "namespace": "n", "name": "sa"}],
            },
            ["b", "ClusterRole/admin", "15m", "u", "", "n/sa"], id="role binding",
        ),
        pytest.param(
            columns.MUTATING_WEBHOOK_COLUMNS, meta("w") | {"webhooks": [{}, {}]},
            ["w", 2, "15m"], id="webhook configuration",
        ),
        pytest.param(
            columns.JOB_COLUMNS,
            meta("j") | {
                "spec": {"completions": 2, "template": TEMPLATE},
                "status": {"succeeded": 1, "startTime": AGO_5M6S},
            },
            ["j", "Running", "1/2", "5m6s", "15m", NAMES, IMAGES, "<none>"], id="job",
        ),
    ],
)  # fmt: skip
def test_cells(chosen: tuple[Column, ...], obj: dict[str, Any], expected: list[Any]) -> None:
    assert cells(chosen, obj) == expected


def test_an_event_shows_when_it_was_last_seen_and_about_what() -> None:
    event = meta("coredns.1") | {
        "type": "Normal", "reason": "ScalingReplicaSet", "message": "Scaled up\n", "count": 3,
        "firstTimestamp": AGO_15M, "lastTimestamp": AGO_5M6S,
        "involvedObject": {"kind": "Deployment", "name": "coredns"},
        "source": {"component": "deployment-controller"},
    }  # fmt: skip
    assert cells(columns.EVENT_COLUMNS, event) == [
        "5m6s", "Normal", "ScalingReplicaSet", "deployment/coredns", "", "deployment-controller",
        "Scaled up", "15m", 3, "coredns.1",
    ]  # fmt: skip


def test_a_node_that_takes_no_pods_says_so() -> None:
    cordoned = NODE | {"spec": {"unschedulable": True}}
    assert cells(columns.NODE_COLUMNS, cordoned)[1] == "Ready,SchedulingDisabled"


def test_an_object_without_its_required_fields_shows_invalid_and_hides_no_other() -> None:
    assert cells(columns.ROLE_BINDING_COLUMNS, meta("b"))[:2] == ["b", "<invalid>"]

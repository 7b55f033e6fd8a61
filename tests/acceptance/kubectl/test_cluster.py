"""What is about the whole cluster, which a real one would say otherwise."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.acceptance.machine import eventually
from tools.kubectl_transcripts import Session

FILES = {
    "web.yaml": """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: web, image: "dev.local/hello:v1", ports: [{containerPort: 8080}]}]
""",
}


@pytest.fixture
def node(session: Session) -> Iterator[str]:
    """The name of the only node, which takes pods again afterwards."""
    name = session.run("get nodes -o jsonpath={.items[0].metadata.name}").out
    yield name
    session.run(f"uncordon {name}")
    session.run(f"taint nodes {name} closed:NoSchedule-")


def phase(session: Session) -> str:
    return session.run("get pods -l app=web -o jsonpath={.items[*].status.phase}").out


def test_the_node_is_cordoned_and_drained(session: Session, node: str) -> None:
    assert not session.run("apply -f web.yaml").code
    assert not session.run("rollout status deploy/web --timeout=40s").code
    assert session.run(f"cordon {node}").out == f"node/{node} cordoned\n"
    assert session.run(f"cordon {node}").out == f"node/{node} already cordoned\n"
    assert "SchedulingDisabled" in session.run("get nodes").out
    drained = session.run(f"drain {node} --pod-selector=app=web --force --timeout=30s")
    assert f"node/{node} drained" in drained.out, drained.err
    assert "evicting pod" in drained.out
    eventually("a pod that finds no node", lambda: phase(session) == "Pending", within=20)
    assert session.run(f"uncordon {node}").out == f"node/{node} uncordoned\n"
    assert not session.run("rollout status deploy/web --timeout=40s").code
    tainted = session.run(f"taint nodes {node} closed=yes:NoSchedule")
    assert tainted.out == f"node/{node} tainted\n"
    assert not session.run("scale deploy web --replicas=2").code
    eventually("a pod that does not tolerate", lambda: "Pending" in phase(session), within=20)
    assert session.run(f"taint nodes {node} closed-").out == f"node/{node} untainted\n"
    assert not session.run("rollout status deploy/web --timeout=40s").code


def test_the_cluster_says_what_it_is(session: Session) -> None:
    version = json.loads(session.run("version -o json").out)["serverVersion"]
    assert (version["major"], version["minor"]) == ("1", "34")
    assert "is running at" in session.run("cluster-info").out
    dump = session.run("cluster-info dump --namespaces=kube-system")
    assert '"kind": "NodeList"' in dump.out
    versions = session.run("api-versions").out.split()
    assert {"v1", "apps/v1", "batch/v1", "serving.knative.dev/v1"} <= set(versions)


def test_the_user_may_do_everything(session: Session) -> None:
    header, *rows = session.run("auth can-i --list").out.splitlines()
    assert header.split()[:2] == ["Resources", "Non-Resource"]
    assert ["*.*", "[]", "[]", "[*]"] in [row.split() for row in rows]
    if session.kubectl.minor >= 28:
        assert "Username" in session.run("auth whoami").out

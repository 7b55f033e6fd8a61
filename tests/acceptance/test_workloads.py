"""Ordinary workloads, as people type them: nginx and busybox with a stock kubectl."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from knlab.cluster.service import Service

Command = Callable[..., subprocess.CompletedProcess[str]]
Deploy = Callable[..., Service]


@pytest.fixture
def kubectl_here(kubectl: Command, namespace: str) -> Iterator[Command]:
    """kubectl in the module's namespace, where nothing is left afterwards."""

    def here(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return kubectl("-n", namespace, *arguments, **options)

    yield here
    here("delete", "deployments,services,pods", "--all", "--force", "--grace-period=0")


def waited(kubectl: Command, name: str, path: str, value: str) -> None:
    kubectl("wait", name, f"--for=jsonpath={{{path}}}={value}", "--timeout=60s")


def test_a_deployment_from_creation_to_a_failed_rollout(kubectl_here: Command) -> None:
    kubectl = kubectl_here
    kubectl("create", "deployment", "web", "--image=nginx:1.26", "--replicas=2")
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    kubectl("expose", "deployment", "web", "--port=80")
    asking = ("run", "ask", "--image=busybox", "--restart=Never", "--")
    kubectl(*asking, "sh", "-c", "wget -qSO- http://web 2>&1 | grep -E 'Server|<h1>'")
    waited(kubectl, "pod/ask", ".status.phase", "Succeeded")
    assert kubectl("logs", "ask").stdout == (
        "  Server: nginx/1.26 (knlab stand-in)\n<h1>Welcome to nginx!</h1>\n"
    )
    assert '"GET / HTTP/1.1" 200' in kubectl("logs", "-l", "app=web", "--tail=5").stdout
    kubectl("set", "image", "deployment/web", "nginx=nginx:1.27")
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    image = ("get", "deployment", "web", "-o", "jsonpath={..image}")
    assert kubectl(*image).stdout == "nginx:1.27"
    kubectl("set", "image", "deployment/web", "nginx=nginx:1.161")
    waited(kubectl, "deployment/web", ".status.unavailableReplicas", "1")
    named = "{.items[?(@.spec.containers[0].image=='nginx:1.161')].metadata.name}"
    pod = kubectl("get", "pods", "-o", f"jsonpath={named}").stdout
    reason = ".status.containerStatuses[0].state.waiting.reason"
    waited(kubectl, f"pod/{pod}", reason, "ImagePullBackOff")
    kubectl("rollout", "undo", "deployment/web")
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    assert kubectl(*image).stdout == "nginx:1.27"


def test_pods_end_as_their_commands_do(kubectl_here: Command) -> None:
    kubectl = kubectl_here
    kubectl("run", "done", "--image=busybox", "--restart=Never", "--", "echo", "hello")
    kubectl("run", "failed", "--image=busybox", "--restart=Never", "--", "sh", "-c", "exit 3")
    kubectl("run", "crash", "--image=busybox", "--", "sh", "-c", "echo oops; exit 1")
    waited(kubectl, "pod/done", ".status.phase", "Succeeded")
    waited(kubectl, "pod/failed", ".status.phase", "Failed")
    reason = ".status.containerStatuses[0].state.waiting.reason"
    waited(kubectl, "pod/crash", reason, "CrashLoopBackOff")
    rows = [line.split() for line in kubectl("get", "pods", "--no-headers").stdout.splitlines()]
    assert {row[0]: row[2] for row in rows} == {
        "done": "Completed",
        "failed": "Error",
        "crash": "CrashLoopBackOff",
    }
    assert kubectl("logs", "done").stdout == "hello\n"
    assert kubectl("logs", "-p", "crash").stdout == "oops\n"
    status = json.loads(kubectl("get", "pod", "crash", "-o", "json").stdout)["status"]
    only = status["containerStatuses"][0]
    assert (only["restartCount"], only["lastState"]["terminated"]["exitCode"]) == (1, 1)
    described = kubectl("describe", "pod", "crash").stdout
    assert "Back-off restarting failed container crash in pod crash_workloads" in described


def test_a_pod_reaches_a_knative_service(kubectl_here: Command, deploy: Deploy) -> None:
    kubectl = kubectl_here
    service = deploy(env={"TARGET": "pod"})
    service.wait_ready()
    url = f"http://{service.name}.{service.namespace}.svc.cluster.local"
    kubectl("run", "ask", "--image=busybox", "--restart=Never", "--", "wget", "-qO-", url)
    waited(kubectl, "pod/ask", ".status.phase", "Succeeded")
    assert kubectl("logs", "ask").stdout == "Hello pod!\n"


def test_exec_runs_built_in_commands_and_no_others(kubectl_here: Command) -> None:
    kubectl = kubectl_here
    kubectl("run", "box", "--image=busybox", "--", "sleep", "3600")
    kubectl("wait", "pod/box", "--for=condition=Ready", "--timeout=60s")
    script = "echo $KUBERNETES_SERVICE_HOST; hostname; nslookup kubernetes.default | tail -n 2"
    assert kubectl("exec", "box", "--", "sh", "-c", script).stdout == (
        "10.96.0.1\nbox\nAddress: 10.96.0.1\n\n"
    )
    ended = kubectl("exec", "box", "--", "sh", "-c", "exit 7", check=False)
    assert ended.returncode == 7
    refused = kubectl("exec", "box", "--", "python3", "--version", check=False)
    assert 'exec: "python3": executable file not found in $PATH' in refused.stderr

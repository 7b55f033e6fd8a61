"""What people do with pods and the `kubernetes` package: logs, commands, ports, Jobs."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import kubernetes.client
import kubernetes.stream
import pytest
from kubernetes.client import ApiClient
from kubernetes.watch import Watch

from tests.acceptance.pods import answer, hello_pod


@pytest.fixture
def pod(
    stock: ApiClient, core: Any, namespace: str, request: pytest.FixtureRequest
) -> Iterator[str]:
    """A running pod of the test's own."""
    name = request.node.name.removeprefix("test_").replace("_", "-")[:40].strip("-")
    core.create_namespaced_pod(namespace, hello_pod(name))
    for event in Watch().stream(
        core.list_namespaced_pod,
        namespace,
        field_selector=f"metadata.name={name}",
        timeout_seconds=20,
    ):
        conditions = event["object"].status.conditions or []
        if any(each.type == "Ready" and each.status == "True" for each in conditions):
            break
    yield name
    core.delete_namespaced_pod(name, namespace)


def test_logs_whole_and_followed(core: Any, namespace: str, pod: str) -> None:
    assert "helloworld: listening" in core.read_namespaced_pod_log(pod, namespace)
    followed = Watch().stream(core.read_namespaced_pod_log, pod, namespace)
    assert "helloworld: listening" in next(iter(followed))
    assert core.read_namespaced_pod_log(pod, namespace, tail_lines=0) == ""


@pytest.fixture
def forgotten() -> Iterator[None]:
    """Collects the sockets that the client leaves open when the server ends a stream."""
    yield
    gc.collect()


forgets = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@forgets
@pytest.mark.usefixtures("forgotten")
def test_commands_in_a_pod(core: Any, namespace: str, pod: str) -> None:
    call = core.connect_get_namespaced_pod_exec
    said = kubernetes.stream.stream(
        call, pod, namespace, command=["echo", "hello"], stdout=True, stderr=True
    )
    assert said == "hello\n"
    shell = kubernetes.stream.stream(
        call, pod, namespace, command=["sh"], stdin=True, stdout=True, stderr=True,
        _preload_content=False,
    )  # fmt: skip
    shell.write_stdin("echo out; false\nexit 3\n")
    shell.run_forever(timeout=20)
    assert (shell.read_stdout(), shell.returncode) == ("out\n", 3)
    shell.close()


@forgets
@pytest.mark.usefixtures("forgotten")
def test_a_port_of_a_pod(core: Any, namespace: str, pod: str) -> None:
    forward = kubernetes.stream.portforward(
        core.connect_get_namespaced_pod_portforward, pod, namespace, ports="8080"
    )
    assert answer(forward.socket(8080)).startswith(b"HTTP/1.1 200")
    assert forward.error(8080) is None


def test_a_job_runs_to_its_end(stock: ApiClient, core: Any, namespace: str) -> None:
    batch = kubernetes.client.BatchV1Api(stock)
    container = {"name": "main", "image": "busybox", "command": ["echo", "done"]}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    job = {"metadata": {"name": "job"}, "spec": {"template": template}}
    batch.create_namespaced_job(namespace, {"apiVersion": "batch/v1", "kind": "Job"} | job)
    for event in Watch().stream(batch.list_namespaced_job, namespace, timeout_seconds=20):
        if event["object"].status.succeeded:
            break
    pods = core.list_namespaced_pod(namespace, label_selector="job-name=job").items
    assert [each.status.phase for each in pods] == ["Succeeded"]
    assert core.read_namespaced_pod_log(pods[0].metadata.name, namespace) == "done\n"
    batch.delete_namespaced_job("job", namespace, propagation_policy="Background")

"""Kubernetes' own kinds with stock kubectl: Jobs, rollouts, nodes, tokens, metrics, empty kinds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from subprocess import CompletedProcess

import pytest

from tests.acceptance.conftest import Command

IMAGE = "dev.local/hello:v1"
DEPLOYMENT = f"""\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, annotations: {{kubernetes.io/change-cause: first}}}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: web
        image: {IMAGE}
        ports: [{{containerPort: 8080}}]
        env: [{{name: V, value: a}}]
"""
JOB = f"""\
apiVersion: batch/v1
kind: Job
metadata: {{name: broken}}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers: [{{name: c, image: "{IMAGE}", command: [/nonexistent]}}]
"""


@pytest.fixture(scope="module")
def run(kubectl: Command, namespace: str) -> Command:
    """kubectl in the module's own namespace."""

    def call(*arguments: str, **options: object) -> CompletedProcess[str]:
        return kubectl("-n", namespace, *arguments, **options)

    return call


@pytest.fixture(scope="module")
def web(run: Command) -> Iterator[str]:
    """A Deployment of two pods that has rolled out."""
    run("apply", "-f", "-", input=DEPLOYMENT)
    run("rollout", "status", "deploy/web", "--timeout=30s")
    yield "deploy/web"
    run("delete", "deploy", "web")


def test_a_job_that_cannot_start_fails(run: Command) -> None:
    run("create", "-f", "-", input=JOB)
    run("wait", "--for=condition=Failed", "job/broken", "--timeout=30s")
    described = run("describe", "job", "broken").stdout
    assert "Pods Statuses:    0 Active (0 Ready) / 0 Succeeded / 1 Failed" in described
    assert "Job has reached the specified backoff limit" in described
    header, row = run("get", "jobs").stdout.splitlines()
    assert header.split() == ["NAME", "STATUS", "COMPLETIONS", "DURATION", "AGE"]
    assert row.split()[:3] == ["broken", "Failed", "0/1"]
    assert run("delete", "job", "broken").returncode == 0
    run("wait", "--for=delete", "pod", "-l", "job-name=broken", "--timeout=20s")


def test_a_job_is_created_by_name_and_can_be_suspended(run: Command) -> None:
    run("create", "job", "idle", f"--image={IMAGE}")
    run("patch", "job", "idle", "-p", '{"spec":{"suspend":true}}')
    run("wait", "--for=condition=Suspended", "job/idle", "--timeout=20s")
    assert run("get", "job", "idle", "--no-headers").stdout.split()[1] == "Suspended"
    run("delete", "job", "idle")


def test_history_undo_and_pause(run: Command, web: str) -> None:
    run("set", "env", web, "V=b")
    run("annotate", web, "kubernetes.io/change-cause=second", "--overwrite")
    run("rollout", "status", web, "--timeout=30s")
    history = [line.split() for line in run("rollout", "history", web).stdout.splitlines()[2:-1]]
    assert history == [["1", "first"], ["2", "second"]]
    assert "V:\ta" in run("rollout", "history", web, "--revision=1").stdout
    assert run("rollout", "undo", web).stdout.strip() == "deployment.apps/web rolled back"
    run("rollout", "status", web, "--timeout=30s")
    assert run("get", web, "-o", "jsonpath={..env[0].value}").stdout == "a"
    run("rollout", "pause", web)
    refused = run("rollout", "restart", web, check=False)
    assert "can't restart paused deployment" in refused.stderr
    run("rollout", "resume", web)
    run("rollout", "restart", web)
    run("rollout", "status", web, "--timeout=30s")


def test_recreate_takes_the_old_pods_away_first(run: Command, web: str) -> None:
    strategy = {"spec": {"strategy": {"type": "Recreate", "rollingUpdate": None}}}
    run("patch", web, "-p", json.dumps(strategy))
    run("set", "env", web, "V=c")
    run("rollout", "status", web, "--timeout=30s")


def test_an_autoscaler_of_either_version(run: Command, web: str) -> None:
    run("autoscale", "deployment", "web", "--min=1", "--max=3", "--cpu-percent=50")
    old = json.loads(run("get", "--raw", _hpa(run, "v1")).stdout)
    new = json.loads(run("get", "--raw", _hpa(run, "v2")).stdout)
    assert old["spec"]["targetCPUUtilizationPercentage"] == 50
    assert new["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 50
    row = run("get", "hpa", "--no-headers").stdout
    assert row.split()[:4] == ["web", "Deployment/web", "cpu:", "<unknown>/50%"]
    run("delete", "hpa", "web")


def _hpa(run: Command, version: str) -> str:
    namespace = run("get", "deploy", "web", "-o", "jsonpath={.metadata.namespace}").stdout
    return f"/apis/autoscaling/{version}/namespaces/{namespace}/horizontalpodautoscalers/web"


def test_events_are_the_same_in_both_groups(run: Command, web: str) -> None:
    assert web
    core = run("get", "events", "-o", "jsonpath={.items[*].message}").stdout
    newer = run("get", "events.v1.events.k8s.io", "-o", "jsonpath={.items[*].note}").stdout
    assert core == newer != ""


def test_a_budget_stops_a_drain_and_a_cordon_the_scheduler(run: Command, web: str) -> None:
    run("create", "pdb", "web", "--selector=app=web", "--min-available=2")
    run("wait", "--for=jsonpath={.status.expectedPods}=2", "pdb/web", "--timeout=20s")
    drain = ("drain", "knlab", "--pod-selector=app=web", "--force", "--ignore-daemonsets",
             "--delete-emptydir-data")  # fmt: skip
    try:
        refused = run(*drain, "--timeout=1s", check=False)
        assert "violate the pod's disruption budget" in refused.stderr
        assert "SchedulingDisabled" in run("get", "nodes").stdout
        run("delete", "pdb", "web")
        assert "evicted" in run(*drain, "--timeout=20s").stdout
        pods = run("get", "pods", "-l", "app=web", "-o", "jsonpath={..conditions[0].message}")
        assert "1 node(s) were unschedulable" in pods.stdout
    finally:
        run("uncordon", "knlab")
    run("rollout", "status", web, "--timeout=30s")


def test_a_scheduled_pod_is_still_of_its_first_generation(run: Command, web: str) -> None:
    assert web
    generations = run("get", "pods", "-l", "app=web", "-o", "jsonpath={..metadata.generation}")
    assert set(generations.stdout.split()) == {"1"}


def test_a_token_says_who_comes_with_it(run: Command) -> None:
    token = run("create", "token", "default").stdout.strip()
    told = run("auth", "whoami", "-o", "json", "--token", token).stdout
    user = json.loads(told)["status"]["userInfo"]["username"]
    assert user.startswith("system:serviceaccount:")
    assert user.endswith(":default")
    refused = run("create", "token", "nosuch", check=False)
    assert 'serviceaccounts "nosuch" not found' in refused.stderr


def test_an_administrator_may_do_everything(run: Command) -> None:
    assert run("auth", "can-i", "delete", "nodes").stdout == "yes\n"
    first = run("auth", "can-i", "--list").stdout.splitlines()[1]
    assert first.split() == ["*.*", "[]", "[]", "[*]"]


def test_what_pods_and_the_node_use(run: Command, web: str) -> None:
    assert web
    kinds = run("api-resources", "--api-group=metrics.k8s.io", "-o", "name").stdout
    if not kinds:
        pytest.skip("this system does not tell what processes use")
    assert run("top", "node", "--no-headers").stdout.split()[0] == "knlab"
    run("wait", "--for=condition=Ready", "pod", "-l", "app=web", "--timeout=20s")
    listed = run("get", "pods.metrics.k8s.io", "-o", "json").stdout
    for item in json.loads(listed)["items"]:
        assert item["containers"][0]["usage"]["memory"].endswith("Ki")


@pytest.mark.parametrize("kind", ["cronjobs", "daemonsets", "statefulsets", "pvc", "quota", "ing"])
def test_kinds_that_are_never_there(run: Command, namespace: str, kind: str) -> None:
    found = run("get", kind)
    assert found.stdout == ""
    assert found.stderr == f"No resources found in {namespace} namespace.\n"


def test_what_cannot_be_had_is_refused_in_words(run: Command) -> None:
    refused = run("create", "cronjob", "c", f"--image={IMAGE}", "--schedule=* * * * *", check=False)
    assert refused.returncode == 1
    assert "cronjobs.batch are not available on this cluster" in refused.stderr


def test_a_described_namespace_speaks_of_quotas_and_limits(run: Command, namespace: str) -> None:
    described = run("describe", "namespace", namespace).stdout
    assert described.endswith("No resource quota.\n\nNo LimitRange resource.\n")

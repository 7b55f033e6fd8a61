"""Why something is not ready: from a pod's waiting reason to a cause and a remedy, in words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from knlab._html import html_table
from knlab.cluster import kubernetes as k8s
from knlab.cluster.kubernetes import Kubernetes

Object: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not ready."""

    what: str
    state: str
    message: str
    cause: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Everything that is not ready; empty when all is well."""

    findings: tuple[Finding, ...]

    def __repr__(self) -> str:
        if not self.findings:
            return "<Diagnosis: everything is ready>"
        lines = (f"{f.what}: {f.state}: {f.cause}\n  → {f.remedy}" for f in self.findings)
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows: list[tuple[str, ...]] = [
            (f.what, f.state, f.message, f.cause, f.remedy) for f in self.findings
        ]
        if not rows:
            rows = [("everything", "ready", "", "", "nothing to do")]
        return html_table(("what", "state", "message", "cause", "remedy"), rows)


_RULES: Final = (
    # text to look for, cause, remedy: the first that matches explains the finding
    (r"no such host|server misbehaving|i/o timeout.*lookup", "the registry's name does not resolve",
     "check DNS inside the node, or use an image the cluster has (knlab.images)"),
    (r"x509|certificate", "the registry's certificate is not trusted",
     "add the registry's CA to the node, or use a registry with a public certificate"),
    (r"429|toomanyrequests|rate limit", "the registry limits anonymous pulls",
     "log in with imagePullSecrets, use a mirror, or wait"),
    (r"401|403|denied|unauthorized|forbidden", "the registry refuses access",
     "check the spelling of the repository; a private one needs imagePullSecrets"),
    (r"not found|manifest unknown|NAME_UNKNOWN|does not exist", "the registry has no such image",
     "check name and tag of the image"),
    (r"exec format error|no match for platform", "the image is for another processor",
     "build it for this architecture"),
    (r"ImagePullBackOff|ErrImagePull|Unable to fetch image", "the image cannot be pulled",
     "read the event's text; knlab.images names the images that the embedded cluster has"),
    (r"queue-proxy .*CrashLoopBackOff", "Knative's own queue-proxy ends by itself, not the program",
     "read its log: cluster.logs(POD, container='queue-proxy')"),
    (r"CrashLoopBackOff|ExitCode|exited with|Container failed", "the program ends by itself",
     "read its log: cluster.logs(POD, container='user-container')"),
    (r"CreateContainerConfigError|configmap .* not found|secret .* not found",
     "a ConfigMap or Secret that the container refers to is missing", "create it"),
    (r"Insufficient|Unschedulable|nodes are available", "no node has room for the pod",
     "lower its requests, or give the cluster more CPU and memory"),
    (r"failed calling webhook|no endpoints available", "an admission webhook does not answer",
     "look at Deployment webhook in knative-serving"),
    (r"Readiness probe failed|ContainersNotReady", "the program does not answer its probe",
     "does it listen on $PORT? read its log"),
    (r"ProgressDeadlineExceeded|Initial scale was never achieved", "no pod became ready in time",
     "look at the pods of the revision"),
    (r"RevisionMissing|ConfigurationMissing", "the traffic names a revision that is not ready",
     "look at the revisions: cluster.show('revisions')"),
    (r"IngressNotConfigured|Uninitialized", "no ingress controller takes care of the Route",
     "is ingress-class in config-network that of the ingress you installed?"),
)  # fmt: skip


_CLASS: Final = "autoscaling.knative.dev/class"
_CONTROLLERS: Final = {
    "kpa.autoscaling.knative.dev": "look at Deployment autoscaler in knative-serving",
    "hpa.autoscaling.knative.dev": "install Knative's serving-hpa.yaml, or drop the annotation"
    " autoscaling.knative.dev/class; the embedded cluster has no HPA",
}
_CAUSES_FIRST: Final = ("ConfigurationsReady", "RoutesReady", "Ready")


def explain(text: str) -> tuple[str, str]:
    """Cause and remedy for what a cluster said."""
    for pattern, cause, remedy in _RULES:
        if re.search(pattern, text, re.IGNORECASE):
            return cause, remedy
    return "not one of the known causes", "read the message and the events: cluster.show('events')"


def diagnose(api: Kubernetes) -> Diagnosis:
    """Every pod, revision's autoscaler and Knative Service that is not ready, explained."""
    findings = list(pod_findings(api.items(k8s.POD)))
    if any(obj["metadata"]["name"] == "services.serving.knative.dev" for obj in api.items(k8s.CRD)):
        findings += autoscaler_findings(api.items(k8s.POD_AUTOSCALER))
        findings += service_findings(api.items(k8s.SERVICE))
    return Diagnosis(tuple(findings))


def pod_findings(pods: Iterable[Object]) -> Iterator[Finding]:
    """One finding for each pod that is neither ready nor on its way out."""
    for pod in pods:
        status, metadata = pod.get("status", {}), pod["metadata"]
        if metadata.get("deletionTimestamp") or status.get("phase") == "Succeeded":
            continue
        problem = _container_problem(status) or _condition_problem(status)
        if problem:
            state, message, container = problem
            cause, remedy = explain(f"{message} {container} {state}")
            what = f"pod {metadata['namespace']}/{metadata['name']}"
            yield Finding(what, state, message, cause, remedy)


def _container_problem(status: Object) -> tuple[str, str, str] | None:
    """Reason and message of the first container that does not run, and its name."""
    for container in status.get("containerStatuses") or ():
        state = container.get("state", {})
        for kind in ("waiting", "terminated"):
            found = state.get(kind) or {}
            if found.get("reason") and found["reason"] not in {"ContainerCreating", "Completed"}:
                last = (container.get("lastState") or {}).get("terminated") or {}
                message = found.get("message") or last.get("message") or ""
                return found["reason"], message, container["name"]
    return None


def _condition_problem(status: Object) -> tuple[str, str, str] | None:
    conditions = {c["type"]: c for c in status.get("conditions") or ()}
    for kind in ("PodScheduled", "Ready"):
        found = conditions.get(kind)
        if found and found["status"] == "False":
            return found.get("reason") or f"{kind} False", found.get("message", ""), ""
    return None


def autoscaler_findings(autoscalers: Iterable[Object]) -> Iterator[Finding]:
    """One finding for each PodAutoscaler that no controller has ever looked at."""
    for autoscaler in autoscalers:
        if not autoscaler.get("status", {}).get("conditions"):
            metadata = autoscaler["metadata"]
            class_ = (metadata.get("annotations") or {}).get(_CLASS, "")
            what = f"PodAutoscaler {metadata['namespace']}/{metadata['name']}"
            cause = f"no controller takes care of the class {class_}"
            remedy = _CONTROLLERS.get(class_, f"install the controller of {class_}")
            yield Finding(what, "no status", "", cause, remedy)


def service_findings(services: Iterable[Object]) -> Iterator[Finding]:
    """One finding for each Knative Service that is not ready."""
    for service in services:
        conditions = service.get("status", {}).get("conditions") or ()
        if any(c["type"] == "Ready" and c["status"] != "True" for c in conditions):
            reason, message = root_cause(service)
            cause, remedy = explain(f"{message} {reason}")
            name = f"Service {service['metadata']['namespace']}/{service['metadata']['name']}"
            yield Finding(name, reason or "not ready", message, cause, remedy)


def root_cause(service: Object) -> tuple[str, str]:
    """Reason and message of the condition that the others of a Service follow from.

    Without a working revision there is no route, and both make Ready false: the first that is
    False in that order knows why; if none is, the first that is not True.
    """
    conditions = {c["type"]: c for c in service.get("status", {}).get("conditions") or ()}
    found = [conditions[name] for name in _CAUSES_FIRST if name in conditions]
    failed = [each for each in found if each["status"] == "False"]
    undecided = [each for each in found if each["status"] != "True" and each.get("reason")]
    for each in (*failed, *undecided):
        return each.get("reason", ""), each.get("message", "")
    return "", ""

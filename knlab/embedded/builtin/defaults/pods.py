"""Defaults of Pods and of the pod templates in other kinds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from knlab.embedded.builtin.defaults.fill import fill
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.quantities import QuantityError, canonical_quantity, find_quantity

_FILE_MODE: Final = 420
_VOLUME_MODES: Final = ("secret", "configMap", "downwardAPI", "projected")
_GONE: Final = ("not-ready", "unreachable")


def default_pod(new: Object, old: Object | None) -> Object:
    """A Pod with Kubernetes' defaults, those of its admission plug-ins, and its first status."""
    spec: Object = new.setdefault("spec", {})
    default_pod_spec(spec)
    for container in all_containers(spec):
        resources: Object = container["resources"]
        if limits := resources.get("limits"):
            resources["requests"] = {**limits, **(resources.get("requests") or {})}
    fill(spec, enableServiceLinks=True)
    _tolerate_a_lost_node(spec)
    if old is None:
        fill(spec, serviceAccount="default", serviceAccountName="default")
        new["status"] = {"phase": "Pending", "qosClass": qos_class(spec)}
    elif "status" in new and (kept := (old.get("status") or {}).get("qosClass")):
        fill(new["status"], qosClass=kept)
    _agree_on_addresses(new.get("status") or {})
    return new


def _agree_on_addresses(status: Object) -> None:
    """The single address wins over a list that begins with another, as for older kubelets."""
    first, listed = status.get("podIP"), status.get("podIPs") or []
    if first and [one.get("ip") for one in listed[:1]] != [first]:
        status["podIPs"] = [{"ip": first}]
    elif listed and not first and (ip := listed[0].get("ip")):
        status["podIP"] = ip


def default_pod_template(holder: Object) -> None:
    """Fill in `holder["template"]`."""
    template: Object = holder.setdefault("template", {})
    template.setdefault("metadata", {})
    default_pod_spec(template.setdefault("spec", {}))


def default_pod_spec(spec: Object) -> None:
    """Fill in what every pod spec gets, wherever it stands."""
    fill(
        spec,
        dnsPolicy="ClusterFirst",
        restartPolicy="Always",
        schedulerName="default-scheduler",
        securityContext={},
        terminationGracePeriodSeconds=30,
    )
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if account:
        spec["serviceAccountName"] = spec["serviceAccount"] = account
    for container in all_containers(spec):
        _default_container(container)
    for volume in spec.get("volumes") or ():
        _default_volume(volume)


def all_containers(spec: Object) -> list[Object]:
    """The init containers and the containers of a pod spec."""
    return [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]


def pull_policy(image: str) -> str:
    """`Always` for an image without a tag or with the tag latest, else `IfNotPresent`."""
    name, _, digest = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    return "Always" if tag == "latest" or not (tag or digest) else "IfNotPresent"


def qos_class(spec: Object) -> str:
    """`Guaranteed`, `Burstable` or `BestEffort`, by requests and limits of cpu and memory."""
    guaranteed, any_set = True, False
    for container in all_containers(spec):
        resources: Mapping[str, Any] = container.get("resources") or {}
        requests, limits = (resources.get(part) or {} for part in ("requests", "limits"))
        any_set = any_set or bool({"cpu", "memory"} & {*requests, *limits})
        guaranteed = guaranteed and all(
            name in limits
            and find_quantity(requests.get(name, limits[name])) == find_quantity(limits[name])
            for name in ("cpu", "memory")
        )
    return "BestEffort" if not any_set else "Guaranteed" if guaranteed else "Burstable"


def _tolerate_a_lost_node(spec: Object) -> None:
    tolerations: list[Object] = spec.get("tolerations") or []
    tolerated = {item.get("key") for item in tolerations}
    lacking = [
        {
            "effect": "NoExecute",
            "key": f"node.kubernetes.io/{word}",
            "operator": "Exists",
            "tolerationSeconds": 300,
        }
        for word in _GONE
        if not tolerated & {f"node.kubernetes.io/{word}", None}
    ]
    spec["tolerations"] = [*tolerations, *lacking]


def _canonical(amount: Any) -> Any:
    """`amount` in its one spelling; validation refuses what is none."""
    try:
        return canonical_quantity(amount)
    except QuantityError:
        return amount


def _default_container(container: Object) -> None:
    fill(
        container,
        imagePullPolicy=pull_policy(container.get("image") or ""),
        resources={},
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
    )
    for part in ("limits", "requests"):
        if amounts := container["resources"].get(part):
            container["resources"][part] = {k: _canonical(v) for k, v in amounts.items()}
    for port in container.get("ports") or ():
        fill(port, protocol="TCP")
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if probe := container.get(name):
            _default_probe(probe)
    lifecycle = container.get("lifecycle") or {}
    for hook in ("postStart", "preStop"):
        _default_http_get(lifecycle.get(hook) or {})
    _default_field_refs(
        item["valueFrom"] for item in container.get("env") or () if item.get("valueFrom")
    )


def _default_probe(probe: Object) -> None:
    fill(probe, timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)
    _default_http_get(probe)
    if "grpc" in probe:
        probe["grpc"].setdefault("service", "")


def _default_http_get(action: Object) -> None:
    if http_get := action.get("httpGet"):
        fill(http_get, path="/", scheme="HTTP")


def _default_volume(volume: Object) -> None:
    if len(volume) == 1:
        volume["emptyDir"] = {}
    for kind in _VOLUME_MODES:
        if source := volume.get(kind):
            fill(source, defaultMode=_FILE_MODE)
            _default_field_refs(source.get("items") or ())
    if host_path := volume.get("hostPath"):
        host_path.setdefault("type", "")
    for source in (volume.get("projected") or {}).get("sources") or ():
        if token := source.get("serviceAccountToken"):
            fill(token, expirationSeconds=3600)
        _default_field_refs((source.get("downwardAPI") or {}).get("items") or ())


def _default_field_refs(holders: Iterable[Object]) -> None:
    for holder in holders:
        if reference := holder.get("fieldRef"):
            fill(reference, apiVersion="v1")

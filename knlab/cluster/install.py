"""Knative into a cluster, as the article does it: definitions, core, Kourier, a wait for each."""

from __future__ import annotations

import importlib.resources
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml

from knlab._exceptions import ClusterError, UsageError
from knlab._html import html_table
from knlab.cluster import kubernetes as k8s
from knlab.cluster.kubernetes import Kubernetes
from knlab.cluster.waiting import wait_until

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Object: TypeAlias = dict[str, Any]
Progress: TypeAlias = Callable[[str], None]
_Step: TypeAlias = tuple[str, Sequence[Object], Callable[[], None]]
"""Name of the stage, what to apply, and how to wait for it."""

FILES: Final = ("serving-crds.yaml", "serving-core.yaml", "kourier.yaml")
SYSTEM: Final = "knative-serving"
GATEWAYS: Final = "kourier-system"
_SERVING: Final = "app.kubernetes.io/name=knative-serving"


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the installation."""

    name: str
    seconds: float
    applied: int
    created: int

    @property
    def text(self) -> str:
        """What happened, in words."""
        if not self.applied:
            return "waited"
        return f"{self.applied} objects applied, {self.created} of them new"


@dataclass(frozen=True, slots=True)
class Installation:
    """What an installation did, and how long each stage took."""

    stages: tuple[Stage, ...]
    kinds: tuple[tuple[str, int], ...]
    """How many objects of each kind were applied, or found if Knative was there before."""

    @property
    def seconds(self) -> float:
        """The whole installation."""
        return sum(stage.seconds for stage in self.stages)

    def __repr__(self) -> str:
        return f"<Installation {sum(n for _, n in self.kinds)} objects in {self.seconds:.1f} s>"

    def _repr_html_(self) -> str:
        rows = [(stage.name, stage.text, f"{stage.seconds:.2f} s") for stage in self.stages]
        rows.append(("total", "", f"{self.seconds:.2f} s"))
        return html_table(("stage", "what happened", "took"), rows)

    @property
    def frame(self) -> Any:
        """A DataFrame with one row per kind of object applied."""
        import pandas as pd  # noqa: PLC0415 - slow to import, and most callers never ask

        return pd.DataFrame(self.kinds, columns=["kind", "objects"]).astype({"objects": int})


def bundled(name: str) -> str:
    """The manifest file that ships with knlab, written for the embedded cluster."""
    return (importlib.resources.files("knlab") / "manifests" / name).read_text()


def read_manifests(directory: Path | None) -> dict[str, list[Object]]:
    """File → objects: those in `directory`, or those that ship with knlab.

    Raises:
        UsageError: if a file is missing or is not YAML with Kubernetes objects.
    """
    manifests = {}
    for name in FILES:
        try:
            text = bundled(name) if directory is None else (directory / name).read_text()
            objects = [obj for obj in yaml.load_all(text, Loader=_LOADER) if obj]
        except OSError as error:
            raise UsageError(
                f"cannot read {name}: {error.strerror}",
                hint=f"the directory must hold {', '.join(FILES)}, as Knative's releases do",
            ) from error
        except yaml.YAMLError as error:
            raise UsageError(f"{name} is not YAML: {error}", hint="download it again") from error
        if not all(
            isinstance(obj, dict) and {"apiVersion", "kind"} <= obj.keys() for obj in objects
        ):
            raise UsageError(
                f"{name} holds something else than Kubernetes objects", hint="download it again"
            )
        manifests[name] = objects
    return manifests


def install(
    api: Kubernetes,
    manifests: dict[str, list[Object]],
    *,
    timeout: str,
    progress: Progress,
) -> Installation:
    """Apply everything and wait until Knative works; harmless if it does already."""
    definitions, core, kourier = (manifests[name] for name in FILES)
    steps: tuple[_Step, ...] = (
        ("custom resources", definitions, lambda: _await_established(api, definitions, timeout)),
        ("core components", core, lambda: await_deployments(api, core, timeout)),
        ("Kourier ingress", kourier, lambda: await_deployments(api, kourier, timeout)),
        ("external address", (), lambda: _await_external_address(api, timeout)),
    )
    stages = tuple(_run(api, step, progress) for step in steps)
    return Installation(stages, _count([*definitions, *core, *kourier]))


def await_installed(api: Kubernetes, *, timeout: str, progress: Progress) -> Installation:
    """Wait until the Knative that is there already works; nothing is applied."""

    def deployed(namespace: str) -> None:
        await_deployments(api, api.items(k8s.DEPLOYMENT, namespace), timeout)

    steps: tuple[_Step, ...] = (
        ("core components", (), lambda: deployed(SYSTEM)),
        ("Kourier ingress", (), lambda: deployed(GATEWAYS)),
        ("external address", (), lambda: _await_external_address(api, timeout)),
    )
    stages = tuple(_run(api, step, progress) for step in steps)
    return Installation(stages, _count(_installed(api)))


def _run(api: Kubernetes, step: _Step, progress: Progress) -> Stage:
    """One step, timed: apply its objects, then wait."""
    name, objects, wait = step
    progress(name)
    began = time.monotonic()
    created = sum(api.apply(obj)[1] == "created" for obj in objects)
    wait()
    return Stage(name, time.monotonic() - began, len(objects), created)


def _installed(api: Kubernetes) -> Iterator[Object]:
    """What is labelled as Knative Serving's, of the kinds that an installation has."""
    shipped = (obj for objects in read_manifests(None).values() for obj in objects)
    for kind in dict.fromkeys(map(k8s.kind_of, shipped)):
        yield from api.items(kind, labels=_SERVING)


def _count(objects: Iterable[Object]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(Counter(obj["kind"] for obj in objects).items()))


def _await_established(api: Kubernetes, definitions: Sequence[Object], timeout: str) -> None:
    names = {obj["metadata"]["name"] for obj in definitions}

    def missing() -> list[str]:
        live = {obj["metadata"]["name"]: obj for obj in api.items(k8s.CRD)}
        return sorted(n for n in names if n not in live or not has(live[n], "Established"))

    wait_until(
        "the custom resource definitions to be established",
        lambda: None if missing() else True,
        timeout=timeout,
        last_seen=lambda: f"still waiting for {', '.join(missing())}",
    )


def await_deployments(api: Kubernetes, objects: Sequence[Object], timeout: str) -> None:
    """Wait until every Deployment among `objects` is available at its current generation."""
    wanted = [obj["metadata"] for obj in objects if obj["kind"] == "Deployment"]

    def waiting() -> list[str]:
        names = []
        for metadata in wanted:
            live = api.get(k8s.DEPLOYMENT, metadata["name"], metadata["namespace"])
            current = live.get("status", {}).get("observedGeneration")
            if current != live["metadata"]["generation"] or not has(live, "Available"):
                names.append(metadata["name"])
        return names

    wait_until(
        "the components to be available",
        lambda: None if waiting() else True,
        timeout=timeout,
        last_seen=lambda: f"not yet: {', '.join(waiting())}",
        hint="cluster.diagnose() says why a pod is not ready",
    )


def _await_external_address(api: Kubernetes, timeout: str) -> None:
    wait_until(
        "an external address of Service kourier",
        lambda: external_address(api),
        timeout=timeout,
        last_seen=lambda: "EXTERNAL-IP <pending>",
        hint="on minikube run `minikube tunnel` in another terminal",
    )


def external_address(api: Kubernetes) -> str | None:
    """IP or host name that the load balancer gave to Kourier; None while there is none.

    Raises:
        ClusterError: if Kourier is not installed.
    """
    service = api.find(k8s.CORE_SERVICE, "kourier", GATEWAYS)
    if service is None:
        raise ClusterError("Kourier is not installed", hint="run cluster.install()")
    for ingress in service.get("status", {}).get("loadBalancer", {}).get("ingress") or ():
        return str(ingress.get("ip") or ingress.get("hostname"))
    return None


def has(obj: Object, condition: str) -> bool:
    """Whether the condition of `obj` is True."""
    conditions = obj.get("status", {}).get("conditions") or ()
    return any(c["type"] == condition and c["status"] == "True" for c in conditions)

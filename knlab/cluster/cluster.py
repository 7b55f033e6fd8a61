"""A cluster as lessons see it: a kubeconfig and an ingress address, whatever is behind them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, Unpack
from urllib.parse import urlsplit

from knlab._exceptions import ClusterError, NotInstalled, UsageError
from knlab._html import html_table
from knlab._units import format_bytes
from knlab.cluster import diagnose, install
from knlab.cluster import kubernetes as k8s
from knlab.cluster.attempt import Attempt, attempt
from knlab.cluster.components import Components, components
from knlab.cluster.kubernetes import Kubernetes
from knlab.cluster.listing import Listing, listing
from knlab.cluster.manifest import MANAGED_BY, Scaling, service_manifest
from knlab.cluster.pods import observe_pods
from knlab.cluster.service import Service
from knlab.measure import addresses
from knlab.results import PodWatch
from knlab.widgets.board import LivePods

Object: TypeAlias = dict[str, Any]

_VERSION_LABEL = "app.kubernetes.io/version"


@dataclass(frozen=True, slots=True)
class ConfigChange:
    """One patched ConfigMap: what its keys were, and what they are now."""

    name: str
    before: Mapping[str, str | None]
    after: Mapping[str, str | None]

    def __repr__(self) -> str:
        changed = ", ".join(f"{key}={value!r}" for key, value in self.after.items())
        return f"<{self.name}: {changed}>"

    def _repr_html_(self) -> str:
        rows = [(key, _shown(self.before[key]), _shown(self.after[key])) for key in self.after]
        return html_table(("key", "before", "after"), rows, caption=f"ConfigMap {self.name}")


def _memory(quantity: str) -> str:
    """A Node's memory for people; other units than a kubelet's are left as they are."""
    number = quantity.removesuffix("Ki")
    return format_bytes(int(number) * 1024) if number.isdigit() else quantity


def _shown(value: str | None) -> str:
    return "not set" if value is None else value or '""'


@dataclass(frozen=True, slots=True)
class CleanUp:
    """Which Services were deleted, or would be."""

    services: tuple[str, ...]
    dry_run: bool

    def __repr__(self) -> str:
        verb = "would delete" if self.dry_run else "deleted"
        return f"<{verb} {len(self.services)} Services: {', '.join(self.services) or 'none'}>"

    def _repr_html_(self) -> str:
        verb = "would be deleted" if self.dry_run else "deleted"
        rows = [(name, verb) for name in self.services] or [("nothing left", "")]
        return html_table(("Service", "what happens"), rows)


class Cluster:
    """One cluster. `world` says what kind it is; results carry it along."""

    def __init__(
        self, api: Kubernetes, *, world: str, gateway: str = "", namespace: str = "default"
    ) -> None:
        """`gateway` is the ingress URL if it is known; otherwise Kourier's Service is asked."""
        self.api = api
        self.world = world
        self.namespace = namespace
        self._gateway = gateway

    def __repr__(self) -> str:
        return f"<Cluster {self.world}: Kubernetes {self.api.version()}, {self._knative()}>"

    @property
    def knative_version(self) -> str:
        """The version of Knative that is installed; empty if none is."""
        namespace = self.api.find(k8s.NAMESPACE, install.SYSTEM)
        if namespace is None:
            return ""
        return str(namespace["metadata"].get("labels", {}).get(_VERSION_LABEL, "unknown"))

    def _repr_html_(self) -> str:
        node = self.api.items(k8s.NODE)[0]["status"]["capacity"]
        rows = [
            ("world", self.world),
            ("Kubernetes", self.api.version()),
            ("Knative", self._knative()),
            ("API server", self.api.server),
            ("processors", node["cpu"]),
            ("memory", _memory(node["memory"])),
            ("most pods", node["pods"]),
        ]
        return html_table(("cluster", ""), rows)

    def _knative(self) -> str:
        version = self.knative_version
        return f"Knative {version}" if version else "no Knative yet"

    # ── installing and configuring ───────────────────────────────────────────────────────────

    def install(
        self,
        *,
        manifests: str | Path | None = None,
        timeout: str = "5m",
        progress: install.Progress = lambda _stage: None,
    ) -> install.Installation:
        """Knative Serving and Kourier, installed and ready; harmless if they are.

        `manifests` is a directory with serving-crds.yaml, serving-core.yaml and kourier.yaml. The
        embedded cluster needs none: its own ship with knlab. On a real cluster that has Knative
        nothing is applied without them.

        Raises:
            UsageError: on a real cluster without Knative and without `manifests`, or if they cannot
                be read.
            TimedOut: if a component is not ready after `timeout`.
        """
        if manifests is None and self.world != "embedded":
            if self.knative_version:
                return install.await_installed(self.api, timeout=timeout, progress=progress)
            raise UsageError(
                "a real cluster needs Knative's release manifests",
                hint="download them into a directory and pass install(manifests=DIRECTORY)",
            )
        directory = None if manifests is None else Path(manifests)
        found = install.read_manifests(directory)
        return install.install(self.api, found, timeout=timeout, progress=progress)

    def ensure_knative(self, *, configure: bool = True) -> str:
        """What version of Knative there is; installs and configures it on the embedded cluster.

        Lessons begin with this, so that each can run alone. With `configure=False` the ingress and
        the domain are left as they are.

        Raises:
            NotInstalled: on a real cluster without Knative.
        """
        if not self.knative_version:
            if self.world != "embedded":
                raise NotInstalled(
                    "this cluster has no Knative", hint="lesson 02 installs it: cluster.install()"
                )
            self.install()
        if configure and not self.domain:
            self.use_kourier()
            self.use_domain(f"{self.external_ip}.nip.io")
        return self._knative()

    def configure(self, name: str, settings: Mapping[str, str | None]) -> ConfigChange:
        """Before and after of a patch of one of Knative's ConfigMaps; None removes a key."""
        before = self.configuration(name)
        patch = {"data": dict(settings)}
        stored = self.api.patch(k8s.CONFIG_MAP, name, patch, install.SYSTEM)
        after = stored.get("data") or {}
        return ConfigChange(
            name,
            {key: before.get(key) for key in settings},
            {key: after.get(key) for key in settings},
        )

    def configuration(self, name: str) -> dict[str, str]:
        """What a ConfigMap of knative-serving sets, without its example."""
        found = self.api.get(k8s.CONFIG_MAP, name, install.SYSTEM).get("data") or {}
        return {key: value for key, value in found.items() if key != "_example"}

    def use_kourier(self) -> ConfigChange:
        """`config-network` patched so that Kourier serves the Routes."""
        setting = {"ingress-class": "kourier.ingress.networking.knative.dev"}
        return self.configure("config-network", setting)

    def use_domain(self, domain: str) -> ConfigChange:
        """`config-domain` patched so that `domain` is the default of all Routes."""
        return self.configure("config-domain", {domain: ""})

    @property
    def domain(self) -> str:
        """The default domain of Routes; empty if none is configured."""
        if not self.knative_version:
            return ""
        domains = (key for key, value in self.configuration("config-domain").items() if not value)
        return min(domains, default="")

    # ── reaching it ──────────────────────────────────────────────────────────────────────────

    @property
    def external_ip(self) -> str:
        """EXTERNAL-IP of Kourier's Service, as the article reads it with jsonpath.

        Raises:
            NotInstalled: while there is none.
        """
        found = install.external_address(self.api)
        if found is None:
            raise NotInstalled(
                "Service kourier has no EXTERNAL-IP yet",
                hint="on minikube run `minikube tunnel` in another terminal",
            )
        return found

    @property
    def gateway(self) -> str:
        """URL of the ingress gateway, with its port."""
        return self._gateway or f"http://{self.external_ip}:80"

    def route(self, host: str) -> None:
        """Make `knlab.request` and `knlab.load` reach `host` through this cluster's gateway."""
        gateway = urlsplit(self.gateway)
        addresses.route(host, gateway.hostname or "", gateway.port or 80, world=self.world)

    def route_own(self, url: str) -> bool:
        """Whether the host of `url` is in this cluster's domain; then it is routed."""
        host, domain = urlsplit(url).hostname or "", self.domain
        own = bool(domain) and f".{host}".endswith(f".{domain}")
        if own:
            self.route(host)
        return own

    def curl(self, url: str) -> str:
        """The curl line that reaches `url` from this machine, with or without DNS."""
        gateway = urlsplit(self.gateway)
        host = urlsplit(url).hostname
        return f"curl --connect-to {host}:80:{gateway.hostname}:{gateway.port or 80} {url}"

    # ── services ─────────────────────────────────────────────────────────────────────────────

    def deploy(
        self,
        name: str,
        *,
        image: str,
        env: Mapping[str, str] | None = None,
        port: int | None = None,
        revision: str = "",
        concurrency: int | None = None,
        traffic: Mapping[str, int] | None = None,
        **scaling: Unpack[Scaling],
    ) -> Service:
        """The Service, created or brought to this manifest as `kubectl apply` would.

        Raises:
            NotInstalled: on a cluster without Knative.
            Invalid: if Knative's webhook refuses it; the message is the webhook's.
        """
        manifest = service_manifest(
            name,
            namespace=self.namespace,
            image=image,
            env=env,
            port=port,
            revision=revision,
            concurrency=concurrency,
            traffic=traffic,
            scaling=scaling,
        )
        self.api.apply(manifest)
        return self.service(name)

    def service(self, name: str) -> Service:
        """The handle of a Service that may or may not exist yet."""
        return Service(self.api, name, self.namespace, route=self.route)

    def services(self) -> list[Service]:
        """Every Knative Service of the namespace, by name."""
        found = self.api.items(k8s.SERVICE, self.namespace)
        return [self.service(name) for name in sorted(obj["metadata"]["name"] for obj in found)]

    def watch_pods(self, *services: Service, live: bool = False) -> PodWatch:
        """A record of every pod of `services` while a `with` block runs; `live` shows it too."""
        watch = LivePods if live else PodWatch
        return watch(observe_pods(self.api, services), world=self.world)

    # ── looking around ───────────────────────────────────────────────────────────────────────

    def show(
        self, what: str, *, namespace: str | None = "default", labels: str = "", wide: bool = False
    ) -> Listing:
        """What `kubectl get WHAT` prints, as a table; `namespace=None` is every namespace."""
        return listing(self.api, what, namespace=namespace, labels=labels, wide=wide)

    def components(self) -> Components:
        """Knative's components as they are here, beside the article's list of them."""
        found = (self.api.items(k8s.DEPLOYMENT, ns) for ns in (install.SYSTEM, install.GATEWAYS))
        return components(deployment for each in found for deployment in each)

    def logs(
        self, pod: str, *, namespace: str = "default", container: str = "", tail: int = 100
    ) -> str:
        """The last lines of a container; `deployment/NAME` is the first pod of that Deployment.

        Raises:
            ClusterError: if there is no such pod.
        """
        kind, _, name = pod.rpartition("/")
        if kind == "deployment":
            pod = self._pods_of(name, namespace)[0]
        return self.api.logs(pod, namespace, container=container, tail=tail)

    def delete_pods(self, deployment: str, *, namespace: str = "default") -> tuple[str, ...]:
        """The pods of a Deployment, deleted now; Kubernetes makes others in their place.

        Raises:
            ClusterError: if there are none.
        """
        names = self._pods_of(deployment, namespace)
        for name in names:
            self.api.delete(k8s.POD, name, namespace)
        return names

    def _pods_of(self, deployment: str, namespace: str) -> tuple[str, ...]:
        spec = self.api.get(k8s.DEPLOYMENT, deployment, namespace)["spec"]
        labels = spec["selector"]["matchLabels"]
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        pods = self.api.items(k8s.POD, namespace, labels=selector)
        if not pods:
            raise ClusterError(f"Deployment {deployment} has no pod", hint="cluster.diagnose()")
        return tuple(pod["metadata"]["name"] for pod in pods)

    def attempt(self, action: Callable[[], object]) -> Attempt:
        """How `action` went: a refusal is a result here, not an exception."""
        return attempt(action)

    def diagnose(self) -> diagnose.Diagnosis:
        """Whatever is not ready, why, and what to do about it."""
        return diagnose.diagnose(self.api)

    def clean_up(self, *, dry_run: bool = True) -> CleanUp:
        """The Services that knlab deployed here: listed first, deleted with `dry_run=False`."""
        selector = ",".join(f"{key}={value}" for key, value in MANAGED_BY.items())
        found = self.api.items(k8s.SERVICE, self.namespace, labels=selector)
        names = tuple(sorted(obj["metadata"]["name"] for obj in found))
        if not dry_run:
            for name in names:
                self.service(name).delete()
        return CleanUp(names, dry_run)

"""The Kubernetes API as the course needs it: plain dictionaries in and out, our own errors.

The one place that talks to the `kubernetes` package and translates its exceptions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeAlias

import kubernetes.client
import kubernetes.config
import urllib3.exceptions
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import DynamicApiError, ResourceNotFoundError

from knlab._exceptions import (
    ClusterError,
    Forbidden,
    Invalid,
    KnlabError,
    NotInstalled,
    Unreachable,
)
from knlab.cluster.merge import three_way_merge

Object: TypeAlias = dict[str, Any]

LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_TABLE: Final = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
_MANAGER: Final = "knlab"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind as manifests name it."""

    api_version: str
    kind: str

    def __str__(self) -> str:
        return self.kind


NAMESPACE: Final = Kind("v1", "Namespace")
NODE: Final = Kind("v1", "Node")
POD: Final = Kind("v1", "Pod")
CONFIG_MAP: Final = Kind("v1", "ConfigMap")
CORE_SERVICE: Final = Kind("v1", "Service")
EVENT: Final = Kind("v1", "Event")
DEPLOYMENT: Final = Kind("apps/v1", "Deployment")
CRD: Final = Kind("apiextensions.k8s.io/v1", "CustomResourceDefinition")
SERVICE: Final = Kind("serving.knative.dev/v1", "Service")
REVISION: Final = Kind("serving.knative.dev/v1", "Revision")
POD_AUTOSCALER: Final = Kind("autoscaling.internal.knative.dev/v1alpha1", "PodAutoscaler")


class Kubernetes:
    """One API server, reached through a kubeconfig."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.server: str = client.configuration.host

    @classmethod
    def from_kubeconfig(cls, path: str | None = None, context: str | None = None) -> Kubernetes:
        """The server of `context` (or the current one) in the kubeconfig at `path` (or the usual).

        Raises:
            ClusterError: if there is no such file or context.
        """
        try:
            client = kubernetes.config.new_client_from_config(config_file=path, context=context)
        except (kubernetes.config.ConfigException, OSError) as error:
            raise ClusterError(
                f"no usable kubeconfig: {error}",
                hint="check KUBECONFIG, or run without KNLAB_CLUSTER for the embedded cluster",
            ) from error
        return cls(client)

    # ── reading ──────────────────────────────────────────────────────────────────────────────

    def version(self) -> str:
        """What the server calls itself, such as `v1.34.4`."""
        return str(self._call("GET", "/version")["gitVersion"])

    def find(self, kind: Kind, name: str, namespace: str | None = None) -> Object | None:
        """The object, or None if it does not exist."""
        try:
            return self._call("GET", self._path(kind, namespace, name))
        except _MissingError:
            return None

    def get(self, kind: Kind, name: str, namespace: str | None = None) -> Object:
        """The object.

        Raises:
            ClusterError: if it does not exist.
        """
        found = self.find(kind, name, namespace)
        if found is None:
            raise ClusterError(f"{kind} {name!r} does not exist", hint="was it deleted?")
        return found

    def items(self, kind: Kind, namespace: str | None = None, *, labels: str = "") -> list[Object]:
        """All objects of a namespace (None: of all) that match the label selector."""
        query = [("labelSelector", labels)] if labels else []
        items = self._call("GET", self._path(kind, namespace), query=query)["items"]
        return [{"apiVersion": kind.api_version, "kind": kind.kind} | item for item in items]

    def table(
        self, kind: Kind, namespace: str | None = None, *, labels: str = "", name: str = ""
    ) -> Object:
        """What `kubectl get` would print, as the server's own Table object."""
        query = [("labelSelector", labels)] if labels else []
        path = self._path(kind, namespace, name or None)
        return self._call("GET", path, query=query, accept=_TABLE)

    def logs(self, name: str, namespace: str, *, container: str = "", tail: int = 100) -> str:
        """The last lines that a container printed."""
        query = [("tailLines", str(tail))] + ([("container", container)] if container else [])
        path = f"/api/v1/namespaces/{namespace}/pods/{name}/log"
        return self._text("GET", path, query=query)

    # ── writing ──────────────────────────────────────────────────────────────────────────────

    def create(self, obj: Object) -> Object:
        """`obj` as the server stored it."""
        path = self._path(kind_of(obj), obj["metadata"].get("namespace"))
        return self._call("POST", path, body=obj, query=[("fieldManager", _MANAGER)])

    def apply(self, obj: Object) -> tuple[Object, str]:
        """The stored object, and what `kubectl apply` would say: created, configured or unchanged.

        A client-side apply: what the last one set and this one leaves out is removed.
        """
        metadata = obj["metadata"]
        live = self.find(kind_of(obj), metadata["name"], metadata.get("namespace"))
        noted = _with_last_applied(obj)
        if live is None:
            return self.create(noted), "created"
        last = json.loads(live["metadata"].get("annotations", {}).get(LAST_APPLIED, "{}"))
        change = three_way_merge(last, noted, live)
        if not change:
            return live, "unchanged"
        stored = self.patch(kind_of(obj), metadata["name"], change, metadata.get("namespace"))
        before, after = live["metadata"], stored["metadata"]
        same = before["resourceVersion"] == after["resourceVersion"]
        return stored, "unchanged" if same else "configured"

    def patch(
        self, kind: Kind, name: str, change: Mapping[str, Any], namespace: str | None = None
    ) -> Object:
        """The object after a JSON merge patch."""
        return self._call(
            "PATCH",
            self._path(kind, namespace, name),
            body=dict(change),
            query=[("fieldManager", _MANAGER)],
            content_type="application/merge-patch+json",
        )

    def delete(self, kind: Kind, name: str, namespace: str | None = None) -> bool:
        """Whether there was something to delete."""
        body = {"propagationPolicy": "Background"}
        try:
            self._call("DELETE", self._path(kind, namespace, name), body=body)
        except _MissingError:
            return False
        return True

    # ── plumbing ─────────────────────────────────────────────────────────────────────────────

    def _path(self, kind: Kind, namespace: str | None, name: str | None = None) -> str:
        with _translated(self.server, kind):
            found = self._dynamic.resources.get(api_version=kind.api_version, kind=kind.kind)
            if namespace is None and name is None:
                return str(found.path())
            return str(found.path(name=name, namespace=namespace if found.namespaced else None))

    @cached_property
    def _dynamic(self) -> Any:
        """The dynamic client; making it asks the server for its version and its kinds."""
        with _translated(self.server):
            return DynamicClient(self._client)

    def _call(
        self,
        method: str,
        path: str,
        *,
        body: Object | None = None,
        query: list[tuple[str, str]] | None = None,
        accept: str = "application/json",
        content_type: str = "application/json",
    ) -> Object:
        with _translated(self.server):
            answer = self._dynamic.request(
                method,
                path,
                body=body,
                query_params=list(query or ()),
                header_params={"Accept": accept},
                content_type=content_type,
                serialize=False,
                _request_timeout=30,
            )
            parsed: Object = json.loads(answer.data)
            return parsed

    def _text(self, method: str, path: str, *, query: list[tuple[str, str]]) -> str:
        with _translated(self.server):
            header = {"Accept": "*/*"}
            answer = self._dynamic.request(
                method, path, query_params=query, header_params=header, serialize=False
            )
            return str(answer.data.decode(errors="replace"))


def kind_of(obj: Mapping[str, Any]) -> Kind:
    """The kind of a manifest."""
    return Kind(obj["apiVersion"], obj["kind"])


def _with_last_applied(obj: Object) -> Object:
    metadata = dict(obj["metadata"])
    text = json.dumps(obj, separators=(",", ":"), sort_keys=True) + "\n"
    metadata["annotations"] = {**metadata.get("annotations", {}), LAST_APPLIED: text}
    return {**obj, "metadata": metadata}


class _MissingError(ClusterError):
    """404: callers turn it into None."""


@contextmanager
def _translated(server: str, kind: Kind | None = None) -> Iterator[None]:
    """Our errors instead of the client's."""
    try:
        yield
    except ResourceNotFoundError as error:
        raise _unknown(kind) from error
    except (kubernetes.client.ApiException, DynamicApiError) as error:
        # The client remembers kinds by the server's address, beyond the cluster that had them
        raise (_unknown(kind) if kind and error.status == 404 else _refusal(error)) from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise Unreachable(
            f"nobody answers at {server}",
            hint="start the embedded cluster with `knlab up`, or check the kubeconfig",
        ) from error


def _unknown(kind: Kind | None) -> NotInstalled:
    return NotInstalled(
        f'no matches for kind "{kind and kind.kind}" in version "{kind and kind.api_version}"',
        hint="ensure CRDs are installed first: run `cluster.install()` or `knlab install`",
    )


def _refusal(error: Any) -> KnlabError:
    try:
        message = str(json.loads(error.body)["message"])
    except (ValueError, KeyError, TypeError):
        message = f"{error.status} {error.reason}"
    if error.status == 404:
        return _MissingError(message)
    if error.status in (401, 403):
        return Forbidden(message, hint="the kubeconfig's user lacks this permission")
    if error.status in (400, 422):
        return Invalid(message, hint="correct the named field and try again")
    return ClusterError(message)

"""Where a reference leads when no real cluster has been asked."""

from __future__ import annotations

import pytest

from knlab.embedded.kube.objects import Object
from knlab.embedded.serving.domain_references import Target, UnresolvedError, resolve_reference
from tests.factories import DictView, make

SERVING = "serving.knative.dev/v1"
SHOWN = "Kind = Service, Namespace = ns, Name = hello, APIVersion = serving.knative.dev/v1"


def resolved(address: Object | None, /, **ref: str) -> Target:
    status = {"address": address} if address is not None else {}
    view = DictView([make(SERVING, "Service", "hello", "ns", spec={}, status=status)])
    to = {"apiVersion": SERVING, "kind": "Service", "name": "hello", "namespace": "ns"}
    mapping = make("serving.knative.dev/v1beta1", "DomainMapping", "a.test", "ns",
                   spec={"ref": to | ref})  # fmt: skip
    return resolve_reference(view, mapping)


@pytest.mark.parametrize("url", ["http://h.ns.svc.cluster.local", "http://h.ns.svc.cluster.local/"])
def test_an_address_inside_the_namespace(url: str) -> None:
    assert resolved({"url": url}) == Target("h.ns.svc.cluster.local", "h")


@pytest.mark.parametrize(
    ("address", "text", "is_own"),
    [
        pytest.param({}, f"address not set for {SHOWN}, Group = , Address = ", False, id="empty"),
        pytest.param(
            {"name": "x"}, f"URL missing in address of {SHOWN}, Group = , Address = ", False,
            id="no URL",
        ),
        pytest.param(
            {"url": "/x"}, f"hostname missing in address of {SHOWN}, Group = , Address = ", False,
            id="no host",
        ),
        pytest.param(
            {"url": "http://h.ns.svc.cluster.local/x"},
            'resolved URI "http://h.ns.svc.cluster.local/x" contains a path', True, id="a path",
        ),
        pytest.param(
            {"url": "http://a.h.ns.svc.cluster.local"},
            'resolved URI "http://a.h.ns.svc.cluster.local" must be of the form'
            " {name}.{namespace}.svc.cluster.local", True, id="one label too many",
        ),
        pytest.param(
            {"url": "http://h.other.svc.cluster.local"},
            'resolved URI "http://h.other.svc.cluster.local" must be in same namespace as'
            " DomainMapping", True, id="another namespace",
        ),
    ],
)  # fmt: skip
def test_an_address_of_no_use(address: Object, text: str, is_own: bool) -> None:
    with pytest.raises(UnresolvedError) as unresolved:
        resolved(address)
    assert str(unresolved.value) == text
    assert unresolved.value.event == (text if is_own else f"resolving reference: {text}")


@pytest.mark.parametrize(
    ("api_version", "kind", "shown"),
    [
        ("v1", "Endpoints", 'failed to get object ns/hello: endpoints "hello" not found'),
        (
            "networking.internal.knative.dev/v1alpha1",
            "Ingress",
            (
                "failed to get object ns/hello: ingresses.networking.internal.knative.dev"
                ' "hello" not found'
            ),
        ),
        ("v1", "Secret", 'failed to get object ns/hello: secrets "hello" not found'),
        (
            "discovery.k8s.io/v1",
            "EndpointSlice",
            'failed to get object ns/hello: endpointslices.discovery.k8s.io "hello" not found',
        ),
        (
            "autoscaling.internal.knative.dev/v1alpha1",
            "PodAutoscaler",
            (
                "failed to get object ns/hello: podautoscalers.autoscaling.internal.knative.dev"
                ' "hello" not found'
            ),
        ),
        (
            "v1",
            "PersistentVolume",
            (
                "failed to get lister for /v1, Resource=persistentvolumes: persistentvolumes is"
                ' forbidden: User "system:serviceaccount:knative-serving:controller" cannot list'
                ' resource "persistentvolumes" in API group "" at the cluster scope'
            ),
        ),
        (
            "apps/v2",
            "Deployment",
            (
                "failed to get lister for apps/v2, Resource=deployments: the server could not find"
                " the requested resource"
            ),
        ),
    ],
)
def test_kinds(api_version: str, kind: str, shown: str) -> None:
    with pytest.raises(UnresolvedError) as unresolved:
        resolved(None, apiVersion=api_version, kind=kind)
    assert str(unresolved.value) == shown


def test_all_that_is_wrong_is_told() -> None:
    with pytest.raises(UnresolvedError) as unresolved:
        resolved(None, apiVersion="-", kind="1", name="A", namespace="B")
    fields = [line.partition(":")[0] for line in str(unresolved.value).splitlines()[1:]]
    assert fields == ["APIVersion", "Kind", "Name", "Namespace"]


def test_an_address_by_a_name_that_nobody_gave() -> None:
    with pytest.raises(UnresolvedError) as unresolved:
        resolved({"url": "http://h.ns.svc.cluster.local"}, address="x")
    assert str(unresolved.value) == (
        f'address with name "x" not found for {SHOWN}, Group = , Address = x'
    )

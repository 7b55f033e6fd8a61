"""Permissions of Knative's components."""

from __future__ import annotations

from collections.abc import Iterator

from tools.manifests.labels import NAMESPACE, Object, labels

_WATCH = ["get", "list", "watch"]
_WRITE = ["get", "list", "create", "update", "delete", "patch", "watch"]
_RBAC = "rbac.authorization.k8s.io"


def rule(groups: str, resources: str, verbs: list[str]) -> Object:
    """One policy rule; groups and resources separated by blanks, `core` for the core group."""
    return {
        "apiGroups": ["" if group == "core" else group for group in groups.split()],
        "resources": resources.split(),
        "verbs": verbs,
    }


def cluster_role(name: str, rules: list[Object], **extra: str) -> Object:
    """A ClusterRole with `rules`."""
    metadata = {"name": name, "labels": labels() | extra}
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRole",
        "metadata": metadata,
        "rules": rules,
    }


def binding(name: str, role: str, account: str, *, namespace: str = "") -> Object:
    """A (Cluster)RoleBinding of `role` to a ServiceAccount of knative-serving."""
    kind = "Role" if namespace else "ClusterRole"
    metadata: Object = {"name": name, "labels": labels()}
    if namespace:
        metadata["namespace"] = namespace
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": f"{kind}Binding",
        "metadata": metadata,
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}],
        "roleRef": {"apiGroup": _RBAC, "kind": kind, "name": role},
    }


def aggregated(name: str, selector: dict[str, str]) -> Object:
    """A ClusterRole made of all those that carry `selector`."""
    role = cluster_role(name, [])
    role["aggregationRule"] = {"clusterRoleSelectors": [{"matchLabels": selector}]}
    return role


def service_account(name: str) -> Object:
    """A ServiceAccount of knative-serving."""
    metadata = {"name": name, "namespace": NAMESPACE, "labels": labels(name)}
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}


def permissions() -> Iterator[Object]:
    """ServiceAccounts, roles and bindings of the controller and the activator."""
    controller = {"serving.knative.dev/controller": "true"}
    internal = (
        "networking.internal.knative.dev autoscaling.internal.knative.dev"
        " caching.internal.knative.dev"
    )
    yield service_account("controller")
    yield service_account("activator")
    yield {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "Role",
        "metadata": {
            "name": "knative-serving-activator",
            "namespace": NAMESPACE,
            "labels": labels() | controller,
        },
        "rules": [rule("core", "configmaps secrets", _WATCH)],
    }
    activator = [
        rule("core", "services endpoints", _WATCH),
        rule("serving.knative.dev", "revisions", _WATCH),
    ]
    yield cluster_role("knative-serving-activator-cluster", activator, **controller)
    yield cluster_role("knative-serving-core", _core_rules(), **controller)
    yield aggregated("knative-serving-admin", controller)
    for who, verbs in (("admin", ["*"]), ("edit", ["create", "update", "patch", "delete"])):
        rules = [rule("serving.knative.dev", "*", verbs), rule(internal, "*", _WATCH)]
        aggregate = {f"rbac.authorization.k8s.io/aggregate-to-{who}": "true"}
        yield cluster_role(f"knative-serving-namespaced-{who}", rules, **aggregate)
    yield cluster_role(
        "knative-serving-namespaced-view",
        [rule(f"serving.knative.dev {internal}", "*", _WATCH)],
        **{"rbac.authorization.k8s.io/aggregate-to-view": "true"},
    )
    addressable = {"duck.knative.dev/addressable": "true"}
    yield aggregated("knative-serving-aggregated-addressable-resolver", addressable)
    yield cluster_role(
        "knative-serving-addressable-resolver",
        [rule("serving.knative.dev", "routes routes/status services services/status", _WATCH)],
        **addressable,
    )
    yield cluster_role(
        "knative-serving-podspecable-binding",
        [rule("serving.knative.dev", "configurations services", ["list", "watch", "patch"])],
        **{"duck.knative.dev/podspecable": "true"},
    )
    yield binding("knative-serving-controller-admin", "knative-serving-admin", "controller")
    yield binding(
        "knative-serving-controller-addressable-resolver",
        "knative-serving-aggregated-addressable-resolver",
        "controller",
    )
    yield binding(
        "knative-serving-activator", "knative-serving-activator", "activator", namespace=NAMESPACE
    )
    yield binding(
        "knative-serving-activator-cluster", "knative-serving-activator-cluster", "activator"
    )


def _core_rules() -> list[Object]:
    core_resources = "pods namespaces secrets configmaps endpoints services events serviceaccounts"
    webhooks = "mutatingwebhookconfigurations validatingwebhookconfigurations"
    knative = "serving.knative.dev autoscaling.internal.knative.dev networking.internal.knative.dev"
    definitions = "customresourcedefinitions customresourcedefinitions/status"
    return [
        rule("core", core_resources, _WRITE),
        rule("discovery.k8s.io", "endpointslices", _WRITE),
        rule("apps", "deployments deployments/finalizers", _WRITE),
        rule("admissionregistration.k8s.io", webhooks, _WRITE),
        rule("apiextensions.k8s.io", definitions, _WRITE),
        rule("autoscaling", "horizontalpodautoscalers", _WRITE),
        rule("coordination.k8s.io", "leases", _WRITE),
        rule(knative, "* */status */finalizers", [*_WRITE, "deletecollection"]),
        rule("caching.internal.knative.dev", "images", _WRITE),
        rule("*", "*/scale", ["patch"]),
    ]

"""Kubernetes' own kinds as rows of the registry, and their names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from knlab.embedded.builtin import columns, conversions
from knlab.embedded.builtin.bindings import assigned
from knlab.embedded.builtin.defaults.bounds import default_limit_range, default_resource_quota
from knlab.embedded.builtin.defaults.cluster import (
    RBAC,
    default_custom_resource_definition,
    default_event,
    default_mutating_webhooks,
    default_namespace,
    default_role_binding,
    default_secret,
    default_webhooks,
    finalized,
)
from knlab.embedded.builtin.defaults.jobs import IDENTITY, default_job
from knlab.embedded.builtin.defaults.pods import default_pod
from knlab.embedded.builtin.defaults.services import (
    default_endpoint_slice,
    default_endpoints,
    service_defaults,
)
from knlab.embedded.builtin.defaults.workloads import (
    default_autoscaler,
    default_deployment,
    default_replica_set,
    progressed,
)
from knlab.embedded.builtin.field_types import field_type_of
from knlab.embedded.builtin.schemas import custom_resource_definition_schema, schema_of
from knlab.embedded.builtin.service_addresses import Holders, claims_of
from knlab.embedded.builtin.structures import structure_of
from knlab.embedded.builtin.unavailable import unavailable_rows
from knlab.embedded.builtin.validation import (
    cluster,
    custom_resources,
    jobs,
    limit_ranges,
    pod_statuses,
    pods,
    priority_classes,
    resource_quotas,
    services,
    workloads,
)
from knlab.embedded.kube.index import Index
from knlab.embedded.kube.names import dns1035_errors, label_errors, path_segment_errors
from knlab.embedded.kube.objects import GroupResource
from knlab.embedded.kube.registry import ALL_VERBS, Resource, ScalePaths, Strategy

ADMISSION: Final = "admissionregistration.k8s.io"
EXTENSIONS: Final = "apiextensions.k8s.io"

NAMESPACES: Final = GroupResource("", "namespaces")
CONFIG_MAPS: Final = GroupResource("", "configmaps")
SECRETS: Final = GroupResource("", "secrets")
SERVICES: Final = GroupResource("", "services")
ENDPOINTS: Final = GroupResource("", "endpoints")
PODS: Final = GroupResource("", "pods")
EVENTS: Final = GroupResource("", "events")
NODES: Final = GroupResource("", "nodes")
SERVICE_ACCOUNTS: Final = GroupResource("", "serviceaccounts")
DEPLOYMENTS: Final = GroupResource("apps", "deployments")
REPLICA_SETS: Final = GroupResource("apps", "replicasets")
ENDPOINT_SLICES: Final = GroupResource("discovery.k8s.io", "endpointslices")
CUSTOM_RESOURCE_DEFINITIONS: Final = GroupResource(EXTENSIONS, "customresourcedefinitions")
MUTATING_WEBHOOKS: Final = GroupResource(ADMISSION, "mutatingwebhookconfigurations")
VALIDATING_WEBHOOKS: Final = GroupResource(ADMISSION, "validatingwebhookconfigurations")
JOBS: Final = GroupResource("batch", "jobs")
PRIORITY_CLASSES: Final = GroupResource("scheduling.k8s.io", "priorityclasses")
RESOURCE_QUOTAS: Final = GroupResource("", "resourcequotas")
LIMIT_RANGES: Final = GroupResource("", "limitranges")
AUTOSCALERS: Final = GroupResource("autoscaling", "horizontalpodautoscalers")
DISRUPTION_BUDGETS: Final = GroupResource("policy", "poddisruptionbudgets")

_POD_FIELDS: Final = (
    "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName",
    "spec.hostNetwork", "status.phase", "status.podIP", "status.podIPs",
    "status.nominatedNodeName",
)  # fmt: skip
_EVENT_FIELDS: Final = (
    "involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
    "involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath",
    "reason", "reportingComponent", "source", "type",
)  # fmt: skip
_ALLOTTED_TO_PODS: Final = (
    ("spec", "preemptionPolicy"), ("spec", "priority"), ("spec", "serviceAccount"),
    ("spec", "serviceAccountName"), ("spec", "tolerations"),
)  # fmt: skip
_ALLOTTED_TO_SERVICES: Final = (
    ("spec", "clusterIP"), ("spec", "clusterIPs"), ("spec", "ipFamilies"),
    ("spec", "ipFamilyPolicy"),
)  # fmt: skip
_ALLOTTED_TO_JOBS: Final = (
    ("spec", "selector"),
    *(("metadata", "labels", label) for label in IDENTITY),
    *(("spec", "template", "metadata", "labels", label) for label in IDENTITY),
)
_POD_PARTS: Final = ("attach", "ephemeralcontainers", "exec", "log", "portforward", "proxy")
_SCALE: Final = ScalePaths()
SERVICE_CLAIMS: Final = Index(SERVICES, claims_of)
"""Services by their cluster addresses and node ports."""
_JOB_ORPHANS: Final = (
    "child pods are preserved by default when jobs are deleted; set"
    " propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress"
    " this warning"
)
_ONE_BY_ONE: Final = tuple(verb for verb in ALL_VERBS if verb != "deletecollection")


def rows(holders: Holders) -> tuple[Resource, ...]:
    """All built-in kinds; new Services get addresses that have no `holders`."""
    kinds = (
        *_cluster(), *_settings(), *_bounds(), *_network(holders), *_workloads(), *_scaling(),
        *_access(), *_extension(), *_others(), *unavailable_rows(),
    )  # fmt: skip
    ordered = sorted(kinds, key=lambda row: bool(row.group))
    return tuple(
        replace(row, structure=structure_of(row), fields=field_type_of(row)) for row in ordered
    )


def _cluster() -> Iterable[Resource]:
    yield Resource(
        group="", version="v1", plural="events", kind="Event", short_names=("ev",),
        has_status=False, has_generation=False, columns=columns.EVENT_COLUMNS,
        strategy=Strategy(default_event), schema=schema_of("core.v1.Event"),
        field_selectors=_EVENT_FIELDS,
    )  # fmt: skip
    yield Resource(
        group="", version="v1", plural="namespaces", kind="Namespace", short_names=("ns",),
        namespaced=False, has_generation=False, columns=columns.NAMESPACE_COLUMNS,
        strategy=Strategy(default_namespace, name_errors=label_errors),
        schema=schema_of("core.v1.Namespace"), field_selectors=("status.phase",),
        verbs=_ONE_BY_ONE, parts={"finalize": finalized},
        noted_as={"finalize": "finalize"}, allotted=(("spec", "finalizers"),),
    )  # fmt: skip
    yield Resource(
        group="", version="v1", plural="nodes", kind="Node", short_names=("no",),
        namespaced=False, has_generation=False, columns=columns.NODE_COLUMNS,
        schema=schema_of("core.v1.Node"),
        field_selectors=("spec.unschedulable",),
    )  # fmt: skip


def _settings() -> Iterable[Resource]:
    yield Resource(
        group="", version="v1", plural="configmaps", kind="ConfigMap", short_names=("cm",),
        has_status=False, has_generation=False, columns=columns.CONFIG_MAP_COLUMNS,
        strategy=Strategy(validate=cluster.validate_config_map),
        schema=schema_of("core.v1.ConfigMap"),
    )  # fmt: skip
    yield Resource(
        group="", version="v1", plural="secrets", kind="Secret",
        has_status=False, has_generation=False, columns=columns.SECRET_COLUMNS,
        strategy=Strategy(default_secret, cluster.validate_secret),
        schema=schema_of("core.v1.Secret"), field_selectors=("type",),
    )  # fmt: skip
    yield Resource(
        group="", version="v1", plural="serviceaccounts", kind="ServiceAccount",
        short_names=("sa",), has_status=False, has_generation=False,
        columns=columns.SERVICE_ACCOUNT_COLUMNS,
        schema=schema_of("core.v1.ServiceAccount"),
    )  # fmt: skip


def _bounds() -> Iterable[Resource]:
    yield Resource(
        group="", version="v1", plural="limitranges", kind="LimitRange", short_names=("limits",),
        has_status=False, has_generation=False, columns=columns.LIMIT_RANGE_COLUMNS,
        strategy=Strategy(default_limit_range, limit_ranges.validate_limit_range),
        schema=schema_of("core.v1.LimitRange"),
    )  # fmt: skip
    yield Resource(
        group="", version="v1", plural="resourcequotas", kind="ResourceQuota",
        short_names=("quota",), has_generation=False, columns=columns.RESOURCE_QUOTA_COLUMNS,
        strategy=Strategy(default_resource_quota, resource_quotas.validate_resource_quota),
        schema=schema_of("core.v1.ResourceQuota"),
    )  # fmt: skip


def _network(holders: Holders) -> Iterable[Resource]:
    yield Resource(
        group="", version="v1", plural="services", kind="Service", short_names=("svc",),
        categories=("all",), has_generation=False, columns=columns.SERVICE_COLUMNS,
        strategy=Strategy(
            service_defaults(holders),
            services.service_validation(holders),
            dns1035_errors,
        ),
        schema=schema_of("core.v1.Service"), field_selectors=("spec.clusterIP", "spec.type"),
        allotted=_ALLOTTED_TO_SERVICES,
    )  # fmt: skip
    yield Resource(
        group="", version="v1", plural="endpoints", kind="Endpoints", short_names=("ep",),
        has_status=False, has_generation=False, columns=columns.ENDPOINTS_COLUMNS,
        strategy=Strategy(default_endpoints, services.validate_endpoints),
        schema=schema_of("core.v1.Endpoints"),
        deprecation="v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
    )  # fmt: skip
    yield Resource(
        group="discovery.k8s.io", version="v1", plural="endpointslices", kind="EndpointSlice",
        has_status=False, columns=columns.ENDPOINT_SLICE_COLUMNS,
        strategy=Strategy(default_endpoint_slice, services.validate_endpoint_slice),
        schema=schema_of("discovery.v1.EndpointSlice"),
    )  # fmt: skip


def _workloads() -> Iterable[Resource]:
    yield Resource(
        group="", version="v1", plural="pods", kind="Pod", short_names=("po",),
        categories=("all",), subresources=_POD_PARTS, columns=columns.POD_COLUMNS,
        strategy=Strategy(
            default_pod, pods.validate_pod, validate_status=pod_statuses.validate_pod_status
        ),
        schema=schema_of("core.v1.Pod"),
        field_selectors=_POD_FIELDS, parts={"binding": assigned}, allotted=_ALLOTTED_TO_PODS,
        status_keeps=("deletionTimestamp", "ownerReferences"),
    )  # fmt: skip
    yield Resource(
        group="apps", version="v1", plural="deployments", kind="Deployment",
        short_names=("deploy",), categories=("all",), scale=_SCALE,
        columns=columns.DEPLOYMENT_COLUMNS,
        strategy=Strategy(default_deployment, workloads.validate_deployment),
        counts_annotations=True, parts={"progress": progressed},
        noted_as={"progress": "status"}, status_keeps=("labels",),
        schema=schema_of("apps.v1.Deployment"),
    )  # fmt: skip
    yield Resource(
        group="apps", version="v1", plural="replicasets", kind="ReplicaSet",
        short_names=("rs",), categories=("all",), scale=_SCALE,
        columns=columns.REPLICA_SET_COLUMNS,
        strategy=Strategy(default_replica_set, workloads.validate_replica_set),
        schema=schema_of("apps.v1.ReplicaSet"),
    )  # fmt: skip
    yield Resource(
        group="batch", version="v1", plural="jobs", kind="Job", categories=("all",),
        columns=columns.JOB_COLUMNS, strategy=Strategy(default_job, jobs.validate_job),
        schema=schema_of("batch.v1.Job"), field_selectors=("status.successful",),
        allotted=_ALLOTTED_TO_JOBS,
        orphan_warning=_JOB_ORPHANS,
    )  # fmt: skip


def _scaling() -> Iterable[Resource]:
    yield Resource(
        group="autoscaling", version="v2", plural="horizontalpodautoscalers",
        kind="HorizontalPodAutoscaler", short_names=("hpa",), categories=("all",),
        has_generation=False, columns=columns.HPA_COLUMNS,
        strategy=Strategy(default_autoscaler, workloads.validate_autoscaler),
        schema=schema_of("autoscaling.v2.HorizontalPodAutoscaler"),
    )  # fmt: skip
    yield Resource(
        group="autoscaling", version="v1", plural="horizontalpodautoscalers",
        kind="HorizontalPodAutoscaler", short_names=("hpa",), categories=("all",),
        has_generation=False, columns=columns.HPA_COLUMNS, is_storage_version=False,
        conversion=conversions.AUTOSCALER_V1, strategy=conversions.AUTOSCALER_V1_STRATEGY,
        schema=schema_of("autoscaling.v1.HorizontalPodAutoscaler"),
    )  # fmt: skip
    yield Resource(
        group="policy", version="v1", plural="poddisruptionbudgets", kind="PodDisruptionBudget",
        short_names=("pdb",), columns=columns.PDB_COLUMNS,
        strategy=Strategy(validate=workloads.validate_disruption_budget),
        schema=schema_of("policy.v1.PodDisruptionBudget"),
    )  # fmt: skip


def _access() -> Iterable[Resource]:
    role = Strategy(validate=cluster.validate_role, name_errors=path_segment_errors)
    binding = Strategy(default_role_binding, cluster.validate_role_binding, path_segment_errors)
    yield Resource(
        group=RBAC, version="v1", plural="clusterrolebindings", kind="ClusterRoleBinding",
        namespaced=False, has_status=False, has_generation=False, strategy=binding,
        columns=columns.CLUSTER_ROLE_BINDING_COLUMNS,
        schema=schema_of("rbac.v1.ClusterRoleBinding"),
    )  # fmt: skip
    yield Resource(
        group=RBAC, version="v1", plural="clusterroles", kind="ClusterRole",
        namespaced=False, has_status=False, has_generation=False, strategy=role,
        columns=columns.CLUSTER_ROLE_COLUMNS, schema=schema_of("rbac.v1.ClusterRole"),
    )  # fmt: skip
    yield Resource(
        group=RBAC, version="v1", plural="rolebindings", kind="RoleBinding",
        has_status=False, has_generation=False, strategy=binding,
        columns=columns.ROLE_BINDING_COLUMNS, schema=schema_of("rbac.v1.RoleBinding"),
    )  # fmt: skip
    yield Resource(
        group=RBAC, version="v1", plural="roles", kind="Role",
        has_status=False, has_generation=False, strategy=role,
        columns=columns.ROLE_COLUMNS, schema=schema_of("rbac.v1.Role"),
    )  # fmt: skip


def _extension() -> Iterable[Resource]:
    yield Resource(
        group=ADMISSION, version="v1", plural="mutatingwebhookconfigurations",
        kind="MutatingWebhookConfiguration", categories=("api-extensions",), namespaced=False,
        has_status=False, columns=columns.MUTATING_WEBHOOK_COLUMNS,
        strategy=Strategy(default_mutating_webhooks, cluster.validate_webhooks),
        schema=schema_of("admissionregistration.v1.MutatingWebhookConfiguration"),
    )  # fmt: skip
    yield Resource(
        group=ADMISSION, version="v1", plural="validatingwebhookconfigurations",
        kind="ValidatingWebhookConfiguration", categories=("api-extensions",), namespaced=False,
        has_status=False, columns=columns.VALIDATING_WEBHOOK_COLUMNS,
        strategy=Strategy(default_webhooks, cluster.validate_webhooks),
        schema=schema_of("admissionregistration.v1.ValidatingWebhookConfiguration"),
    )  # fmt: skip
    yield Resource(
        group=EXTENSIONS, version="v1", plural="customresourcedefinitions",
        kind="CustomResourceDefinition", short_names=("crd", "crds"),
        categories=("api-extensions",), namespaced=False, columns=columns.CRD_COLUMNS,
        strategy=Strategy(
            default_custom_resource_definition,
            custom_resources.validate_custom_resource_definition,
        ),
        schema=custom_resource_definition_schema(),
    )  # fmt: skip


def _others() -> Iterable[Resource]:
    yield Resource(
        group="coordination.k8s.io", version="v1", plural="leases", kind="Lease",
        has_status=False, has_generation=False, columns=columns.LEASE_COLUMNS,
        strategy=Strategy(validate=cluster.validate_lease),
        schema=schema_of("coordination.v1.Lease"),
    )  # fmt: skip
    yield Resource(
        group="events.k8s.io", version="v1", plural="events", kind="Event", short_names=("ev",),
        has_status=False, has_generation=False, stored_as=EVENTS,
        is_storage_version=False, conversion=conversions.EVENT_V1,
        columns=conversions.columns_of(columns.EVENT_COLUMNS, conversions.EVENT_V1),
        strategy=conversions.EVENT_V1_STRATEGY, schema=schema_of("events.v1.Event"),
        field_selectors=conversions.event_fields_v1(_EVENT_FIELDS),
    )  # fmt: skip
    yield Resource(
        group="scheduling.k8s.io", version="v1", plural="priorityclasses", kind="PriorityClass",
        short_names=("pc",), namespaced=False, has_status=False,
        columns=columns.PRIORITY_CLASS_COLUMNS, schema=schema_of("scheduling.v1.PriorityClass"),
        strategy=Strategy(
            priority_classes.default_priority_class, priority_classes.validate_priority_class
        ),
    )  # fmt: skip

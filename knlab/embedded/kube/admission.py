"""Admission webhooks: which stored configurations match a write, and asking who serves them.

Webhooks are served inside this process: a component registers a backend under its Service. What
nobody serves cannot be called, and then `failurePolicy` decides, as it does on any cluster.
`reinvocationPolicy` is not honoured: every mutating webhook is asked once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias

from knlab.embedded.kube.errors import BadRequest, InternalError, StatusError
from knlab.embedded.kube.objects import GroupResource, Object, copy_json
from knlab.embedded.kube.registry import Registry, Resource
from knlab.embedded.kube.selectors import select_labels
from knlab.embedded.kube.store import Store

Operation: TypeAlias = Literal["CREATE", "UPDATE", "DELETE"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionReview:
    """What a webhook is asked about; the objects are its own copies."""

    path: str
    """Path of the webhook's URL: which of a service's webhooks is asked."""
    operation: Operation
    resource: GroupResource
    subresource: str
    kind: str
    namespace: str
    name: str
    object: Object | None
    """None on DELETE."""
    old: Object | None
    """None on CREATE."""
    user: str
    dry_run: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionResult:
    """A webhook's answer: the changed object if it changed it, or why it denies the request."""

    object: Object | None = None
    denied: str = ""
    warnings: tuple[str, ...] = ()


WebhookBackend: TypeAlias = Callable[[AdmissionReview], AdmissionResult]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A write that wants to be admitted."""

    row: Resource
    operation: Operation
    subresource: str
    namespace: str
    name: str
    object: Object | None
    old: Object | None
    user: str
    dry_run: bool


_CALL_TIMEOUT: Final = 10


class Admission:
    """The webhooks of one cluster."""

    def __init__(
        self,
        store: Store,
        registry: Registry,
        *,
        namespaces: GroupResource,
        mutating: GroupResource,
        validating: GroupResource,
    ) -> None:
        self._store = store
        self._registry = registry
        self._namespaces = namespaces
        self._mutating = mutating
        self._validating = validating
        self._backends: dict[tuple[str, str], list[WebhookBackend]] = {}

    @contextmanager
    def serve(self, namespace: str, service: str, backend: WebhookBackend) -> Iterator[None]:
        """Answer calls to webhooks of `service` with `backend` while the context lasts.

        Several may serve one service, as pods do; the first that came is asked.
        """
        serving = self._backends.setdefault((namespace, service), [])
        serving.append(backend)
        try:
            yield
        finally:
            serving.remove(backend)

    def mutate(self, attempt: Attempt) -> tuple[Object | None, tuple[str, ...]]:
        """The object as mutating webhooks want it (None on DELETE), and their warnings.

        Raises:
            StatusError: one denied the write or could not be asked; carries the warnings so far.
        """
        warnings: list[str] = []
        current = attempt
        for webhook in self._matching(self._mutating, attempt):
            result = self._ask(webhook, current, warnings)
            if result is not None and result.object is not None:
                current = replace(current, object=result.object)
        return current.object, tuple(warnings)

    def validate(self, attempt: Attempt) -> tuple[str, ...]:
        """The warnings of validating webhooks, none of which denied the write.

        Raises:
            StatusError: one denied the write or could not be asked; carries the warnings so far.
        """
        warnings: list[str] = []
        for webhook in self._matching(self._validating, attempt):
            self._ask(webhook, attempt, warnings)
        return tuple(warnings)

    def _matching(self, configurations: GroupResource, attempt: Attempt) -> list[Object]:
        exempt = (self._mutating, self._validating)
        if attempt.row.storage in exempt:  # else a broken webhook could not be removed
            return []
        return [
            webhook
            for configuration in self._store.items(configurations)
            for webhook in configuration.get("webhooks") or ()
            if self._matches(webhook, attempt)
        ]

    def _matches(self, webhook: Object, attempt: Attempt) -> bool:
        versions = self._versions(webhook, attempt.row)
        if not any(_rule_matches(r, attempt, versions) for r in webhook.get("rules") or ()):
            return False
        if not self._namespace_matches(webhook.get("namespaceSelector"), attempt):
            return False
        selector = select_labels(webhook.get("objectSelector") or {})
        candidates = [obj for obj in (attempt.object, attempt.old) if obj is not None]
        return any(selector.matches_object(obj) for obj in candidates)

    def _versions(self, webhook: Object, row: Resource) -> Sequence[str]:
        if webhook.get("matchPolicy", "Equivalent") != "Equivalent":
            return (row.version,)
        return self._registry.versions(row.name) or (row.version,)

    def _namespace_matches(self, selector: Object | None, attempt: Attempt) -> bool:
        if not selector:
            return True
        if attempt.row.storage == self._namespaces:
            namespace = attempt.object or attempt.old
        elif attempt.row.namespaced:
            namespace = self._store.get(self._namespaces, ("", attempt.namespace))
        else:
            return True
        return select_labels(selector).matches_object(namespace or {"metadata": {}})

    def _ask(
        self, webhook: Object, attempt: Attempt, warnings: list[str]
    ) -> AdmissionResult | None:
        name = webhook["name"]
        try:
            _check_supported(webhook, attempt)
            result = self._call(webhook, attempt)
        except InternalError as failure:
            if webhook.get("failurePolicy", "Fail") == "Ignore":
                return None
            failure.warnings = tuple(warnings)
            raise
        except StatusError as failure:
            failure.warnings = tuple(warnings)
            raise
        warnings.extend(result.warnings)
        if result.denied:
            denial = BadRequest(f'admission webhook "{name}" denied the request: {result.denied}')
            denial.warnings = tuple(warnings)
            raise denial
        return result

    def _call(self, webhook: Object, attempt: Attempt) -> AdmissionResult:
        client = webhook.get("clientConfig") or {}
        service = client.get("service")
        timeout = webhook.get("timeoutSeconds", _CALL_TIMEOUT)
        if not service:
            reason = "only webhooks of components in this cluster can be called"
            raise _unreachable(webhook, f"{client.get('url', '')}?timeout={timeout}s", reason)
        namespace, name = service["namespace"], service["name"]
        path = service.get("path") or "/"
        serving = self._backends.get((namespace, name))
        if not serving:
            address = f"{name}.{namespace}.svc:{service.get('port', 443)}"
            reason = f'no endpoints available for service "{name}"'
            url = f"https://{address}{path}?timeout={timeout}s"
            raise _unreachable(webhook, url, reason)
        return serving[0](_review(attempt, path))


def _review(attempt: Attempt, path: str) -> AdmissionReview:
    return AdmissionReview(
        path=path,
        operation=attempt.operation,
        resource=attempt.row.name,
        subresource=attempt.subresource,
        kind=attempt.row.kind,
        namespace=attempt.namespace,
        name=attempt.name,
        object=copy_json(attempt.object),
        old=copy_json(attempt.old),
        user=attempt.user,
        dry_run=attempt.dry_run,
    )


def _rule_matches(rule: Object, attempt: Attempt, versions: Sequence[str]) -> bool:
    scope = rule.get("scope", "*")
    wanted_scope = "Namespaced" if attempt.row.namespaced else "Cluster"
    return (
        scope in {"*", wanted_scope}
        and _listed(attempt.operation, rule.get("operations"))
        and _listed(attempt.row.group, rule.get("apiGroups"))
        and any(_listed(version, rule.get("apiVersions")) for version in versions)
        and any(_resource_matches(each, attempt) for each in rule.get("resources") or ())
    )


def _listed(value: str, allowed: Sequence[str] | None) -> bool:
    return any(each in {"*", value} for each in allowed or ())


def _resource_matches(pattern: str, attempt: Attempt) -> bool:
    plural, _, subresource = pattern.partition("/")
    # "pods/*" matches the pods themselves too, as it does in Kubernetes.
    return plural in {"*", attempt.row.plural} and subresource in {"*", attempt.subresource}


def _check_supported(webhook: Object, attempt: Attempt) -> None:
    if attempt.dry_run and webhook.get("sideEffects") not in {"None", "NoneOnDryRun"}:
        raise BadRequest(f'admission webhook "{webhook["name"]}" does not support dry run')
    if webhook.get("matchConditions"):
        raise _failed(webhook, "matchConditions (CEL) are not supported by the embedded cluster")


def _unreachable(webhook: Object, url: str, reason: str) -> InternalError:
    return _failed(webhook, f'failed to call webhook: Post "{url}": {reason}')


def _failed(webhook: Object, reason: str) -> InternalError:
    text = f'failed calling webhook "{webhook["name"]}": {reason}'
    details: dict[str, Any] = {"causes": [{"message": text}]}
    return InternalError(f"Internal error occurred: {text}", details=details)

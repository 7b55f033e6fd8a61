"""What is refused in ResourceQuotas, and the names that resources may have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from knlab.embedded.builtin.validation.causes import immutable, invalid, required
from knlab.embedded.kube.errors import Cause
from knlab.embedded.kube.names import qualified_name_errors
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.quantities import canonical_quantity, parse_quantity

_OF_CONTAINERS: Final = frozenset({"cpu", "ephemeral-storage", "memory"})
_COUNTED: Final = frozenset({
    "configmaps", "persistentvolumeclaims", "pods", "replicationcontrollers", "resourcequotas",
    "secrets", "services", "services.loadbalancers", "services.nodeports",
})  # fmt: skip
_LIMITED: Final = (
    _COUNTED
    | _OF_CONTAINERS
    | {f"{side}.{name}" for side in ("limits", "requests") for name in _OF_CONTAINERS}
    | {"requests.storage"}
)
_STANDARD: Final = _LIMITED | {"storage"}
_IN_A_SCOPE: Final = frozenset({
    "cpu", "limits.cpu", "limits.memory", "memory", "pods", "requests.cpu", "requests.memory",
})  # fmt: skip
_SCOPES: Final = {
    "BestEffort": frozenset({"pods"}), "NotBestEffort": _IN_A_SCOPE,
    "NotTerminating": _IN_A_SCOPE, "PriorityClass": _IN_A_SCOPE, "Terminating": _IN_A_SCOPE,
}  # fmt: skip
"""The scopes that pods can be in, and what can be limited in them."""
_OPPOSED: Final = ({"BestEffort", "NotBestEffort"}, {"NotTerminating", "Terminating"})
_ONLY_EXISTS: Final = (
    "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating,"
    " ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort,"
    " ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
)
_SELECTED: Final = "spec.scopeSelector.matchExpressions"


def validate_resource_quota(new: Object, old: Object | None) -> list[Cause]:
    """What is wrong with a ResourceQuota, or with changing `old` into it."""
    spec: Object = new.get("spec") or {}
    found = [
        cause
        for name, amount in sorted((spec.get("hard") or {}).items())
        for cause in _limit_causes(name, amount, f"spec.hard[{name}]")
    ]
    found += _scope_causes(spec)
    found += _selector_causes(spec)
    if old is not None:
        before = (old.get("spec") or {}).get("scopes") or []
        now = spec.get("scopes") or []
        found += immutable("spec.scopes", now, now if set(now) == set(before) else before)
    return list(dict.fromkeys(found))


def resource_name_causes(name: str, path: str) -> list[Cause]:
    """What is wrong with the name of a resource."""
    found = [invalid(path, name, text) for text in qualified_name_errors(name)]
    if found or "/" in name or name in _STANDARD or _is_huge(name):
        return found
    return [invalid(path, name, "must be a standard resource type or fully qualified")]


def container_resource_causes(name: str, path: str) -> list[Cause]:
    """What is wrong with the name of something that a container can ask for."""
    found = resource_name_causes(name, path)
    if "/" not in name and name not in _OF_CONTAINERS and not _is_huge(name):
        found.append(invalid(path, name, "must be a standard resource for containers"))
    return found


def _is_huge(name: str) -> bool:
    return name.startswith(("hugepages-", "requests.hugepages-"))


def _limit_causes(name: str, amount: str, path: str) -> list[Cause]:
    found = resource_name_causes(name, path)
    if "/" not in name and name not in _LIMITED and not _is_huge(name):
        found.append(invalid(path, name, "must be a standard resource for quota"))
    value = parse_quantity(amount)
    if value < 0:
        wrong = "must be greater than or equal to 0"
        found.append(invalid(path, canonical_quantity(amount), wrong))
    if _is_whole(name) and value != value.to_integral_value():
        found.append(invalid(path, canonical_quantity(amount), "must be an integer"))
    return found


def _is_whole(name: str) -> bool:
    extended = "/" in name and "kubernetes.io/" not in name and not name.startswith("requests.")
    return name in _COUNTED or extended


def _scope_causes(spec: Object) -> Iterator[Cause]:
    scopes: Sequence[str] = spec.get("scopes") or []
    path = "spec.scopes"
    for scope in scopes:
        if scope not in _SCOPES:
            yield invalid(path, scopes, "unsupported scope")
        elif not _fits(spec, scope):
            yield invalid(path, scopes, "unsupported scope applied to resource")
    if any(set(scopes) >= pair for pair in _OPPOSED):
        yield invalid(path, scopes, "conflicting scopes")


def _fits(spec: Object, scope: str) -> bool:
    """Whether everything that is limited can be limited in `scope`."""
    names = (spec.get("hard") or {}).keys() & _LIMITED
    return not names - _SCOPES.get(scope, names)


def _selector_causes(spec: Object) -> Iterator[Cause]:
    selector: Object = spec.get("scopeSelector") or {}
    parts: Sequence[Object] = selector.get("matchExpressions") or ()
    for part in parts:
        scope = part.get("scopeName", "")
        if scope not in _SCOPES:
            yield invalid(f"{_SELECTED}.scopeName", scope, "unsupported scope")
        elif not _fits(spec, scope):
            yield invalid(_SELECTED, selector, "unsupported scope applied to resource")
        yield from _operator_causes(scope, part.get("operator", ""), part.get("values") or [])
    if any({part.get("scopeName") for part in parts} >= pair for pair in _OPPOSED):
        yield invalid("spec.scopes", spec.get("scopes"), "conflicting scopes")


def _operator_causes(scope: str, operator: str, values: Sequence[str]) -> Iterator[Cause]:
    if scope != "PriorityClass" and scope in _SCOPES and operator != "Exists":
        yield invalid(f"{_SELECTED}.operator", operator, _ONLY_EXISTS)
    match operator:
        case "In" | "NotIn":
            if not values:
                wrong = (
                    "must be at least one value when `operator` is 'In' or 'NotIn' for scope"
                    " selector"
                )
                yield required(f"{_SELECTED}.values", wrong)
        case "Exists" | "DoesNotExist":
            if values:
                wrong = (
                    "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope"
                    " selector"
                )
                yield invalid(f"{_SELECTED}.values", values, wrong)
        case _:
            yield invalid(f"{_SELECTED}.operator", operator, "not a valid selector operator")

"""Defaults of ResourceQuotas and LimitRanges."""

from __future__ import annotations

from typing import Final

from knlab.embedded.kube.errors import BadRequest, NotImplementedHere
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.quantities import QuantityError, canonical_quantity

_OTHER_SCOPES: Final = ("CrossNamespacePodAffinity", "VolumeAttributesClass")
_PARTS: Final = ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio")


def default_resource_quota(new: Object, _old: Object | None) -> Object:
    """A ResourceQuota with its quantities as Kubernetes writes them.

    Raises:
        BadRequest: something in it is no quantity.
        NotImplementedHere: it has a scope that this cluster does not know.
    """
    spec: Object = new.setdefault("spec", {})
    _write_properly(new, spec, "hard")
    selected = (spec.get("scopeSelector") or {}).get("matchExpressions") or ()
    for scope in (*(spec.get("scopes") or ()), *(part.get("scopeName") for part in selected)):
        if scope in _OTHER_SCOPES:
            raise NotImplementedHere(
                f"resourcequotas with the scope {scope} are not available on this cluster"
            )
    for part in ("hard", "used"):
        _write_properly(new, new.get("status") or {}, part)
    new.setdefault("status", {})
    return new


def default_limit_range(new: Object, _old: Object | None) -> Object:
    """A LimitRange whose containers' maximum is the default, if nothing else is said.

    Raises:
        BadRequest: something in it is no quantity.
        NotImplementedHere: it is about PersistentVolumeClaims, of which there are none.
    """
    spec: Object = new.setdefault("spec", {})
    for item in spec.get("limits") or ():
        for part in _PARTS:
            _write_properly(new, item, part)
        if item.get("type") == "PersistentVolumeClaim":
            raise NotImplementedHere(
                "limitranges for PersistentVolumeClaims are not available on this cluster"
            )
        if item.get("type") == "Container":
            _default_container(item)
    spec.setdefault("limits", [])
    return new


def _default_container(item: Object) -> None:
    most, least = item.get("max") or {}, item.get("min") or {}
    limits = {**most, **(item.get("default") or {})}
    requests = {**least, **limits, **(item.get("defaultRequest") or {})}
    for part, amounts in (("default", limits), ("defaultRequest", requests)):
        if amounts:
            item[part] = amounts


def _write_properly(obj: Object, holder: Object, part: str) -> None:
    """Write the quantities of `holder[part]`, somewhere in `obj`, as Kubernetes does."""
    for name, amount in (holder.get(part) or {}).items():
        try:
            holder[part][name] = canonical_quantity(amount)
        except QuantityError as error:
            kind = obj["kind"]
            raise BadRequest(
                f'{kind} in version "v1" cannot be handled as a {kind}: {error}'
            ) from error

"""The `scale` subresource: an `autoscaling/v1` Scale made from an object, and put back into it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from knlab.embedded.kube.errors import BadRequest, Cause, InternalError, Invalid, NotFound
from knlab.embedded.kube.objects import Object, copy_json
from knlab.embedded.kube.registry import Column, Resource, ScalePaths
from knlab.embedded.kube.selectors import match_labels, select_labels
from knlab.embedded.kube.tables import AGE_COLUMN, NAME_COLUMN


def _replicas(part: str) -> Callable[[Object, float], int]:
    return lambda scale, _now: scale[part].get("replicas", 0)


SCALES = Resource(
    group="autoscaling", version="v1", plural="scales", kind="Scale", verbs=(), has_status=False,
    columns=(
        NAME_COLUMN,
        Column(
            "Desired", "integer", _replicas("spec"),
            description="replicas is the desired number of instances for the scaled object.",
        ),
        Column(
            "Available", "integer", _replicas("status"),
            description="replicas is the actual number of observed instances of the scaled object.",
        ),
        AGE_COLUMN,
    ),
)  # fmt: skip
"""What the subresource speaks, and how it is printed."""
_SHOWN = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


def scale_of(row: Resource, obj: Object) -> Object:
    """The Scale of `obj`.

    Raises:
        NotFound: the kind cannot be scaled.
        InternalError: a custom resource without a number of replicas.
    """
    paths = _paths(row, obj)
    if not row.strategic_merge and _at(obj, paths.spec_replicas) is None:
        raise InternalError(f'the spec replicas field "{paths.spec_replicas}" does not exist')
    return draft_scale(row, obj)


def draft_scale(row: Resource, obj: Object) -> Object:
    """The Scale of `obj`, to be changed: replicas may be unset.

    Raises:
        NotFound: the kind cannot be scaled.
    """
    paths = _paths(row, obj)
    wanted = _at(obj, paths.spec_replicas)
    status: Object = {"replicas": _at(obj, paths.status_replicas) or 0}
    if selector := _selector(_at(obj, paths.label_selector)):
        status["selector"] = selector
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {k: obj["metadata"][k] for k in _SHOWN if k in obj["metadata"]},
        "spec": {"replicas": wanted} if wanted else {},
        "status": status,
    }


def rescaled(row: Resource, obj: Object, scale: Object) -> Object:
    """A copy of `obj` with the replicas of `scale`.

    Raises:
        BadRequest: `scale` is no Scale.
        Invalid: a negative number of replicas.
    """
    if scale.get("kind", "Scale") != "Scale":
        raise BadRequest(f"{scale['kind']} cannot be handled as a Scale")
    replicas = (scale.get("spec") or {}).get("replicas", 0) or 0
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        raise BadRequest(
            'Scale in version "v1" cannot be handled as a Scale: json: cannot unmarshal into Go'
            " struct field ScaleSpec.spec.replicas of type int32"
        )
    if replicas < 0:
        text = f"Invalid value: {replicas}: must be greater than or equal to 0"
        raise Invalid.of(
            "autoscaling", "Scale", obj["metadata"]["name"], [Cause("spec.replicas", text)]
        )
    changed: Object = copy_json(obj)
    *parents, last = _steps(_paths(row, obj).spec_replicas)
    target = changed
    for step in parents:
        target = target.setdefault(step, {})
    target[last] = replicas
    return changed


def merged_scale(row: Resource, obj: Object, applied: Object) -> Object:
    """The Scale of `obj` with what `applied`, a Scale too, says about it."""
    draft = draft_scale(row, obj)
    return (
        draft
        | {"kind": applied.get("kind", draft["kind"])}
        | {"spec": {**draft["spec"], **(applied.get("spec") or {})}}
    )


def replicas_path(row: Resource) -> tuple[str, ...]:
    """The names of the fields that lead to the wanted number of replicas; none without a scale."""
    return tuple(_steps(row.scale.spec_replicas)) if row.scale else ()


def with_replicas(replicas: int) -> Callable[[Object], Object]:
    """A change of a Scale to `replicas`."""

    def change(scale: Object) -> Object:
        return scale | {"spec": {"replicas": replicas}}

    return change


def _paths(row: Resource, obj: Object) -> ScalePaths:
    if row.scale is None:
        raise NotFound.of(row.name, obj["metadata"]["name"])
    return row.scale


def _steps(path: str) -> list[str]:
    return path.strip(".").split(".")


def _at(obj: Object, path: str) -> Any:
    value: Any = obj
    for step in _steps(path):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _selector(value: Any) -> str:
    if not value or isinstance(value, str):
        return value or ""
    if "matchLabels" not in value and "matchExpressions" not in value:
        return str(match_labels(value))
    exact = match_labels(value.get("matchLabels") or {})
    others = select_labels({"matchExpressions": value.get("matchExpressions")})
    return ",".join(text for text in (str(exact), str(others)) if text)

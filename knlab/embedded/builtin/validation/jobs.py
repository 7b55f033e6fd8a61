"""What is refused in Jobs, and what this cluster cannot do for them."""

from __future__ import annotations

from typing import Any, Final

from knlab.embedded.builtin.defaults.jobs import CONTROLLER_UID
from knlab.embedded.builtin.validation.causes import (
    forbidden,
    immutable,
    invalid,
    not_negative,
    required,
    unsupported,
)
from knlab.embedded.builtin.validation.pods import template_causes
from knlab.embedded.kube.errors import Cause
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.selectors import select_labels

_NUMBERS: Final = (
    "parallelism", "completions", "activeDeadlineSeconds", "backoffLimit",
    "ttlSecondsAfterFinished",
)  # fmt: skip
_ABSENT: Final = (
    "backoffLimitPerIndex", "managedBy", "maxFailedIndexes", "podFailurePolicy", "successPolicy",
)  # fmt: skip
"""Fields that Kubernetes has and this cluster does not follow."""
_MODES: Final = ("NonIndexed", "Indexed")
_REPLACEMENTS: Final = ("Failed", "TerminatingOrFailed")
_POLICIES: Final = ("OnFailure", "Never")


def validate_job(new: Object, old: Object | None) -> list[Cause]:
    """What is wrong with a Job, or with changing `old` into it."""
    spec: Object = new.get("spec") or {}
    found = _selector(new, spec)
    for name in _NUMBERS:
        found += not_negative(spec, "spec", name)
    found += _choice("spec.completionMode", spec.get("completionMode"), _MODES)
    if spec.get("completionMode") == "Indexed" and spec.get("completions") is None:
        found.append(required("spec.completions", "when completion mode is Indexed"))
    policy = spec.get("podReplacementPolicy")
    found += _choice("spec.podReplacementPolicy", policy, _REPLACEMENTS)
    found += [
        forbidden(f"spec.{name}", "is not available on this cluster")
        for name in _ABSENT
        if spec.get(name) is not None
    ]
    return found + _template(spec) + _kept(spec, (old or {}).get("spec"))


def _selector(job: Object, spec: Object) -> list[Cause]:
    if spec.get("manualSelector"):
        return [forbidden("spec.manualSelector", "is not available on this cluster")]
    selector = spec.get("selector")
    if selector is None:
        return [required("spec.selector")]
    found = []
    if selector != {"matchLabels": {CONTROLLER_UID: job["metadata"].get("uid")}}:
        found.append(invalid("spec.selector", selector, "`selector` not auto-generated"))
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    if not select_labels(selector).matches(labels):
        wrong = "`selector` does not match template `labels`"
        found.append(invalid("spec.template.metadata.labels", labels, wrong))
    return found


def _template(spec: Object) -> list[Cause]:
    template: Object = spec.get("template") or {}
    found = template_causes(template, "spec.template")
    policy = (template.get("spec") or {}).get("restartPolicy")
    if policy == "Always":
        wanted = 'valid values: "OnFailure", "Never"'
        found.append(required("spec.template.spec.restartPolicy", wanted))
    elif policy not in _POLICIES:
        found += _choice("spec.template.spec.restartPolicy", policy, _POLICIES)
    return found


def _kept(spec: Object, before: Object | None) -> list[Cause]:
    """What may not change once the Job is there."""
    if before is None:
        return []
    elastic = (
        spec.get("completionMode") == "Indexed"
        and spec.get("completions") == spec.get("parallelism")
        and before.get("completions") == before.get("parallelism")
    )
    names = ("selector", "template", "completionMode")
    return [
        cause
        for name in (*names, *(() if elastic else ("completions",)))
        for cause in immutable(f"spec.{name}", spec.get(name), before.get(name))
    ]


def _choice(field: str, value: Any, allowed: tuple[str, ...]) -> list[Cause]:
    return [] if value in allowed else [unsupported(field, value or "", allowed)]

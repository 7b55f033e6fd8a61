"""Rules for spec.traffic of Services and Routes."""

from __future__ import annotations

from knlab.embedded.kube.objects import Object
from knlab.embedded.serving.dns_names import label_1035_problems, qualified_name_problems
from knlab.embedded.serving.field_errors import (
    CURRENT,
    Errors,
    disallowed,
    generic,
    invalid,
    invalid_key,
    missing_one_of,
    multiple_one_of,
    out_of_bounds,
    via,
    via_index,
)
from knlab.embedded.serving.go_text import quoted


def traffic_errors(traffic: list[Object], *, in_service: bool) -> Errors:
    """What is wrong with `traffic`; a Service's entries may not name a Configuration."""
    errors: Errors = []
    first_with: dict[str, int] = {}
    for index, target in enumerate(traffic):
        errors += via(_target_errors(target, in_service=in_service), f"[{index}]")
        tag = target.get("tag", "")
        if not tag:
            continue
        if problems := label_1035_problems(tag):
            errors += via_index(invalid(f"not a DNS 1035 label: {problems}", CURRENT), "tag", index)
        known = first_with.setdefault(tag, index)
        if known != index:
            text = f"Multiple definitions for {quoted(tag)}"
            errors += generic(text, f"[{index}].tag", f"[{known}].tag")
    total = sum(target.get("percent") or 0 for target in traffic)
    if total != 100:
        errors += generic(f"Traffic targets sum to {total}, want 100", CURRENT)
    return via(errors, "traffic")


def _target_errors(target: Object, *, in_service: bool) -> Errors:
    errors = _latest_errors(target) + _name_errors(target, in_service=in_service)
    percent = target.get("percent") or 0
    if not 0 <= percent <= 100:
        errors += out_of_bounds(percent, 0, 100, "percent")
    if target.get("url"):
        errors += disallowed("url")
    return errors


def _latest_errors(target: Object) -> Errors:
    latest, name = target.get("latestRevision"), target.get("revisionName", "")
    if latest is None or bool(name) != latest:
        return []
    text = f"may not set revisionName {quoted(name)} when latestRevision is {str(latest).lower()}"
    return generic(text, "latestRevision")


def _name_errors(target: Object, *, in_service: bool) -> Errors:
    revision = target.get("revisionName", "")
    configuration = target.get("configurationName", "")
    if in_service and configuration:
        return disallowed("configurationName")
    if revision and configuration:
        return multiple_one_of("revisionName", "configurationName")
    if revision or configuration:
        field = "revisionName" if revision else "configurationName"
        problems = qualified_name_problems(revision or configuration)
        return invalid_key(revision or configuration, field, *problems) if problems else []
    return [] if in_service else missing_one_of("revisionName", "configurationName")

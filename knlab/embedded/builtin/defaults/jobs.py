"""Defaults of Jobs."""

from __future__ import annotations

from typing import Final

from knlab.embedded.builtin.defaults.fill import fill
from knlab.embedded.builtin.defaults.pods import default_pod_template
from knlab.embedded.kube.objects import Object

CONTROLLER_UID: Final = "batch.kubernetes.io/controller-uid"
JOB_NAME: Final = "batch.kubernetes.io/job-name"
_OLD_NAMES: Final = {CONTROLLER_UID: "controller-uid", JOB_NAME: "job-name"}
"""The labels as they were called before they had a prefix; still written beside the new ones."""
IDENTITY: Final = (*_OLD_NAMES, *_OLD_NAMES.values())
"""The labels that pods get from their Job."""


def default_job(new: Object, old: Object | None) -> Object:
    """A Job with Kubernetes' defaults; a new one also gets labels by which it knows its pods."""
    spec: Object = new.setdefault("spec", {})
    if spec.get("completions") is None and spec.get("parallelism") is None:
        spec["completions"] = 1
    fill(spec, parallelism=1, backoffLimit=6, completionMode="NonIndexed", suspend=False)
    fill(spec, manualSelector=False, podReplacementPolicy="TerminatingOrFailed")
    default_pod_template(spec)
    if old is None and not spec["manualSelector"]:
        _identify(new)
    labels = spec["template"]["metadata"].get("labels")
    if labels and not new["metadata"].get("labels"):
        new["metadata"]["labels"] = dict(labels)
    return new


def _identify(job: Object) -> None:
    """Give the pods of `job` its name and uid as labels, and select them by the uid."""
    metadata, spec = job["metadata"], job["spec"]
    said = {CONTROLLER_UID: metadata["uid"], JOB_NAME: metadata.get("name", "")}
    said |= {_OLD_NAMES[name]: value for name, value in list(said.items())}
    template: Object = spec["template"]["metadata"]
    template["labels"] = {**(template.get("labels") or {}), **said}
    selector: Object = spec.setdefault("selector", {})
    labels = selector.get("matchLabels") or {}
    selector["matchLabels"] = {**labels, CONTROLLER_UID: metadata["uid"]}

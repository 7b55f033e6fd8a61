"""Knative's webhook as an in-process backend: filling in, refusing, and checking ConfigMaps."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeAlias

from knlab.embedded.kube.admission import AdmissionResult, AdmissionReview, WebhookBackend
from knlab.embedded.kube.backing import WriteOptions
from knlab.embedded.kube.controller import View
from knlab.embedded.kube.errors import StatusError
from knlab.embedded.kube.go_types import fill_nulls, misfit
from knlab.embedded.kube.objects import GroupResource, Object, annotations_of
from knlab.embedded.serving import keys
from knlab.embedded.serving.config import (
    PARSERS,
    ConfigError,
    parse_autoscaler,
    parse_defaults,
    parse_features,
    read_config,
)
from knlab.embedded.serving.config_network import EXAMPLE_KEY
from knlab.embedded.serving.defaults import DEFAULTS
from knlab.embedded.serving.field_errors import render
from knlab.embedded.serving.kinds import CONFIG_MAPS, CONFIGURATIONS, PODS, SERVICES
from knlab.embedded.serving.resources.deployment import trial_pod
from knlab.embedded.serving.structures import STRUCTURES
from knlab.embedded.serving.validation import VALIDATIONS
from knlab.embedded.serving.validation_template import AdmissionConfig

DEFAULTING_PATH: Final = "/defaulting"
VALIDATION_PATH: Final = "/resource-validation"
CONFIG_VALIDATION_PATH: Final = "/config-validation"
Create: TypeAlias = Callable[[GroupResource, Object, WriteOptions], object]
"""Create an object; raises StatusError."""

_ALLOWED: Final = AdmissionResult()
_TRIAL: Final = WriteOptions(user="system:serviceaccount:knative-serving:controller", dry_run=True)
_NO_DRY_RUN: Final = "does not support dry run"
_NEWLINES: Final = re.compile(r"(?:\r?\n)+")


def webhook_backend(view: View, create: Create) -> WebhookBackend:
    """The backend to serve under the webhook's Service; it reads the live ConfigMaps in `view`.

    `create` is the API's; only dry runs are made with it.
    """

    def answer(review: AdmissionReview) -> AdmissionResult:
        if review.path == DEFAULTING_PATH:
            return fill_in(review, view)
        if review.path == VALIDATION_PATH:
            return _tried_out(check_resource(review, view), review, create)
        if review.path == CONFIG_VALIDATION_PATH:
            return check_config_map(review)
        return AdmissionResult(denied=f"no admission controller registered for: {review.path}")

    return answer


def _tried_out(result: AdmissionResult, review: AdmissionReview, create: Create) -> AdmissionResult:
    """`result`, or why Kubernetes would not take the pods of what is tried in a dry run."""
    if result.denied or not review.dry_run or review.object is None or review.subresource:
        return result
    template = (review.object.get("spec") or {}).get("template")
    owned = review.resource == CONFIGURATIONS and keys.labels_of(review.object).get(keys.SERVICE)
    if review.resource not in {SERVICES, CONFIGURATIONS} or owned or template is None:
        return result
    try:
        create(PODS, trial_pod(template, review.namespace), _TRIAL)
    except StatusError as refusal:
        if _NO_DRY_RUN not in refusal.message:
            text = (
                f"validation callback failed: dry run failed with {refusal.message}: spec.template"
            )
            return replace(result, denied=text)
    return result


def _admission_config(view: View) -> AdmissionConfig:
    return AdmissionConfig(
        read_config(view, parse_autoscaler),
        read_config(view, parse_defaults),
        read_config(view, parse_features),
    )


def fill_in(review: AdmissionReview, view: View) -> AdmissionResult:
    """The reviewed object with what Knative fills in; unchanged if it fills in nothing."""
    complaint = _misfit(review)
    if complaint:
        denied = f"mutation failed: cannot decode incoming new object: {complaint}"
        return AdmissionResult(denied=denied)
    default = DEFAULTS.get(review.resource)
    if default is None or review.object is None or review.subresource:
        return _ALLOWED
    try:
        config = _admission_config(view)
    except ConfigError as error:
        return AdmissionResult(denied=f"mutation failed: {error}")
    return AdmissionResult(object=default(review.object, review.old, config, review.user))


def _misfit(review: AdmissionReview) -> str:
    """What cannot be decoded; what can has no null structures in its lists afterwards."""
    structure = STRUCTURES.get(review.resource)
    if structure is None:
        return ""
    complaint = misfit(review.object, structure)
    if not complaint:
        fill_nulls(review.object, structure)
    return complaint


def check_resource(review: AdmissionReview, view: View) -> AdmissionResult:
    """Whether the reviewed object may be stored, and what to warn of."""
    validate = VALIDATIONS.get(review.resource)
    if validate is None or review.object is None or review.subresource:
        return _ALLOWED
    if review.object["metadata"].get("deletionTimestamp"):
        return _ALLOWED
    try:
        config = _admission_config(view)
    except ConfigError as error:
        return AdmissionResult(denied=f"validation failed: {error}")
    found = validate(review.object, review.old, config)
    problems = render([error for error in found if not error.is_warning])
    denied = "validation failed: " + "\n".join(problems) if problems else ""
    notices = "\n".join(render([error for error in found if error.is_warning]))
    return AdmissionResult(denied=denied, warnings=tuple(notices.splitlines()))


def check_config_map(review: AdmissionReview) -> AdmissionResult:
    """Whether the reviewed ConfigMap says something that Knative can read."""
    parse = PARSERS.get(review.name)
    if review.resource != CONFIG_MAPS or parse is None or review.object is None:
        return _ALLOWED
    values = review.object.get("data") or {}
    checksum = annotations_of(review.object).get(keys.EXAMPLE_CHECKSUM)
    if EXAMPLE_KEY in values and checksum not in {None, example_checksum(values[EXAMPLE_KEY])}:
        return AdmissionResult(
            denied=f'validation failed: the update modifies a key in "{EXAMPLE_KEY}" which is'
            " probably not what you want. Instead, copy the respective setting to the top-level"
            ' of the ConfigMap, directly below "data"'
        )
    try:
        parse(values)
    except ConfigError as error:
        return AdmissionResult(denied=f"validation failed: {error}")
    return _ALLOWED


def example_checksum(text: str) -> str:
    """What annotation knative.dev/example-checksum must say about the `_example` key's `text`."""
    joined = _NEWLINES.sub("\\\\n", text.strip())
    return f"{zlib.crc32(joined.encode()):08x}"

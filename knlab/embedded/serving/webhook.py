"""Knative's webhook as an in-process backend: filling in, refusing, and checking ConfigMaps."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping
from typing import Final

from knlab.embedded.kube.admission import AdmissionResult, AdmissionReview, WebhookBackend
from knlab.embedded.kube.controller import View
from knlab.embedded.kube.go_types import fill_nulls, misfit
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
from knlab.embedded.serving.kinds import CONFIG_MAPS
from knlab.embedded.serving.structures import STRUCTURES
from knlab.embedded.serving.validation import VALIDATIONS
from knlab.embedded.serving.validation_template import AdmissionConfig

DEFAULTING_PATH: Final = "/defaulting"
VALIDATION_PATH: Final = "/resource-validation"
CONFIG_VALIDATION_PATH: Final = "/config-validation"
_ALLOWED: Final = AdmissionResult()
_NEWLINES: Final = re.compile(r"(?:\r?\n)+")


def webhook_backend(view: View) -> WebhookBackend:
    """The backend to serve under the webhook's Service; it reads the live ConfigMaps in `view`."""
    answers: Mapping[str, Callable[[AdmissionReview, View], AdmissionResult]] = {
        DEFAULTING_PATH: fill_in,
        VALIDATION_PATH: check_resource,
        CONFIG_VALIDATION_PATH: check_config_map,
    }

    def answer(review: AdmissionReview) -> AdmissionResult:
        found = answers.get(review.path)
        if found is None:
            return AdmissionResult(denied=f"no admission controller registered for: {review.path}")
        return found(review, view)

    return answer


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
    notices = render([error for error in found if error.is_warning])
    return AdmissionResult(denied=denied, warnings=tuple(notices))


def check_config_map(review: AdmissionReview, _view: View) -> AdmissionResult:
    """Whether the reviewed ConfigMap says something that Knative can read."""
    parse = PARSERS.get(review.name)
    if review.resource != CONFIG_MAPS or parse is None or review.object is None:
        return _ALLOWED
    values = review.object.get("data") or {}
    checksum = keys.annotations_of(review.object).get(keys.EXAMPLE_CHECKSUM)
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

"""Errors as Kubernetes answers them: an HTTP code, a reason and a message, sent as a `Status`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from knlab.embedded.kube.objects import GroupResource, Object


@dataclass(frozen=True, slots=True)
class Cause:
    """One entry of `details.causes`: what is wrong with which field."""

    field: str
    message: str
    reason: str = "FieldValueInvalid"

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class StatusError(Exception):
    """An API error; subclasses carry Kubernetes' own reason names."""

    code = 500
    reason = "InternalError"
    warnings: tuple[str, ...] = ()
    """What admission warned about before the request failed; sent with the error."""

    def __init__(self, message: str, *, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = details

    def status(self) -> Object:
        """The `Status` object that goes to the client."""
        body: Object = {
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason,
        }  # fmt: skip
        if self.details is not None:
            body["details"] = self.details
        return body | {"code": self.code}


class BadRequest(StatusError):
    """400: the request cannot be understood, or an admission webhook denied it."""

    code, reason = 400, "BadRequest"


class Unauthorized(StatusError):
    """401: no or a wrong token."""

    code, reason = 401, "Unauthorized"


class Forbidden(StatusError):
    """403: never allowed, whoever asks."""

    code, reason = 403, "Forbidden"


class NotFound(StatusError):
    """404: no such object or path."""

    code, reason = 404, "NotFound"

    @classmethod
    def of(cls, resource: GroupResource, name: str) -> NotFound:
        """The error for a missing object, worded as Kubernetes words it."""
        return cls(f'{resource} "{name}" not found', details=_details(resource, name))


class MethodNotAllowed(StatusError):
    """405: the resource does not support this verb."""

    code, reason = 405, "MethodNotAllowed"


class NotAcceptable(StatusError):
    """406: no representation the client accepts."""

    code, reason = 406, "NotAcceptable"


class Conflict(StatusError):
    """409: the object changed meanwhile, or a field has another owner."""

    code, reason = 409, "Conflict"

    @classmethod
    def of(cls, resource: GroupResource, name: str, message: str) -> Conflict:
        """The error for a write that came too late."""
        text = f'Operation cannot be fulfilled on {resource} "{name}": {message}'
        return cls(text, details=_details(resource, name))

    @classmethod
    def modified(cls, resource: GroupResource, name: str) -> Conflict:
        """The error for a stale resourceVersion."""
        return cls.of(
            resource,
            name,
            "the object has been modified; please apply your changes to the latest version"
            " and try again",
        )


class AlreadyExists(StatusError):
    """409: an object of that name is there."""

    code, reason = 409, "AlreadyExists"

    @classmethod
    def of(cls, resource: GroupResource, name: str) -> AlreadyExists:
        """The error for a name that is taken."""
        return cls(f'{resource} "{name}" already exists', details=_details(resource, name))


class Expired(StatusError):
    """410: the history does not reach back that far."""

    code, reason = 410, "Expired"

    def __init__(self, message: str, *, token: str = "") -> None:
        super().__init__(message)
        self.token = token
        """A continue token that leads on without the forgotten version; empty: there is none."""

    def status(self) -> Object:
        """The `Status`, with the token in its metadata."""
        return super().status() | {"metadata": {"continue": self.token} if self.token else {}}


class RequestEntityTooLarge(StatusError):
    """413: the body is larger than the server reads."""

    code, reason = 413, "RequestEntityTooLarge"


class UnsupportedMediaType(StatusError):
    """415: a body format that this resource does not take."""

    code, reason = 415, "UnsupportedMediaType"


class Invalid(StatusError):
    """422: fields that break a rule; one cause each."""

    code, reason = 422, "Invalid"

    @classmethod
    def of(cls, group: str, kind: str, name: str, causes: list[Cause]) -> Invalid:
        """The error for `causes` in the object `name`, worded as Kubernetes words it."""
        shown = str(causes[0]) if len(causes) == 1 else f"[{', '.join(map(str, causes))}]"
        qualified = f"{kind}.{group}" if group else kind
        listed = [
            {"reason": cause.reason, "message": cause.message, "field": cause.field}
            for cause in causes
        ]
        details: dict[str, Any] = {"name": name} if name else {}
        details |= {"kind": kind, "causes": listed}
        if group:
            details["group"] = group
        return cls(f'{qualified} "{name}" is invalid: {shown}', details=details)


class TooManyRequests(StatusError):
    """429: not now; the same may be granted later."""

    code, reason = 429, "TooManyRequests"


class InternalError(StatusError):
    """500: a webhook could not be asked, or a defect of ours."""


class NotImplementedHere(StatusError):
    """501: Kubernetes has it, the embedded cluster does not; the message says so."""

    code, reason = 501, "NotImplemented"


class Timeout(StatusError):
    """504: a resourceVersion that has not happened yet."""

    code, reason = 504, "Timeout"


def _details(resource: GroupResource, name: str) -> dict[str, Any]:
    details: dict[str, Any] = {"name": name, "kind": resource.plural}
    if resource.group:
        details["group"] = resource.group
    return details

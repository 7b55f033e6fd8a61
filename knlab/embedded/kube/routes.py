"""The Kubernetes API over HTTP, whatever brings the requests: `Routes.handle` is a net Handler."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from knlab.embedded.kube.api import Api
from knlab.embedded.kube.documents import Documents, Upstream
from knlab.embedded.kube.errors import InternalError, NotFound, StatusError
from knlab.embedded.kube.impersonation import ImpersonationError, impersonated
from knlab.embedded.kube.paths import (
    PageNotFound,
    Parameters,
    Target,
    group_version,
    locate,
    segments_of,
    split_target,
)
from knlab.embedded.kube.registry import Resource
from knlab.embedded.kube.representation import (
    Wish,
    negotiate,
    respond_error,
    warning_header,
)
from knlab.embedded.kube.subresources import Requester, Subresources, Virtual
from knlab.embedded.kube.verbs import Call, Verbs
from knlab.embedded.net.http import Request, Response, text_response

LOG: Final = logging.getLogger(__name__)


class Routes:
    """Answers every request to the API; never raises."""

    def __init__(
        self,
        api: Api,
        *,
        user: Requester,
        identify: Callable[[Request], Requester | None] | None = None,
        subresources: Subresources | None = None,
        virtual: Sequence[Virtual] = (),
        checks: Mapping[str, Callable[[], bool]] | None = None,
        upstream: Upstream | None = None,
    ) -> None:
        """Serve `api` to `user`, or to whom `identify` knows a request to come from, or to whom
        its headers name: anybody may act as anybody.

        `subresources` are those that the platform answers (log, exec …), `virtual` resources of
        which nothing is stored, `checks` what `/readyz` asks besides being able to answer,
        `upstream` what clients are told about Kubernetes' own groups.
        """
        self._user = user
        self._identify = identify or (lambda _request: None)
        self._virtual = {(v.row.group, v.row.version, v.row.plural): v for v in virtual}
        self._registry = api.registry
        self._documents = Documents(
            api.registry,
            subresources=subresources or {},
            virtual=[each.row for each in virtual],
            checks=checks or {},
            upstream=upstream or Upstream(),
        )
        self._verbs = Verbs(api, subresources=subresources or {}, virtual=self._virtual)

    async def handle(self, request: Request) -> Response:
        """The answer to `request`; whatever goes wrong becomes a Status."""
        path, parameters = split_target(request.target)
        try:
            return await self._answer(segments_of(path), request, parameters)
        except ImpersonationError as error:
            return text_response(500, f'Internal Server Error: "{path}": {error}\n')
        except PageNotFound as error:
            return text_response(404, f"{error.message}\n")
        except StatusError as error:
            return respond_error(error, _wish(request, parameters))
        except Exception:
            LOG.exception("%s %s", request.method, path)
            return respond_error(InternalError("an internal error occurred; the log has it"))

    async def _answer(
        self, segments: tuple[str, ...], request: Request, parameters: Parameters
    ) -> Response:
        pretended = impersonated(request)
        parameters.check_timeout()
        document = self._documents.answer(segments, request, parameters)
        if document is not None:
            return document
        place = group_version(segments)
        if place is None:
            raise PageNotFound("404 page not found")
        target = self._locate(*place)
        user = pretended or self._identify(request) or self._user
        call = Call(target, request, parameters, user)
        if target.row.deprecation:
            return await self._deprecated(call)
        return await self._verbs.answer(call)

    async def _deprecated(self, call: Call) -> Response:
        """The answer to `call`, or the error, with the warning about its version."""
        warning = call.target.row.deprecation
        try:
            response = await self._verbs.answer(call)
        except StatusError as error:
            error.warnings = (warning, *error.warnings)
            raise
        response.headers.append(warning_header(warning))
        return response

    def _locate(self, group: str, version: str, rest: tuple[str, ...]) -> Target:
        try:
            return locate(group, version, rest, self._find)
        except NotFound as error:
            rows = [row for row in self._documents.rows if row.group == group]
            # A group of custom resources is answered for version by version, others as a whole.
            if any(row.version == version or row.strategic_merge for row in rows):
                raise
            raise PageNotFound("404 page not found") from error

    def _find(self, group: str, version: str, plural: str) -> Resource | None:
        virtual = self._virtual.get((group, version, plural))
        return virtual.row if virtual else self._registry.find(group, version, plural)


def _wish(request: Request, parameters: Parameters) -> Wish:
    """How to write an error: as asked for, and as JSON if that cannot be had."""
    try:
        wish = negotiate(request, parameters)
    except StatusError:
        return Wish()
    return Wish(encoding=wish.encoding, pretty=wish.pretty)

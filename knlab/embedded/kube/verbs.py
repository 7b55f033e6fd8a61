"""Requests for resources: which verb on what, with which body, and the answer to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from knlab.embedded.kube import bodies
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.apply_requests import APPLY_PATCH, read_applied, repeated_fields
from knlab.embedded.kube.backing import Deleted, WriteOptions, Written
from knlab.embedded.kube.decoding import StrictDecodingError, check_delete_options
from knlab.embedded.kube.errors import (
    BadRequest,
    MethodNotAllowed,
    NotFound,
    NotImplementedHere,
)
from knlab.embedded.kube.list_options import list_query, requested_version
from knlab.embedded.kube.metadata import check_type
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.options import delete_options, write_options
from knlab.embedded.kube.patching import SCALE_TYPE, read_patch
from knlab.embedded.kube.paths import Parameters, Target, no_such_path
from knlab.embedded.kube.payloads import check_name, check_new, read_object, read_question
from knlab.embedded.kube.registry import Resource
from knlab.embedded.kube.representation import Wish, many, negotiate, one, respond, warning_header
from knlab.embedded.kube.scaling import SCALES
from knlab.embedded.kube.store import too_large
from knlab.embedded.kube.subresources import (
    Requester,
    Subresource,
    SubresourceRequest,
    Subresources,
    Virtual,
)
from knlab.embedded.kube.watching import Watches
from knlab.embedded.net.http import Request, Response

STATUS: Final = "status"
SCALE: Final = "scale"

_WATCH_TYPE: Final = (b"content-type", b"application/json")
_NO_CACHE: Final = (b"cache-control", b"no-cache, private")


@dataclass(frozen=True, slots=True)
class Call:
    """One request for a resource, read as far as the URL and the headers go."""

    target: Target
    request: Request
    parameters: Parameters
    user: Requester

    @property
    def row(self) -> Resource:
        """What the request is about."""
        return self.target.row

    def wish(self) -> Wish:
        """How the client wants the answer."""
        return negotiate(self.request, self.parameters)

    def options(self, kind: str, body: Object | None = None) -> WriteOptions:
        """How to write."""
        return write_options(self.request, self.parameters, self.user.name, kind, body)


Verb: TypeAlias = Callable[["Verbs", Call, Wish], Awaitable[Response]]


class Verbs:
    """Everything that can be asked of a resource over HTTP."""

    def __init__(
        self,
        api: Api,
        *,
        subresources: Subresources,
        virtual: Mapping[tuple[str, str, str], Virtual],
    ) -> None:
        self._api = api
        self._subresources = subresources
        self._virtual = virtual
        self._watches = Watches(api.store, api.clock)

    async def answer(self, call: Call) -> Response:
        """The answer to `call`.

        Raises:
            StatusError: the request cannot be fulfilled.
        """
        target = call.target
        if target.subresource:
            return await self._answer_part(call)
        table = _OBJECT_VERBS if target.name and not target.watched else _COLLECTION_VERBS
        needed, verb = table.get(call.request.method, ("", None))
        everywhere = call.row.namespaced and target.namespace is None
        if verb is None or needed not in call.row.verbs or (everywhere and needed in _SCOPED):
            raise _not_allowed()
        return await verb(self, call, call.wish())

    async def _answer_part(self, call: Call) -> Response:
        name, _, rest = call.target.subresource.partition("/")
        row = call.row
        if (name == SCALE and row.scale) or (name == STATUS and row.has_status):
            verb = _PART_VERBS.get(call.request.method)
            if verb is None or rest:
                raise _not_allowed()
            return await verb(self, call, call.wish())
        found = self._subresources.get((row.group, row.plural, name))
        if found is None:
            if name in row.subresources:
                raise NotImplementedHere(f"{row.name}/{name} is not available on this cluster")
            # Of a custom resource the object is looked up before the path.
            raise no_such_path() if row.strategic_merge else NotFound.of(row.name, call.target.name)
        return await self._delegate(found, call, rest)

    async def _delegate(self, found: Subresource, call: Call, rest: str) -> Response:
        verb = _METHOD_VERBS.get(call.request.method, "")
        if verb not in found.verbs:
            raise _not_allowed()
        options = call.options("CreateOptions")
        body: Object = {}
        warnings: tuple[str, ...] = ()
        if found.takes is not None and verb != "get":
            place = replace(call.target, row=found.takes)
            body, warnings = await read_question(place, call.request, options)
            if verb == "update":
                check_name(place, body)
        response = await found.handler(
            SubresourceRequest(
                request=call.request,
                parameters=call.parameters,
                row=call.row,
                namespace=call.target.scope,
                name=call.target.name,
                rest=rest,
                options=options,
                body=body,
            )
        )
        response.headers += map(warning_header, warnings)
        return response

    # Reading

    async def _get(self, call: Call, wish: Wish) -> Response:
        target = call.target
        self._check_reached(requested_version(call.parameters))
        if target.subresource == SCALE:
            found = self._api.peek_scale(call.row, target.scope, target.name)
            return respond(one(SCALES, found, wish, self._api.clock.now()), wish)
        virtual = self._virtual_of(call)
        if virtual is None:
            found = self._api.peek(call.row, target.scope, target.name)
        else:
            found = virtual.find(target.scope, target.name)
        return respond(one(call.row, found, wish, self._api.clock.now()), wish)

    def _virtual_of(self, call: Call) -> Virtual | None:
        return self._virtual.get((call.row.group, call.row.version, call.row.plural))

    def _check_reached(self, version: int) -> None:
        if version > self._api.store.version:
            raise too_large(version, self._api.store.version)

    async def _list_or_watch(self, call: Call, wish: Wish) -> Response:
        target = call.target
        if target.watched or call.parameters.flag("watch"):
            if "watch" not in call.row.verbs:
                raise _not_allowed()
            lines = self._watches.stream(target, call.parameters, wish)
            return Response(200, [_NO_CACHE, _WATCH_TYPE], lines)
        query = list_query(target, call.parameters)
        if virtual := self._virtual_of(call):
            page = virtual.page(target.namespace, query, self._api.store.version)
        else:
            page = self._api.page(call.row, target.namespace, query)
        return respond(many(call.row, page, wish, self._api.clock.now()), wish)

    # Writing

    async def _create(self, call: Call, wish: Wish) -> Response:
        options = call.options("CreateOptions")
        if virtual := self._virtual_of(call):
            obj, warnings = await read_question(call.target, call.request, options)
            check_type(call.row, obj)
            answer = virtual.answer(obj, call.user, options)
            return respond(answer, _plain(wish), status=201, warnings=warnings)
        obj, options = await _object_of(call, options)
        check_new(obj)
        written = self._api.create(call.row, obj, options)
        return self._written(call, wish, written, status=201)

    async def _update(self, call: Call, wish: Wish) -> Response:
        options = call.options("UpdateOptions")
        obj, options = await _object_of(call, options)
        check_name(call.target, obj)
        part = call.target.subresource
        written = self._api.update(call.row, obj, options, part)
        return self._written(call, wish, written)

    async def _patch(self, call: Call, wish: Wish) -> Response:
        options, target = call.options("PatchOptions"), call.target
        if bodies.content_type(call.request) == APPLY_PATCH:
            return await self._apply(call, wish, options)
        is_scale = target.subresource == SCALE
        content = await bodies.read(call.request)
        change = read_patch(call.row, content, bodies.content_type(call.request), is_scale=is_scale)
        if options.field_validation != "Ignore":
            options = replace(options, repeated=bodies.repeated(content, bodies.JSON_TYPES[0]))
        try:
            written = self._api.patch(
                call.row, target.scope, target.name, change, options, target.subresource
            )
        except StrictDecodingError as error:
            raise change.strict_refusal(error) from error
        return self._written(call, wish, written)

    async def _apply(self, call: Call, wish: Wish, options: WriteOptions) -> Response:
        target, row = call.target, call.row
        content = await bodies.read(call.request)
        kind = SCALE_TYPE if target.subresource == SCALE else (row.api_version, row.kind)
        wanted = read_applied(content, *kind)
        options = replace(options, repeated=repeated_fields(content, options.field_validation))
        check_name(target, wanted)
        written = self._api.apply(
            row,
            target.scope,
            target.name,
            wanted,
            options,
            target.subresource,
            force=call.parameters.flag("force"),
        )
        return self._written(call, wish, written, status=201 if written.created else 200)

    def _written(self, call: Call, wish: Wish, written: Written, *, status: int = 200) -> Response:
        row = SCALES if call.target.subresource == SCALE else call.row
        content = one(row, written.object, wish, self._api.clock.now())
        return respond(content, wish, status=status, warnings=written.warnings)

    async def _delete(self, call: Call, wish: Wish) -> Response:
        body, options = await self._delete_options(call)
        target = call.target
        deleted = self._api.delete(call.row, target.scope, target.name, body, options)
        if deleted.gone or options.dry_run:
            content = _success(call.row, deleted)
            return respond(content, _plain(wish), warnings=deleted.warnings)
        content = one(call.row, deleted.object, wish, self._api.clock.now())
        return respond(content, wish, warnings=deleted.warnings)

    async def _delete_collection(self, call: Call, wish: Wish) -> Response:
        body, options = await self._delete_options(call)
        target = call.target
        query = list_query(target, call.parameters)
        found = self._api.page(call.row, target.namespace, query)
        removed = self._api.delete_collection(call.row, target.namespace, query, body, options)
        page = replace(found, items=removed)
        return respond(many(call.row, page, wish, self._api.clock.now()), wish)

    async def _delete_options(self, call: Call) -> tuple[Object, WriteOptions]:
        content = await bodies.read(call.request)
        body = bodies.parse(content, bodies.content_type(call.request)) if content else {}
        check_delete_options(body)
        if body.get("kind") not in _DELETE_KINDS:
            version, kind = body.get("apiVersion"), body["kind"]
            raise BadRequest(f'no kind "{kind}" is registered for version "{version}" of a DELETE')
        body = delete_options(call.parameters, body)
        return body, call.options("DeleteOptions", body)


async def _object_of(call: Call, options: WriteOptions) -> tuple[Object, WriteOptions]:
    is_scale = call.target.subresource == SCALE
    return await read_object(call.target, call.request, options, is_scale=is_scale)


def _plain(wish: Wish) -> Wish:
    """`wish` for content that has no table."""
    return Wish(encoding=wish.encoding, pretty=wish.pretty)


def _not_allowed() -> MethodNotAllowed:
    return MethodNotAllowed(
        "the server does not allow this method on the requested resource", details={}
    )


def _success(row: Resource, deleted: Deleted) -> Object:
    metadata = deleted.object["metadata"]
    details: Object = {"name": metadata["name"]}
    if row.group:
        details["group"] = row.group
    details |= {"kind": row.plural, "uid": metadata["uid"]}
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": details,
    }


_COLLECTION_VERBS: Final[Mapping[str, tuple[str, Verb]]] = {
    "GET": ("list", Verbs._list_or_watch),
    "POST": ("create", Verbs._create),
    "DELETE": ("deletecollection", Verbs._delete_collection),
}
_OBJECT_VERBS: Final[Mapping[str, tuple[str, Verb]]] = {
    "GET": ("get", Verbs._get),
    "PUT": ("update", Verbs._update),
    "PATCH": ("patch", Verbs._patch),
    "DELETE": ("delete", Verbs._delete),
}
_PART_VERBS: Final[Mapping[str, Verb]] = {
    "GET": Verbs._get,
    "PUT": Verbs._update,
    "PATCH": Verbs._patch,
}
_DELETE_KINDS: Final = (None, "", "DeleteOptions")
_METHOD_VERBS: Final = {
    "GET": "get",
    "POST": "create",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}
_SCOPED: Final = frozenset({"create", "deletecollection"})
"""What can be done in one namespace only."""

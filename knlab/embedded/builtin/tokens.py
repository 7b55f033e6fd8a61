"""Tokens of service accounts: what `kubectl create token` prints, and who comes in with one.

A token is a JSON Web Token signed with a key that only this cluster has. It names its account and
is valid until it expires, as long as that account is there, and what it is bound to.
"""

from __future__ import annotations

import hashlib
import hmac
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any, Final

import orjson

from knlab.embedded.builtin.kinds import SERVICE_ACCOUNTS
from knlab.embedded.builtin.token_bindings import bound_claims, bound_extra, is_bound_to_nothing
from knlab.embedded.builtin.validation.causes import forbidden, invalid
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.backing import WriteOptions
from knlab.embedded.kube.errors import BadRequest, Cause, Invalid
from knlab.embedded.kube.metadata import timestamp
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.subresources import Requester

ISSUER: Final = "https://kubernetes.default.svc.cluster.local"
_GROUP: Final = "authentication.k8s.io"
_HOUR: Final = 3600
_SHORTEST, _LONGEST = 600, 1 << 32
_HEAD: Final = {"alg": "HS256", "typ": "JWT"}
_CREDENTIAL: Final = "authentication.kubernetes.io/credential-id"


class ServiceAccountTokens:
    """Makes and reads the tokens of one cluster."""

    def __init__(
        self,
        api: Api,
        secret: str,
        new_id: Callable[[], uuid.UUID] = uuid.uuid4,
        *,
        owner: Requester | None = None,
    ) -> None:
        """`secret` is the cluster's own token, `owner` who comes with it; it makes the key too."""
        self._api = api
        self._secret, self._owner = secret.encode(), owner
        self._key = hmac.digest(secret.encode(), b"service account tokens", "sha256")
        self._new_id = new_id

    def request(self, namespace: str, name: str, asked: Object) -> Object:
        """A TokenRequest with the token that it asks for.

        Raises:
            NotFound: no such service account, or nothing to bind the token to.
            Invalid: a lifetime out of bounds, or another audience.
            BadRequest: it cannot be bound to that.
            Conflict: what it should be bound to is another object by now.
        """
        account = self._api.peek(SERVICE_ACCOUNTS, namespace, name)
        said = asked["metadata"].get("name") or name
        if said != name:
            cause = invalid(
                "metadata.name", said, "must match the service account name if specified"
            )
            raise Invalid.of(_GROUP, "TokenRequest", name, [cause])
        spec: Object = asked.get("spec") or {}
        seconds = spec.get("expirationSeconds") or _HOUR
        audiences = spec.get("audiences") or [ISSUER]
        if causes := _causes(seconds, audiences):
            raise Invalid.of(_GROUP, "TokenRequest", "", causes)
        bound = spec.get("boundObjectRef")
        binding = {} if bound is None else bound_claims(self._api, namespace, name, bound)
        now, uid = self._api.clock.now(), account["metadata"]["uid"]
        claims = {
            "aud": audiences,
            "exp": int(now) + seconds,
            "iat": int(now),
            "iss": ISSUER,
            "jti": str(self._new_id()),
            "kubernetes.io": {
                "namespace": namespace,
                "serviceaccount": {"name": name, "uid": uid},
                **binding,
            },
            "nbf": int(now),
            "sub": f"system:serviceaccount:{namespace}:{name}",
        }
        return {
            "kind": "TokenRequest",
            "apiVersion": f"{_GROUP}/v1",
            "metadata": {
                "name": name, "namespace": namespace, "uid": uid,
                "creationTimestamp": timestamp(now),
            },
            "spec": {
                "audiences": audiences, "expirationSeconds": seconds, "boundObjectRef": bound,
            },
            "status": {
                "token": self._signed(claims), "expirationTimestamp": timestamp(now + seconds),
            },
        }  # fmt: skip

    def requester(self, token: str) -> Requester | None:
        """Who comes with `token`; None if it is none of ours, too old, or its object is gone."""
        claims = self._claims(token)
        if claims is None or claims["exp"] <= self._api.clock.now():
            return None
        subject = claims["kubernetes.io"]
        namespace, account = subject["namespace"], subject["serviceaccount"]
        found = self._api.find(SERVICE_ACCOUNTS, namespace, account["name"])
        if found is None or found["metadata"]["uid"] != account["uid"]:
            return None
        if is_bound_to_nothing(self._api, subject):
            return None
        return Requester(
            claims["sub"],
            (
                "system:serviceaccounts",
                f"system:serviceaccounts:{namespace}",
                "system:authenticated",
            ),
            uid=account["uid"],
            extra={_CREDENTIAL: (f"JTI={claims['jti']}",), **bound_extra(subject)},
        )

    def review(self, review: Object, _asker: Requester, _options: WriteOptions) -> Object:
        """A TokenReview, answered.

        Raises:
            BadRequest: it has no token.
        """
        token: str = (review.get("spec") or {}).get("token") or ""
        if not token:
            raise BadRequest("token is required for TokenReview in authentication")
        is_owners = hmac.compare_digest(token.encode(), self._secret)
        found = self._owner if is_owners else self.requester(token)
        if found is None:
            return review | {"status": {"user": {}, "error": "invalid bearer token"}}
        status = {"authenticated": True, "user": found.user_info(), "audiences": [ISSUER]}
        return review | {"status": status}

    def _signed(self, claims: Object) -> str:
        content = b".".join(_encoded(orjson.dumps(part)) for part in (_HEAD, claims))
        return b".".join((content, _encoded(self._signature(content)))).decode()

    def _signature(self, content: bytes) -> bytes:
        return hmac.digest(self._key, content, hashlib.sha256)

    def _claims(self, token: str) -> Any:
        if token.count(".") != len(_HEAD):
            return None  # the cluster's own token, which comes with every other request
        content, _, signature = token.encode().rpartition(b".")
        if not hmac.compare_digest(_encoded(self._signature(content)), signature):
            return None
        claims = content.rpartition(b".")[2]
        return orjson.loads(urlsafe_b64decode(claims + b"=" * (-len(claims) % 4)))


def _encoded(content: bytes) -> bytes:
    return urlsafe_b64encode(content).rstrip(b"=")


def _causes(seconds: int, audiences: list[str]) -> list[Cause]:
    field, found = "spec.expirationSeconds", []
    if seconds < _SHORTEST:
        found.append(invalid(field, seconds, "may not specify a duration less than 10 minutes"))
    if seconds > _LONGEST:
        found.append(invalid(field, seconds, "may not specify a duration larger than 2^32 seconds"))
    if audiences != [ISSUER]:
        why = "other audiences are not available on this cluster"
        found.append(forbidden("spec.audiences", why))
    return found

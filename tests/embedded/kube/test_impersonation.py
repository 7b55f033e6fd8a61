"""Headers in, a requester out; as a real server answers SelfSubjectReviews."""

from __future__ import annotations

import pytest

from knlab.embedded.kube.impersonation import ImpersonationError, impersonated
from knlab.embedded.kube.subresources import Requester
from knlab.embedded.net.http import Request

ALL = "system:authenticated"
ROBOT = "system:serviceaccount:team:robot"
GROUPS = ("system:serviceaccounts", "system:serviceaccounts:team", ALL)


def asked(*headers: tuple[str, str]) -> Request:
    lines = [(name.encode(), value.encode()) for name, value in headers]
    return Request("GET", "/", [(b"Host", b"here"), *lines])


@pytest.mark.parametrize(
    ("headers", "requester"),
    [
        ([], None),
        ([("Impersonate-User", "")], None),
        ([("Impersonate-User", "bob")], Requester("bob", (ALL,))),
        ([("IMPERSONATE-USER", "j\u00f6rg")], Requester("j\u00f6rg", (ALL,))),
        (
            [("Impersonate-User", "bob"), ("Impersonate-Group", "b"), ("Impersonate-Group", "a")],
            Requester("bob", ("b", "a", ALL)),
        ),
        ([("Impersonate-User", "bob"), ("Impersonate-Group", ALL)], Requester("bob", (ALL,))),
        (
            [("Impersonate-User", "bob"), ("Impersonate-Group", "system:unauthenticated")],
            Requester("bob", ("system:unauthenticated",)),
        ),
        (
            [("Impersonate-User", "system:anonymous")],
            Requester("system:anonymous", ("system:unauthenticated",)),
        ),
        ([("Impersonate-User", ROBOT)], Requester(ROBOT, GROUPS)),
        (
            [("Impersonate-User", ROBOT), ("Impersonate-Group", "x")],
            Requester(ROBOT, ("x", ALL)),
        ),
        (
            [("Impersonate-User", "system:serviceaccount:team")],
            Requester("system:serviceaccount:team", (ALL,)),
        ),
        (
            [
                ("Impersonate-User", "bob"), ("Impersonate-Uid", "u"),
                ("Impersonate-Extra-Acme.com%2fFoo", "1"),
                ("Impersonate-Extra-acme.com%2ffoo", "2"),
                ("Impersonate-Extra-BAR", "x, y"),
            ],
            Requester(
                "bob", (ALL,), uid="u", extra={"acme.com/foo": ("1", "2"), "bar": ("x, y",)}
            ),
        ),
    ],
)  # fmt: skip
def test_who_it_is(headers: list[tuple[str, str]], requester: Requester | None) -> None:
    assert impersonated(asked(*headers)) == requester


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ([("Impersonate-Group", "g")], "{Group  g    }"),
        ([("Impersonate-Uid", "u")], "{UID  u  authentication.k8s.io/v1  }"),
        ([("Impersonate-Extra-Foo", "x")], "{UserExtra  x  authentication.k8s.io/v1  foo}"),
    ],
)
def test_parts_of_nobody(headers: list[tuple[str, str]], wanted: str) -> None:
    with pytest.raises(ImpersonationError) as refused:
        impersonated(asked(*headers))
    assert str(refused.value) == f"requested [{wanted}] without impersonating a user"

from __future__ import annotations

import pytest

from knlab.embedded.kube.errors import BadRequest, NotFound
from knlab.embedded.kube.paths import (
    Parameters,
    Target,
    group_version,
    locate,
    segments_of,
    split_target,
)
from knlab.embedded.kube.registry import Registry, Resource

SPACES = Resource(group="", version="v1", plural="namespaces", kind="Namespace", namespaced=False)
PODS = Resource(group="", version="v1", plural="pods", kind="Pod")
WIDGETS = Resource(group="ex.com", version="v1", plural="widgets", kind="Widget")
FIND = Registry((SPACES, PODS, WIDGETS)).find


def at(path: str) -> Target:
    place = group_version(segments_of(path))
    assert place is not None
    return locate(*place, FIND)


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/api/v1/namespaces", Target(SPACES, None)),
        ("/api/v1/namespaces/x", Target(SPACES, None, "x")),
        ("/api/v1/namespaces/x/status", Target(SPACES, None, "x", "status")),
        ("/api/v1/namespaces/x/finalize", Target(SPACES, None, "x", "finalize")),
        ("/api/v1/pods", Target(PODS, None)),
        ("/api/v1/namespaces/x/pods", Target(PODS, "x")),
        ("/api/v1/namespaces/x/pods/", Target(PODS, "x")),
        ("/api/v1/namespaces/x/pods/p", Target(PODS, "x", "p")),
        ("/api/v1/namespaces/x/pods/p/log", Target(PODS, "x", "p", "log")),
        ("/api/v1/namespaces/x/pods/p/proxy/a/b", Target(PODS, "x", "p", "proxy/a/b")),
        ("/apis/ex.com/v1/namespaces/x/widgets/w%20w", Target(WIDGETS, "x", "w w")),
        ("/api/v1/watch/namespaces/x/pods", Target(PODS, "x", watched=True)),
        ("/api/v1/watch/pods", Target(PODS, None, watched=True)),
    ],
)
def test_a_path_points_at_one_place(path: str, target: Target) -> None:
    assert at(path) == target


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/nosuch",
        "/api/v1/pods/p",
        "/api/v1/namespaces/x/pods//log",
        "/apis/ex.com/v1/namespaces/x/pods",
        "/apis/ex.com/v1/namespaces",
    ],
)
def test_paths_that_lead_nowhere(path: str) -> None:
    with pytest.raises(NotFound, match="could not find the requested resource"):
        at(path)


@pytest.mark.parametrize("path", ["/", "/api", "/apis/apps", "/version", "/other/v1/x"])
def test_paths_outside_a_group_version(path: str) -> None:
    assert group_version(segments_of(path)) is None


@pytest.mark.parametrize(
    ("query", "value"),
    [("w=true", True), ("w=1", True), ("w=True", True), ("w=t", True), ("w", True),
     ("w=false", False), ("w=0", False), ("w=F", False), ("", False), ("other=1", False)],
)  # fmt: skip
def test_booleans_are_read_as_go_reads_them(query: str, value: bool) -> None:
    assert Parameters(query).flag("w") is value


def test_a_number_that_is_none_is_a_bad_request() -> None:
    assert Parameters("limit=5").number("limit") == 5
    with pytest.raises(BadRequest, match='parsing "x": invalid syntax'):
        Parameters("limit=x").number("limit")


@pytest.mark.parametrize("text", ["", "0", "5s", "1.5h30m", "-3ms", "100µs"])
def test_timeouts(text: str) -> None:
    Parameters(f"timeout={text}").check_timeout()


@pytest.mark.parametrize("text", ["abc", "5", "s", "1 s"])
def test_timeouts_that_are_none(text: str) -> None:
    message = f'invalid timeout specified in the request URL - time: invalid duration "{text}"'
    with pytest.raises(BadRequest, match=message):
        Parameters(f"timeout={text}").check_timeout()


def test_a_path_is_decoded_before_it_is_divided() -> None:
    assert segments_of("/api/v1/a%2Fb/") == ("api", "v1", "a", "b")


@pytest.mark.parametrize("name", [".", "..", "%2e%2e"])
def test_names_that_are_directions(name: str) -> None:
    with pytest.raises(BadRequest, match=r'Name parameter invalid: "\.+": may not be'):
        at(f"/api/v1/namespaces/default/pods/{name}")


def test_targets_are_split_at_the_first_question_mark() -> None:
    path, parameters = split_target("/a?labelSelector=%21x&a=b?c")
    assert path == "/a"
    assert parameters.text("labelSelector") == "!x"
    assert parameters.text("a") == "b?c"

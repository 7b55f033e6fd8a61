"""Who gets the requests: tags, a gradual rollout, and settings that rename hosts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import knlab
from knlab.cluster.kubernetes import Kind
from knlab.cluster.service import Service
from tests.live.world import CLOCK, Diary, Measure, World, conditions, manifest

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]

TRUE = ("True", "", "")
ROUTE = Kind("serving.knative.dev/v1", "Route")
DURATION = 10
IN_PROGRESS = (
    "Unknown", "RolloutInProgress", "A gradual rollout of the latest revision(s) is in progress.",
)  # fmt: skip


def test_a_tag_without_a_share_has_its_own_url(deploy: Callable[..., Service]) -> None:
    service = deploy("tag-only", image=knlab.images.HELLO, env={"TARGET": "old"})
    service.wait_ready()
    service.update(env={"TARGET": "new"}).wait_ready()
    old, new = "tag-only-00001", "tag-only-00002"
    service.split({old: 100}, tags={"next": "@latest"}).wait_ready()

    assert service.object["status"]["traffic"] == [
        {"latestRevision": False, "percent": 100, "revisionName": old},
        {
            "latestRevision": True,
            "percent": 0,
            "revisionName": new,
            "tag": "next",
            "url": service.url.replace("http://", "http://next-"),
        },
    ]
    assert {knlab.request(service.url).text for _ in range(10)} == {"Hello old!\n"}
    assert {knlab.request(service.tag_urls["next"]).text for _ in range(10)} == {"Hello new!\n"}


def rollout(world: World, name: str) -> dict[str, Any]:
    """Percent of the second revision and the reason of the Route not to be ready."""
    route = world.one(ROUTE, name)
    traffic = route["status"].get("traffic") or ()
    shares = {target["revisionName"]: target["percent"] for target in traffic}
    assert sum(shares.values()) == 100
    assert {target["latestRevision"] for target in traffic} == {True}
    return {"share": shares.get(f"{name}-00002", 0), "ready": conditions(route)["IngressReady"]}


def test_a_gradual_rollout(deploy: Callable[..., Service], world: World, measure: Measure) -> None:
    name = "traffic-gradual"
    wanted = manifest(name, image=knlab.images.HELLO)
    wanted["metadata"]["annotations"] = {"serving.knative.dev/rollout-duration": f"{DURATION}s"}
    service = deploy(wanted)
    service.wait_ready()
    with Diary(lambda: rollout(world, name)) as diary:
        service.update(env={"TARGET": "2"})
        began = diary.wait_for(since=0, share=1)
        ended = diary.wait_for(since=began, share=100, ready=TRUE)
    measure(f"rollout of {DURATION} s: 1 % to 100 %, s", ended - began)
    course = [seen for at, seen in diary.entries if at >= began]
    shares = [seen["share"] for seen in course]
    measure(f"rollout of {DURATION} s: steps", len(set(shares)))
    assert shares == sorted(shares)
    assert len(set(shares)) > 4
    # The first step waits for the gateway, the last for nothing
    moving = [seen["ready"] for seen in course if seen["share"] < 100]
    assert set(moving[1:]) == {IN_PROGRESS}
    assert DURATION - 3 < ended - began < DURATION + 3
    assert service.traffic == {f"{name}-00002": 100}


@contextmanager
def configured(world: World, name: str, **settings: str) -> Iterator[None]:
    """One of Knative's ConfigMaps with `settings` (dashes written as underscores) for a while."""
    wanted = {key.replace("_", "-"): value for key, value in settings.items()}
    before = world.cluster.configuration(name)
    world.cluster.configure(name, wanted)
    try:
        yield
    finally:
        world.cluster.configure(name, {key: before.get(key) for key in wanted})


@pytest.mark.parametrize(
    ("setting", "old", "new"),
    [
        pytest.param(
            {"domain_template": "{{.Name}}-in-{{.Namespace}}.{{.Domain}}"},
            ("://NAME.default.", "://also-NAME.default."),
            ("://NAME-in-default.", "://also-NAME-in-default."),
            id="domain-template",
        ),
        pytest.param(
            {"tag_template": "{{.Name}}-at-{{.Tag}}"},
            ("://NAME.default.", "://also-NAME.default."),
            ("://NAME.default.", "://NAME-at-also.default."),
            id="tag-template",
        ),
    ],
)
def test_a_change_of_names_takes_effect_at_once(
    deploy: Callable[..., Service],
    world: World,
    measure: Measure,
    setting: dict[str, str],
    old: tuple[str, str],
    new: tuple[str, str],
) -> None:
    [key] = setting
    name = f"named-{key.partition('_')[0]}"
    service = deploy(name, image=knlab.images.HELLO, env={"TARGET": "you"}, min_scale=1)
    service.wait_ready()
    service.split({"@latest": 100}, tags={"also": f"{name}-00001"}).wait_ready()

    def named(parts: tuple[str, str]) -> bool:
        urls = service.url, service.tag_urls["also"]
        return service.ready and all(
            part.replace("NAME", name) in url for part, url in zip(parts, urls, strict=True)
        )

    assert named(old)
    began = CLOCK.monotonic()
    with configured(world, "config-network", **setting):
        world.wait_for("the new names", lambda: named(new))
        measure("a change of config-network to new URLs, s", CLOCK.monotonic() - began)
        for url in (service.url, service.tag_urls["also"]):
            assert knlab.request(url).text == "Hello you!\n"
    world.wait_for("the old names", lambda: named(old))
    for url in (service.url, service.tag_urls["also"]):
        assert knlab.request(url).text == "Hello you!\n"

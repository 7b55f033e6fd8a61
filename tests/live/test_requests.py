"""What the gateway, the activator and queue-proxy answer when they are addressed specially."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest

import knlab
from knlab.cluster.service import Service
from knlab.measure.records import Timing
from tests.live.world import World, manifest

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def behind(world: World) -> Iterator[Service]:
    """A Service that is reached through the activator."""
    service = world.cluster.deploy("path-proxy", image=knlab.images.HELLO, min_scale=1)
    service.wait_ready()
    yield service
    service.delete()


@pytest.fixture(scope="module")
def beside(world: World) -> Iterator[Service]:
    """A Service whose pods are reached without the activator."""
    service = world.cluster.deploy(
        "path-serve", image=knlab.images.HELLO, min_scale=1, target_burst_capacity=0
    )
    service.wait_ready()
    world.wait_for("mode Serve", lambda: world.mode("path-serve-00001") == "Serve")
    world.wait_for(
        "the gateway to have noticed",
        lambda: knlab.request(service.url, headers={"User-Agent": "kube-probe/1"}).status == 400,
    )
    yield service
    service.delete()


def answer(timing: Timing) -> tuple[int, str]:
    return timing.status, timing.text


def test_unknown_host(behind: Service) -> None:
    found = knlab.request(behind.url, host="nobody.example.com")
    assert answer(found) == (404, "")
    assert {key for key, _ in found.headers} == {"content-length", "date", "server"}


@pytest.mark.parametrize("change", [str.upper, "{}:8080".format], ids=["capitals", "with a port"])
def test_spellings_of_a_host(behind: Service, change: Callable[[str], str]) -> None:
    host = urlsplit(behind.url).netloc
    found = knlab.request(behind.url, host=change(host))
    assert answer(found) == (200, "Hello World!\n")


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({"User-Agent": "kube-probe/1.34"}, (200, "")),
        ({"K-Network-Probe": "activator"}, (200, "activator")),
        ({"K-Network-Probe": "queue"}, (400, 'unexpected probe header value: "queue"\n')),
        ({"K-Network-Probe": "x"}, (400, 'unexpected probe header value: "x"\n')),
    ],
)
def test_probes_of_the_activator(
    behind: Service, headers: dict[str, str], wanted: tuple[int, str]
) -> None:
    assert answer(knlab.request(behind.url, headers=headers)) == wanted


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({"User-Agent": "kube-probe/1.34"}, (400, "unexpected probe header value: \n")),
        ({"K-Network-Probe": "activator"}, (200, "Hello World!\n")),
        ({"K-Network-Probe": "queue"}, (200, "Hello World!\n")),
    ],
)
def test_probes_without_the_activator(
    beside: Service, headers: dict[str, str], wanted: tuple[int, str]
) -> None:
    assert answer(knlab.request(beside.url, headers=headers)) == wanted


@pytest.mark.parametrize(
    ("name", "limits"),
    [
        ("late-start", {"responseStartTimeoutSeconds": 1}),
        ("late-idle", {"idleTimeoutSeconds": 1}),
    ],
)
def test_an_answer_that_does_not_begin(
    deploy: Callable[..., Service], name: str, limits: dict[str, int]
) -> None:
    wanted = manifest(
        name,
        image=knlab.images.AUTOSCALE,
        annotations={"autoscaling.knative.dev/min-scale": "1"},
        template={"timeoutSeconds": 30, **limits},
    )
    service = deploy(wanted)
    service.wait_ready()
    found = knlab.request(service.url + "?sleep=3000")
    assert answer(found) == (504, "activator request timeout")
    assert 0.9 < found.total < 2


@pytest.mark.parametrize(
    ("name", "annotations", "body"),
    [
        ("late-proxy", {}, "activator request timeout"),
        (
            "late-serve",
            {"autoscaling.knative.dev/target-burst-capacity": "0"},
            "request timeout",
        ),
    ],
)
def test_timeout(
    deploy: Callable[..., Service],
    world: World,
    name: str,
    annotations: dict[str, str],
    body: str,
) -> None:
    wanted = manifest(
        name,
        image=knlab.images.AUTOSCALE,
        annotations={"autoscaling.knative.dev/min-scale": "1", **annotations},
        template={"timeoutSeconds": 1},
    )
    service = deploy(wanted)
    service.wait_ready()
    if annotations:
        world.wait_for("mode Serve", lambda: world.mode(f"{name}-00001") == "Serve")
        world.wait_for(
            "the gateway to have noticed",
            lambda: (
                knlab.request(service.url, headers={"User-Agent": "kube-probe/1"}).status == 400
            ),
        )
    found = knlab.request(service.url + "?sleep=3000")
    assert answer(found) == (504, body)
    assert 0.9 < found.total < 2


def test_an_empty_answer_has_no_content_type(deploy: Callable[..., Service]) -> None:
    service = deploy("path-empty", image=knlab.images.AUTOSCALE)
    service.wait_ready()
    found = knlab.request(service.url)
    assert answer(found) == (200, "")
    assert {key for key, _ in found.headers} == {
        "content-length", "date", "server", "x-envoy-upstream-service-time",
    }  # fmt: skip


def test_what_the_program_sees(behind: Service) -> None:
    posted = knlab.request(behind.url + "/some/where?x=1", method="POST", data="hello")
    assert answer(posted) == (200, "Hello World!\n")
    assert answer(knlab.request(behind.url, method="HEAD")) == (200, "")

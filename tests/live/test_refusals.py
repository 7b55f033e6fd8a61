"""What the cluster refuses at once, what it accepts and cannot make work, and its words for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import knlab
from knlab._exceptions import ImagePullFailed, Invalid, NotReady
from knlab.cluster.kubernetes import REVISION, Kind
from knlab.cluster.service import Service
from tests.live.world import Measure, Wire, World, conditions, manifest, revision_conditions

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

CONFIGURATION = Kind("serving.knative.dev/v1", "Configuration")
DENIED = (
    'admission webhook "validation.webhook.serving.knative.dev" denied the request: validation'
    " failed: "
)
CONTAINER = "spec.template.spec.containers[0]"
ANNOTATIONS = "spec.template.metadata.annotations.autoscaling.knative.dev"
STRICT = 'Service in version "v1" cannot be handled as a Service: strict decoding error: '


def split(*targets: dict[str, Any]) -> dict[str, Any]:
    """Parts of a manifest with these traffic targets."""
    return {"spec": {"traffic": list(targets)}}


REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "percentages that sum to 90": (
        split(
            {"latestRevision": True, "percent": 50}, {"revisionName": "bad-00001", "percent": 40}
        ),
        400,
        DENIED + "Traffic targets sum to 90, want 100: spec.traffic",
    ),
    "a percentage out of range": (
        split({"latestRevision": True, "percent": -1}, {"latestRevision": True, "percent": 101}),
        400,
        DENIED + "expected 0 <= -1 <= 100: spec.traffic[0].percent\n"
        "expected 0 <= 101 <= 100: spec.traffic[1].percent",
    ),
    "latest and a name": (
        split({"latestRevision": True, "revisionName": "bad-00001", "percent": 100}),
        400,
        DENIED + 'may not set revisionName "bad-00001" when latestRevision is true:'
        " spec.traffic[0].latestRevision",
    ),
    "min above max": (
        {"annotations": {
            "autoscaling.knative.dev/min-scale": "3", "autoscaling.knative.dev/max-scale": "1",
        }},
        400,
        DENIED + f"max-scale=1 is less than min-scale=3: {ANNOTATIONS}/max-scale,"
        f" {ANNOTATIONS}/min-scale",
    ),
    "a minimum that is no number": (
        {"annotations": {"autoscaling.knative.dev/min-scale": "x"}},
        400,
        DENIED + f"invalid value: x: {ANNOTATIONS}/min-scale",
    ),
    "a window too short": (
        {"annotations": {"autoscaling.knative.dev/window": "5s"}},
        400,
        DENIED + f"expected 6s <= 5s <= 1h0m0s: {ANNOTATIONS}/window",
    ),
    "a target of nothing": (
        {"annotations": {"autoscaling.knative.dev/target": "0"}},
        400,
        DENIED + f"target 0 should be at least 0.01: {ANNOTATIONS}/target",
    ),
    "no image": (
        {"container": {"image": ""}},
        400,
        DENIED + f"missing field(s): {CONTAINER}.image",
    ),
    "an image that is no reference": (
        {"container": {"image": "UPPER/bad image"}},
        400,
        DENIED + f"Failed to parse image reference: {CONTAINER}.image\n"
        'image: "UPPER/bad image", error: could not parse reference: UPPER/bad image',
    ),
    "two ports": (
        {"container": {"ports": [{"containerPort": 8080}, {"containerPort": 9000}]}},
        400,
        DENIED + "more than one container port is set: spec.template.spec.containers[*].ports\n"
        "Only a single port is allowed across all containers",
    ),
    "a reserved port": (
        {"container": {"ports": [{"containerPort": 8012}]}},
        400,
        DENIED + f"invalid value: 8012 is a reserved port: {CONTAINER}.ports.containerPort\n"
        "8012 is a reserved port, please use a different value",
    ),
    "a reserved variable": (
        {"container": {"env": [{"name": "PORT", "value": "1"}]}},
        400,
        DENIED + f'"PORT" is a reserved environment variable: {CONTAINER}.env[0].name',
    ),
    "concurrency out of range": (
        {"template": {"containerConcurrency": 1001}},
        400,
        DENIED + "expected 0 <= 1001 <= 1000: spec.template.spec.containerConcurrency",
    ),
    "a timeout out of range": (
        {"template": {"timeoutSeconds": 601}},
        400,
        DENIED + "expected 0 <= 601 <= 600: spec.template.spec.timeoutSeconds",
    ),
    "an unknown field": (
        {"container": {"imagee": "x"}},
        400,
        STRICT + f'unknown field "{CONTAINER}.imagee"',
    ),
    "a field that Knative does not have": (
        {"container": {"ports": [{"containerPort": 8080, "hostPort": 80}]}},
        400,
        STRICT + f'unknown field "{CONTAINER}.ports[0].hostPort"',
    ),
    "no containers": (
        {"spec": {"template": {"spec": {}}}},
        422,
        ('Service.serving.knative.dev "bad" is invalid: spec.template.spec.containers: Invalid'
        ' value: "null": spec.template.spec.containers in body must be of type array: "null"'),
    ),
    "a quantity that is none": (
        {"container": {"resources": {"limits": {"cpu": "x"}}}},
        400,
        ('admission webhook "webhook.serving.knative.dev" denied the request: mutation failed:'
        " cannot decode incoming new object: quantities must match the regular expression"
        " '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused(wire: Wire, case: str) -> None:
    parts, status, message = REFUSED[case]
    body = manifest("bad", image=knlab.images.HELLO, **parts)
    assert wire("POST", body=body, dryRun="All").refusal == (status, message)


@pytest.mark.parametrize(
    ("name", "status", "message"),
    [
        (
            "Bad_1",
            422,
            (
                'Service.serving.knative.dev "Bad_1" is invalid: metadata.name: Invalid value:'
                ' "Bad_1": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric'
                " characters, '-' or '.', and must start and end with an alphanumeric character"
                " (e.g. 'example.com', regex used for validation is"
                r" '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
            ),
        ),
        (
            "a" * 64,
            400,
            DENIED + "not a DNS 1035 label: [must be no more than 63 characters]: metadata.name",
        ),
    ],
    ids=["a capital and an underscore", "64 characters"],
)
def test_bad_name(wire: Wire, name: str, status: int, message: str) -> None:
    body = manifest(name, image=knlab.images.HELLO)
    assert wire("POST", body=body, dryRun="All").refusal == (status, message)


def test_a_refusal_is_an_exception_with_the_webhooks_words(world: World) -> None:
    with pytest.raises(Invalid, match="Traffic targets sum to 90, want 100"):
        world.cluster.deploy(
            "bad", image=knlab.images.HELLO, traffic={"@latest": 50, "bad-00001": 40}
        )


@pytest.mark.parametrize(
    ("name", "setting", "message"),
    [
        (
            "config-autoscaler",
            {"stable-window": "1s"},
            "stable-window = 1s, must be in [6s; 1h0m0s] range",
        ),
        (
            "config-autoscaler",
            {"target-burst-capacity": "-2"},
            (
                "target-burst-capacity must be either non-negative or -1 (for unlimited),"
                " was: -2.000000"
            ),
        ),
    ],
)
def test_bad_setting(world: World, name: str, setting: dict[str, str | None], message: str) -> None:
    with pytest.raises(Invalid) as refused:
        world.cluster.configure(name, setting)
    assert refused.value.message == (
        'admission webhook "config.webhook.serving.knative.dev" denied the request: validation'
        f" failed: {message}"
    )


def test_an_image_that_nobody_has(
    deploy: Callable[..., Service], world: World, measure: Measure
) -> None:
    image = "ghcr.io/knative/no-such-image"
    service = deploy("fail-image", image=image)
    with pytest.raises(ImagePullFailed):
        service.wait_ready(timeout="30s")

    missing = (
        "False", "RevisionMissing", 'Configuration "fail-image" does not have any ready Revision.',
    )  # fmt: skip
    found = conditions(service.object)
    assert found["Ready"] == missing
    assert found["RoutesReady"] == missing
    status, reason, message = found["ConfigurationsReady"]
    assert (status, reason) == ("False", "RevisionFailed")
    fetch = f'Unable to fetch image "{image}": failed to resolve image to digest: '
    assert message.startswith(f'Revision "fail-image-00001" failed with message: {fetch}')
    assert message.endswith(".")

    revision = revision_conditions(world, service)
    assert set(revision) == {"ContainerHealthy", "Ready", "ResourcesAvailable"}
    assert revision["ResourcesAvailable"] == ("Unknown", "ResolvingDigests", "")
    for kind in ("ContainerHealthy", "Ready"):
        assert revision[kind][:2] == ("False", "ContainerMissing")
        assert revision[kind][2].startswith(fetch)
    assert conditions(world.one(CONFIGURATION, "fail-image"))["Ready"][1] == "RevisionFailed"
    assert service.pods() == []


def test_a_revision_that_is_not_there(deploy: Callable[..., Service]) -> None:
    wanted = manifest(
        "fail-route",
        image=knlab.images.HELLO,
        **split({"revisionName": "fail-route-nope", "percent": 100}),
    )
    service = deploy(wanted)
    with pytest.raises(NotReady):
        service.wait_ready(timeout="30s")
    missing = (
        "False", "RevisionMissing", 'Revision "fail-route-nope" referenced in traffic not found.',
    )  # fmt: skip
    found = conditions(service.object)
    assert found["Ready"] == missing
    assert found["RoutesReady"] == missing
    assert found["ConfigurationsReady"] == ("True", "", "")


FAILING: dict[str, tuple[dict[str, Any], str, str]] = {
    "a setting that is not there": (
        {"container": {"env": [{
            "name": "X", "valueFrom": {"configMapKeyRef": {"name": "no", "key": "x"}},
        }]}},
        "CreateContainerConfigError",
        'configmap "no" not found',
    ),
    "a program that is not there": (
        {"container": {"command": ["/no/such"]}},
        "ExitCode128",
        ("Container failed with: failed to create containerd task: failed to create shim task: OCI"
        " runtime create failed: runc create failed: unable to start container process: exec:"
        ' "/no/such": stat /no/such: no such file or directory: unknown'),
    ),
    "a port that nobody listens on": (
        {"container": {"readinessProbe": {"httpGet": {"path": "/", "port": 9999}}}},
        "ProgressDeadlineExceeded",
        'ReplicaSet "*" has timed out progressing.',
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FAILING)
def test_pods_that_cannot_start(
    deploy: Callable[..., Service], world: World, measure: Measure, case: str
) -> None:
    parts, reason, message = FAILING[case]
    name = f"fail-{reason.lower()}"
    deadline = {"serving.knative.dev/progress-deadline": "8s"}
    service = deploy(manifest(name, image=knlab.images.HELLO, annotations=deadline, **parts))
    with pytest.raises(NotReady):
        service.wait_ready(timeout="40s")

    status, found, text = revision_conditions(world, service)["Ready"]
    assert (status, found) == ("False", reason)
    [replica_set] = world.of(service, Kind("apps/v1", "ReplicaSet"))
    said = message.replace("*", replica_set["metadata"]["name"])
    assert text == said
    assert conditions(service.object)["ConfigurationsReady"] == (
        "False", "RevisionFailed", f'Revision "{name}-00001" failed with message: {said}.',
    )  # fmt: skip
    assert world.one(REVISION, f"{name}-00001")["status"]["actualReplicas"] == 0


def test_a_crash_is_told_at_the_deadline_and_not_before(
    deploy: Callable[..., Service], world: World
) -> None:
    service = deploy(
        manifest("fail-late", image=knlab.images.HELLO, container={"command": ["/no/such"]})
    )

    def crashed() -> bool:
        states = [
            status.get("lastState") or {}
            for pod in service.pods()
            for status in pod.get("status", {}).get("containerStatuses") or ()
        ]
        return any("terminated" in state for state in states)

    world.wait_for("the program to have ended twice", crashed)
    assert revision_conditions(world, service)["Ready"][:2] == ("Unknown", "Deploying")

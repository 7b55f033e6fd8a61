"""A Service's life, seen through the public API."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

import knlab
from knlab._exceptions import ImagePullFailed, Invalid, UsageError
from knlab.cluster.cluster import Cluster
from knlab.cluster.service import Service
from tests.acceptance.conftest import Command
from tests.acceptance.machine import eventually

Deploy = Callable[..., Service]


def test_ready_and_answering(deploy: Deploy) -> None:
    hello = deploy(env={"TARGET": "Knative"})
    readiness = hello.wait_ready()
    assert readiness.steps[-1].status == "True"
    answer = knlab.request(hello.url)
    assert (answer.status, answer.text.strip()) == (200, "Hello Knative!")
    assert answer.world == "embedded"
    assert hello.latest_revision == f"{hello.name}-00001"
    assert hello.traffic == {hello.latest_revision: 100}


def test_what_knative_made_of_it(deploy: Deploy, cluster: Cluster) -> None:
    hello = deploy()
    hello.wait_ready()
    kinds = Counter(node.kind for node in hello.graph().nodes)
    assert kinds.keys() == {
        "Service", "Configuration", "Route", "Revision", "Deployment", "ReplicaSet", "Pod",
        "PodAutoscaler", "Metric", "ServerlessService", "Ingress", "Image",
    }  # fmt: skip
    assert kinds["Service"] == 4  # Knative's, the placeholder, and a public and a private one
    assert [row[0] for row in hello.show("ksvc").rows] == [hello.name]
    assert hello.name in {service.name for service in cluster.services()}
    assert {row[1] for row in hello.conditions.rows} == {"True"}
    assert yaml_kind(hello.manifest) == "Service"


def yaml_kind(text: str) -> str:
    return next(line.split(": ")[1] for line in text.splitlines() if line.startswith("kind: "))


def test_applying_again_is_harmless_and_a_change_makes_a_revision(deploy: Deploy) -> None:
    hello = deploy(env={"TARGET": "one"})
    hello.wait_ready()
    generation = hello.object["metadata"]["generation"]
    deploy(env={"TARGET": "one"})
    assert hello.object["metadata"]["generation"] == generation
    hello.update(env={"TARGET": "two"})
    hello.wait_ready()
    assert knlab.request(hello.url).text.strip() == "Hello two!"
    assert hello.latest_revision.endswith("-00002")


def test_unknown_hosts_are_404(cluster: Cluster, deploy: Deploy) -> None:
    url = f"http://nobody.default.{cluster.domain}"
    assert cluster.route_own(url)
    assert knlab.request(url).status == 404
    assert not cluster.route_own("http://example.com")


def _curl(line: str) -> str:
    done = subprocess.run(
        [*shlex.split(line), "--silent", "--show-error", "--max-time", "20"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_curl_lines_that_are_printed_work_offline(
    deploy: Deploy, cluster: Cluster, shared: Command
) -> None:
    hello = deploy(env={"TARGET": "curl"})
    hello.wait_ready()
    assert _curl(cluster.curl(hello.url)) == "Hello curl!"
    printed = shared("status").stdout.splitlines()
    (line,) = [line for line in printed if line.startswith(hello.name[:18])]
    assert _curl(line[line.index("curl ") :]) == "Hello curl!"


def test_a_cold_start_buffers_requests_until_a_pod_is_there(deploy: Deploy) -> None:
    hello = deploy(initial_scale=0, env={"TARGET": "cold"})
    hello.wait_ready()
    assert hello.pods() == []
    url = hello.url
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: knlab.request(url), range(10)))
    assert [answer.text.strip() for answer in answers] == ["Hello cold!"] * 10
    assert len(hello.pods()) >= 1


def test_traffic_is_split_in_halves_and_tags_have_urls(deploy: Deploy) -> None:
    hello = deploy(image=knlab.images.HELLO_V1, env={"TARGET": "one"})
    hello.wait_ready()
    first = hello.latest_revision
    hello.update(image=knlab.images.HELLO_V2, env={"TARGET": "two"})
    hello.wait_ready()
    second = hello.latest_revision
    hello.split({first: 50, second: 50}, tags={"old": first, "new": second})
    hello.wait_ready()
    assert hello.traffic == {first: 50, second: 50}
    urls = hello.tag_urls
    bodies = {tag: knlab.request(url).text.strip() for tag, url in urls.items()}
    assert bodies == {"old": "Hello one!", "new": "Hello two!"}
    assert urls["old"].startswith(f"http://old-{hello.name}.")
    count = 400
    answers = Counter(knlab.request(hello.url).text.strip() for _ in range(count))
    assert answers.keys() == set(bodies.values())
    # Five standard deviations of a fair coin: wrong once in two million runs.
    assert abs(answers[bodies["old"]] - count / 2) <= 5 * (count * 0.25) ** 0.5


@pytest.mark.parametrize(
    ("image", "words", "cause"),
    [
        pytest.param(
            "ghcr.io/nobody/nothing:v1",
            'Unable to fetch image "ghcr.io/nobody/nothing:v1"',
            "the registry's name does not resolve",
            id="a registry that is not there",
        ),
        pytest.param(
            "dev.local/nothing:v1",
            'ImagePullBackOff Back-off pulling image "dev.local/nothing:v1"',
            "the registry has no such image",
            id="a name whose digest is never asked for",
        ),
    ],
)
def test_an_image_that_cannot_be_pulled(
    deploy: Deploy, cluster: Cluster, image: str, words: str, cause: str
) -> None:
    hello = deploy(image=image)
    with pytest.raises(ImagePullFailed, match=words) as failed:
        hello.wait_ready()
    assert "knlab.images" in failed.value.hint
    findings = cluster.diagnose().findings
    assert cause in {finding.cause for finding in findings if hello.name in finding.what}


@pytest.mark.parametrize("name", ["Hello", "hello_world", "x" * 64, "1.2"])
def test_an_invalid_name_is_refused_in_the_clusters_words(cluster: Cluster, name: str) -> None:
    with pytest.raises(Invalid, match="name") as refused:
        cluster.deploy(name, image=knlab.images.HELLO)
    assert refused.value.hint
    assert name not in {service.name for service in cluster.services()}


def test_percentages_that_sum_to_90_are_refused_by_us_and_by_the_webhook(
    deploy: Deploy, cluster: Cluster
) -> None:
    hello = deploy()
    hello.wait_ready()
    with pytest.raises(UsageError, match="the percentages sum to 90, not 100"):
        hello.split({"@latest": 90})
    with pytest.raises(Invalid, match="Traffic targets sum to 90, want 100") as refused:
        hello.update(traffic={"@latest": 90})
    assert "spec.traffic" in refused.value.message
    assert hello.traffic == {hello.latest_revision: 100}


def test_a_setting_that_cannot_be_is_refused_by_the_webhook(cluster: Cluster) -> None:
    refused = cluster.attempt(
        lambda: cluster.deploy("bounds", image=knlab.images.HELLO, min_scale=5, max_scale=2)
    )
    assert "max-scale=2 is less than min-scale=5" in refused.message


def test_configuration_is_patched_and_shown(cluster: Cluster) -> None:
    changed = cluster.configure("config-gc", {"max-non-active-revisions": "700"})
    assert changed.after == {"max-non-active-revisions": "700"}
    assert "max-non-active-revisions" in changed._repr_html_()
    undone = cluster.configure("config-gc", {"max-non-active-revisions": None})
    assert undone.before == changed.after
    assert undone.after == {"max-non-active-revisions": None}


def test_deleting_takes_everything_along(deploy: Deploy, cluster: Cluster) -> None:
    hello = deploy()
    hello.wait_ready()
    url = hello.url
    assert hello.delete()
    assert not hello.delete()
    assert repr(hello) == f"<Service {hello.name}: deleted>"
    eventually("the route is gone", lambda: knlab.request(url).status == 404, within=10)
    eventually(
        "everything but draining pods is gone",
        lambda: not hello.show("revisions").rows and not hello.show("deployments").rows,
        within=10,
    )


def test_cleaning_up_lists_first(deploy: Deploy, cluster: Cluster) -> None:
    hello = deploy()
    found = cluster.clean_up()
    assert hello.name in found.services
    assert found.dry_run
    assert hello.object

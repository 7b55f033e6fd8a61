"""The server on a real socket, with the stock `kubernetes` client and kubectl."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio.to_thread
import kubernetes
import pytest
from kubernetes import client, watch
from kubernetes.dynamic import DynamicClient

from knlab._clock import SystemClock
from knlab.embedded.builtin.reviews import REVIEWS
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.documents import OPEN_PATHS
from knlab.embedded.kube.kubeconfig import kubeconfig
from knlab.embedded.kube.representation import refusal
from knlab.embedded.kube.routes import Routes
from knlab.embedded.kube.subresources import Requester
from knlab.embedded.net.api_server import Gate, serve_api
from knlab.embedded.net.tls import server_identity
from tests.stock_kubectl import lacking

pytestmark = [pytest.mark.anyio, pytest.mark.acceptance]

KUBECTL = shutil.which("kubectl")
needs_kubectl = pytest.mark.skipif(bool(lacking()), reason=lacking())

WIDGET = """\
apiVersion: ex.com/v1
kind: Widget
metadata:
  name: w1
  labels: {app: web}
spec:
  color: red
"""


@pytest.fixture
async def config(api: Api, tmp_path: Path) -> AsyncIterator[Path]:
    """The kubeconfig of a server that answers for `api`."""
    routes = Routes(api, user=Requester("knlab-admin", ("system:masters",)), virtual=REVIEWS)
    gate = Gate(token="s3cret", open_paths=OPEN_PATHS, refuse=refusal)
    identity = server_identity(tmp_path / "pki", SystemClock().now())
    async with serve_api(routes.handle, port=0, identity=identity, gate=gate) as port:
        path = tmp_path / "kubeconfig"
        path.write_text(kubeconfig(f"https://127.0.0.1:{port}", identity.ca_pem, "s3cret", "t"))
        yield path


async def in_thread(config: Path, work: Callable[[client.ApiClient], Any]) -> Any:
    """What `work` returns, run beside the event loop with a client of its own."""

    def run() -> Any:
        with kubernetes.config.new_client_from_config(str(config)) as api_client:
            return work(api_client)

    return await anyio.to_thread.run_sync(run)


async def kubectl(config: Path, *arguments: str, stdin: str = "", fails: bool = False) -> str:
    """What kubectl prints (both streams); it must succeed, or fail if `fails`."""
    assert KUBECTL is not None
    cache = config.parent / "cache"
    environment = {
        **os.environ, "KUBECONFIG": str(config), "KUBECACHEDIR": str(cache), "HOME": str(cache),
    }  # fmt: skip
    done = await anyio.to_thread.run_sync(
        lambda: subprocess.run(
            [str(KUBECTL), *arguments], input=stdin, text=True, env=environment, timeout=50,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )
    )  # fmt: skip
    assert (done.returncode != 0) == fails, done.stdout
    return done.stdout


class TestPythonClient:
    async def test_the_typed_client_round_trips_a_config_map(self, config: Path) -> None:
        def work(connected: client.ApiClient) -> tuple[Any, ...]:
            core = client.CoreV1Api(connected)
            body = client.V1ConfigMap(metadata=client.V1ObjectMeta(name="a"), data={"k": "v"})
            made = core.create_namespaced_config_map("default", body)
            patched = core.patch_namespaced_config_map("a", "default", {"data": {"k": "w"}})
            listed = core.list_namespaced_config_map("default", label_selector="!none")
            core.delete_namespaced_config_map("a", "default")
            left = core.list_namespaced_config_map("default")
            return made.metadata.uid, patched.data, len(listed.items), len(left.items)

        uid, patched, listed, left = await in_thread(config, work)
        assert uid
        assert patched == {"k": "w"}
        assert (listed, left) == (1, 0)

    async def test_the_version_model_is_satisfied(self, config: Path) -> None:
        found = await in_thread(config, lambda c: client.VersionApi(c).get_code())
        assert found.git_version == "v1.34.4+knlab"

    async def test_a_missing_object_is_an_api_exception_with_a_status(self, config: Path) -> None:
        def work(connected: client.ApiClient) -> None:
            client.CoreV1Api(connected).read_namespaced_config_map("none", "default")

        with pytest.raises(client.ApiException) as caught:
            await in_thread(config, work)
        assert caught.value.status == 404
        assert 'configmaps \\"none\\" not found' in caught.value.body

    async def test_the_dynamic_client_finds_and_patches_a_custom_resource(
        self, config: Path
    ) -> None:
        def work(connected: client.ApiClient) -> tuple[Any, ...]:
            widgets = DynamicClient(
                connected, cache_file=str(config.parent / "discovery.json")
            ).resources.get(api_version="ex.com/v1", kind="Widget")
            body = {"apiVersion": "ex.com/v1", "kind": "Widget", "metadata": {"name": "w"}}
            widgets.create(body=body, namespace="default")
            widgets.patch(
                name="w",
                namespace="default",
                body={"spec": {"color": "blue"}},
                content_type="application/merge-patch+json",
            )
            found = widgets.get(name="w", namespace="default")
            return found.spec.color, found.spec.size, found.metadata.generation

        assert await in_thread(config, work) == ("blue", 3, 2)

    async def test_a_watch_sees_what_is_there_and_what_happens_then(
        self, config: Path, api: Api
    ) -> None:
        def work(connected: client.ApiClient) -> list[tuple[str, str]]:
            core, seen = client.CoreV1Api(connected), []
            body = {"metadata": {"name": "first"}}
            core.create_namespaced_config_map("default", body)
            watched = watch.Watch()
            for event in watched.stream(
                core.list_namespaced_config_map, "default", timeout_seconds=20
            ):
                seen.append((event["type"], event["object"].metadata.name))
                if len(seen) == 1:
                    core.create_namespaced_config_map("default", {"metadata": {"name": "second"}})
                if len(seen) == 2:
                    core.delete_namespaced_config_map("first", "default")
                if len(seen) == 3:
                    watched.stop()
            return seen

        assert await in_thread(config, work) == [
            ("ADDED", "first"), ("ADDED", "second"), ("DELETED", "first"),
        ]  # fmt: skip

    async def test_a_version_that_is_still_to_come_is_a_timeout(self, config: Path) -> None:
        def work(connected: client.ApiClient) -> None:
            core = client.CoreV1Api(connected)
            for index in range(3):
                core.create_namespaced_config_map("default", {"metadata": {"name": f"c{index}"}})
            stream = watch.Watch().stream(
                core.list_namespaced_config_map, "default", resource_version="99999",
                timeout_seconds=2,
            )  # fmt: skip
            list(stream)

        with pytest.raises(client.ApiException) as caught:
            await in_thread(config, work)
        assert caught.value.status == 504


@needs_kubectl
class TestKubectl:
    async def test_apply_get_patch_label_wait_delete(self, config: Path) -> None:
        assert "created" in await kubectl(config, "apply", "-f", "-", stdin=WIDGET)
        assert "unchanged" in await kubectl(config, "apply", "-f", "-", stdin=WIDGET)
        changed = WIDGET.replace("red", "blue")
        assert "configured" in await kubectl(config, "apply", "-f", "-", stdin=changed)
        table = await kubectl(config, "get", "widgets")
        assert table.splitlines()[0].split() == ["NAME", "AGE"]
        assert table.splitlines()[1].split()[0] == "w1"
        path = "jsonpath={.spec.color}-{.spec.size}"
        assert await kubectl(config, "get", "widget", "w1", "-o", path) == "blue-3"
        assert "kind: Widget" in await kubectl(config, "get", "widget", "w1", "-o", "yaml")
        patch = '{"status":{"conditions":[{"type":"Ready","status":"True"}]}}'
        await kubectl(
            config, "patch", "widget", "w1", "--subresource=status", "--type=merge", "-p", patch
        )
        waited = await kubectl(
            config, "wait", "widget/w1", "--for=condition=Ready", "--timeout=20s"
        )
        assert "condition met" in waited
        assert "labeled" in await kubectl(config, "label", "widget", "w1", "tier=front")
        assert "w1" in await kubectl(config, "get", "widget", "-l", "tier=front", "-o", "name")
        assert "deleted" in await kubectl(config, "delete", "widget", "w1")
        missing = await kubectl(config, "get", "widget", "w1", fails=True)
        assert missing.strip() == ('Error from server (NotFound): widgets.ex.com "w1" not found')

    async def test_unknown_fields_and_values_are_refused_in_kubernetes_words(
        self, config: Path
    ) -> None:
        typo = WIDGET + "  colour: red\n"
        said = await kubectl(config, "apply", "-f", "-", stdin=typo, fails=True)
        assert 'strict decoding error: unknown field "spec.colour"' in said
        wrong = WIDGET.replace("red", "pink")
        said = await kubectl(config, "apply", "-f", "-", stdin=wrong, fails=True)
        assert 'The Widget "w1" is invalid: spec.color: Unsupported value: "pink"' in said

    async def test_commands_that_send_protobuf(self, config: Path) -> None:
        made = await kubectl(config, "create", "configmap", "c", "--from-literal=a=1")
        assert "configmap/c created" in made
        assert "namespace/n created" in await kubectl(config, "create", "namespace", "n")
        data = await kubectl(config, "get", "cm", "c", "-o", "jsonpath={.data}", fails=True)
        assert "the server doesn't have a resource type" in data  # no short names in these rows
        data = await kubectl(config, "get", "configmap", "c", "-o", "jsonpath={.data}")
        assert data == '{"a":"1"}'
        assert "yes" in await kubectl(config, "auth", "can-i", "create", "pods")
        assert "knlab-admin" in await kubectl(config, "auth", "whoami")

    async def test_scale_explain_version_and_raw(self, config: Path) -> None:
        await kubectl(config, "apply", "-f", "-", stdin=WIDGET)
        assert "scaled" in await kubectl(config, "scale", "widget", "w1", "--replicas=5")
        size = await kubectl(config, "get", "widget", "w1", "-o", "jsonpath={.spec.size}")
        assert size == "5"
        explained = await kubectl(config, "explain", "widget.spec")
        assert "color" in explained
        assert "<ObjectMeta>" in await kubectl(config, "explain", "widget")
        assert "v1.34.4+knlab" in await kubectl(config, "version")
        assert await kubectl(config, "get", "--raw", "/readyz") == "ok"

    async def test_kinds_that_nobody_serves(self, config: Path) -> None:
        foreign = "apiVersion: no.such/v1\nkind: Thing\nmetadata: {name: x}\n"
        said = await kubectl(config, "apply", "-f", "-", stdin=foreign, fails=True)
        assert 'no matches for kind "Thing" in version "no.such/v1"' in said
        said = await kubectl(config, "get", "nope", fails=True)
        assert said.strip() == 'error: the server doesn\'t have a resource type "nope"'

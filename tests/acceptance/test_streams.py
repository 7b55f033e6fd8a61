"""exec and port-forward with every kubectl on PATH, and with the kubernetes package."""

from __future__ import annotations

import gc
import os
import pty
import re
import select
import subprocess
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import kubernetes.client
import pytest
import yaml
from kubernetes.stream import portforward, stream

from knlab._state import Running
from tests.acceptance.pods import answer

SECONDS = 20.0
MANIFEST = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: hello
        image: dev.local/hello:v1
        env: [{name: TARGET, value: Streams}]
        ports: [{containerPort: 8080}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
"""


def kubectls() -> list[Path]:
    """Every kubectl on PATH, also those that have their version in their name."""
    directories = [Path(each) for each in os.get_exec_path()]
    found = {
        path.resolve(): path
        for directory in reversed(directories)
        for path in [*directory.glob("kubectl"), *directory.glob("kubectl.1.*")]
        if os.access(path, os.X_OK)
    }
    return sorted(found.values(), key=lambda path: path.name)


@pytest.fixture(
    params=[pytest.param(path, id=f"{path.name}-{at}") for at, path in enumerate(kubectls())]
)
def path(request: pytest.FixtureRequest) -> Path:
    """One kubectl after the other; without any, the tests are skipped."""
    found: Path = request.param
    return found


class Client:
    """One kubectl on the namespace of these tests."""

    def __init__(self, path: Path, running: Running, namespace: str) -> None:
        self._begin = [str(path), "--kubeconfig", running.kubeconfig, "-n", namespace]

    def run(self, *arguments: str, given: bytes = b"") -> tuple[int, bytes, bytes]:
        """Exit code, output and errors."""
        done = subprocess.run(
            [*self._begin, *arguments], input=given, capture_output=True, timeout=SECONDS,
            check=False,
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    @contextmanager
    def forwarding(
        self, target: str, *ports: str
    ) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
        """A port-forward that listens, and its local ports."""
        process = subprocess.Popen(
            [*self._begin, "port-forward", "--address=127.0.0.1", target, *ports],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        with process:
            try:
                assert process.stdout is not None
                lines = [process.stdout.readline() for _ in ports]
                local = [re.match(r"Forwarding from 127\.0\.0\.1:(\d+)", line) for line in lines]
                assert all(local), (lines, process.stderr)
                yield process, [int(each[1]) for each in local if each]
            finally:
                process.kill()

    @contextmanager
    def terminal(self, *arguments: str) -> Iterator[Terminal]:
        """kubectl on a terminal."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [*self._begin, *arguments], stdin=theirs, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        with process:
            try:
                yield Terminal(process, ours)
            finally:
                process.kill()
                os.close(ours)


class Terminal:
    """The screen and the keyboard of somebody who types."""

    def __init__(self, process: subprocess.Popen[bytes], descriptor: int) -> None:
        self._process = process
        self._descriptor = descriptor
        self.seen = b""

    def until(self, text: bytes) -> None:
        """Returns when `text` appears; what was on the screen before is forgotten."""
        while text not in self.seen:
            ready, _, _ = select.select([self._descriptor], [], [], SECONDS)
            assert ready, self.seen
            self.seen += os.read(self._descriptor, 4096)
        self.seen = self.seen.partition(text)[2]

    def type(self, keys: bytes) -> None:
        os.write(self._descriptor, keys)

    def exit_code(self) -> int:
        with suppress(OSError):  # how a terminal ends
            while os.read(self._descriptor, 4096):
                pass
        return self._process.wait(SECONDS)


@pytest.fixture(scope="module")
def pod(stock: kubernetes.client.ApiClient, running: Running, namespace: str) -> str:
    """The name of a pod that runs."""
    kubernetes.utils.create_from_yaml(
        stock, yaml_objects=list(yaml.safe_load_all(MANIFEST)), namespace=namespace
    )
    core = kubernetes.client.CoreV1Api(stock)
    watched = kubernetes.watch.Watch().stream(
        core.list_namespaced_pod, namespace, timeout_seconds=int(SECONDS)
    )
    for event in watched:
        found = event["object"]
        if found.status.container_statuses and found.status.container_statuses[0].ready:
            return str(found.metadata.name)
    raise AssertionError("no pod")


@pytest.fixture
def client(path: Path, running: Running, namespace: str) -> Client:
    return Client(path, running, namespace)


def get(port: int) -> str:
    opener = build_opener(ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{port}/", timeout=SECONDS) as answer:
        return str(answer.read().decode().strip())


class TestExec:
    def test_output_errors_and_exit_code(self, client: Client, pod: str) -> None:
        code, out, err = client.run("exec", pod, "--", "sh", "-c", "echo out; echo err >&2; exit 3")
        assert (code, out) == (3, b"out\n")
        assert err == b"err\ncommand terminated with exit code 3\n"

    def test_input_until_its_end(self, client: Client, pod: str) -> None:
        given = os.urandom(300_000)
        assert client.run("exec", "-i", pod, "--", "cat", given=given)[:2] == (0, given)

    def test_environment_of_the_container(self, client: Client, pod: str) -> None:
        assert b"TARGET=Streams\n" in client.run("exec", pod, "--", "env")[1]

    def test_a_command_that_is_not_there(self, client: Client, pod: str) -> None:
        code, _, err = client.run("exec", pod, "--", "no-such-command")
        assert code == 1
        assert b'exec: "no-such-command": executable file not found in $PATH: unknown' in err
        assert err.startswith(b"error: Internal error occurred: ")

    def test_a_terminal(self, client: Client, pod: str) -> None:
        with client.terminal("exec", "-it", pod, "--", "sh") as terminal:
            terminal.until(b"# ")
            terminal.type(b"echo $((6 * 7))\n")
            terminal.until(b"42")
            terminal.until(b"# ")
            terminal.type(b"cat\nback\n")
            terminal.until(b"cat\r\nback\r\n")
            terminal.until(b"back\r\n")
            terminal.type(b"\x03")
            terminal.until(b"# ")
            terminal.type(b"exit 7\n")
            assert terminal.exit_code() == 7


class TestPortForward:
    def test_several_ports_and_many_connections(self, client: Client, pod: str) -> None:
        forwarding = client.forwarding(f"pod/{pod}", ":8080", ":8080")
        with forwarding as (_, ports), ThreadPoolExecutor(10) as threads:
            answers = list(threads.map(get, ports * 10))
        assert answers == ["Hello Streams!"] * 20

    @pytest.mark.parametrize(("target", "port"), [("svc/web", ":80"), ("deploy/web", ":8080")])
    def test_through_what_has_pods(self, client: Client, pod: str, target: str, port: str) -> None:
        with client.forwarding(target, port) as (_, ports):
            assert get(ports[0]) == "Hello Streams!"

    def test_a_port_where_nobody_listens(self, client: Client, pod: str) -> None:
        with client.forwarding(f"pod/{pod}", ":9999") as (process, ports):
            with pytest.raises(OSError, match=r"."):
                get(ports[0])
            assert process.stderr is not None
            assert "connect: connection refused" in process.stderr.readline()


class TestPythonPackage:
    @pytest.fixture(autouse=True)
    def _left_open(self) -> Iterator[None]:
        """The package closes no socket of an exec itself."""
        yield
        for thread in threading.enumerate():
            if thread.name.startswith("Kubernetes port forward proxy"):
                thread.join(SECONDS)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()

    @pytest.fixture
    def execute(
        self, stock: kubernetes.client.ApiClient, pod: str, namespace: str
    ) -> Callable[..., object]:
        core = kubernetes.client.CoreV1Api(stock)

        def run(*command: str, **options: object) -> object:
            return stream(
                core.connect_get_namespaced_pod_exec, pod, namespace, command=list(command),
                stdout=True, stderr=True, **options,
            )  # fmt: skip

        return run

    def test_a_whole_exec(self, execute: Callable[..., object]) -> None:
        assert execute("sh", "-c", "echo out; echo err >&2; exit 4") in ("out\nerr\n", "err\nout\n")

    def test_an_exec_step_by_step(self, execute: Callable[..., object]) -> None:
        session: kubernetes.stream.ws_client.WSClient = execute(
            "sh", stdin=True, _preload_content=False
        )
        session.write_stdin("echo one; echo two >&2\n")
        assert session.readline_stdout(timeout=SECONDS) == "one"
        assert session.readline_stderr(timeout=SECONDS) == "two"
        session.write_stdin("exit 5\n")
        session.run_forever(timeout=SECONDS)
        assert session.returncode == 5
        session.close()

    def test_a_port_forward(
        self, stock: kubernetes.client.ApiClient, pod: str, namespace: str
    ) -> None:
        core = kubernetes.client.CoreV1Api(stock)
        opened = portforward(
            core.connect_get_namespaced_pod_portforward, pod, namespace, ports="8080,9999"
        )
        assert answer(opened.socket(8080)).endswith(b"Hello Streams!\n")
        assert opened.error(8080) is None
        assert opened.error(9999).endswith("connect: connection refused")
        opened.close()

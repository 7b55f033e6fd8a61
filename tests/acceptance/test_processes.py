"""The embedded process: one for each directory, gone without a trace, back as it was."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

import knlab
from knlab._exceptions import StateError, Unreachable
from knlab._state import Running, read_running
from knlab.cluster import kubernetes as k8s
from knlab.cluster import process
from knlab.cluster.cluster import Cluster
from knlab.cluster.connect import attach
from tests.acceptance.machine import alive, descendants, eventually, run_knlab

LAUNCH = process.Launch(with_parent=True)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """A state directory of the test's own; whatever runs on it ends with the test."""
    directory = tmp_path / "state"
    yield directory
    process.stop(directory)


def _uids(running: Running) -> dict[str, str]:
    """What a restart has to keep, by name."""
    api = attach(running).api
    kinds = (k8s.NAMESPACE, k8s.CRD, k8s.DEPLOYMENT, k8s.CONFIG_MAP, k8s.SERVICE, k8s.REVISION)
    objects = (obj for kind in kinds for obj in api.items(kind))
    return {f"{o['kind']}/{o['metadata']['name']}": o["metadata"]["uid"] for o in objects}


def _with_hello(state: Path) -> Running:
    running = process.start(state, LAUNCH)
    cluster = attach(running)
    cluster.ensure_knative()
    cluster.deploy("hello", image=knlab.images.HELLO, min_scale=1).wait_ready()
    return running


def test_kill_minus_9_leaves_no_process_and_loses_nothing(state: Path) -> None:
    running = _with_hello(state)
    before, family = _uids(running), descendants(running.pid)
    assert len(family) >= 3  # itself, the shim, the pod's program
    os.kill(running.pid, signal.SIGKILL)
    eventually("nothing is left", lambda: not alive(family), within=5)
    assert read_running(state) is None
    again = process.start(state, LAUNCH)
    assert (again.api, again.gateway) == (running.api, running.gateway)
    assert _uids(again) == before
    hello = attach(again).service("hello")
    hello.wait_ready()
    eventually("it answers again", lambda: knlab.request(hello.url).ok, within=20)
    assert alive(descendants(again.pid)) - {again.pid}


def test_terminating_leaves_nothing_and_keeps_the_objects(state: Path) -> None:
    running = _with_hello(state)
    before, family = _uids(running), descendants(running.pid)
    down = run_knlab("down", state_dir=state)
    assert down.returncode == 0
    assert down.stdout.startswith("stopped; its objects are kept in")
    eventually("nothing is left", lambda: not alive(family), within=5)
    assert not (state / "cluster.json").exists()
    assert _uids(process.start(state, LAUNCH)) == before


def test_nobody_using_it_ends_it(state: Path) -> None:
    running = process.start(state, process.Launch(idle_timeout="1s", with_parent=True))
    eventually("it has ended", lambda: read_running(state) is None, within=10)
    eventually("nothing is left", lambda: not alive({running.pid}), within=5)
    assert "ending: nobody used it for 1 s" in (state / "logs" / "knlab.log").read_text()


def test_two_clusters_side_by_side_do_not_meet(
    state: Path, running: Running, cluster: Cluster
) -> None:
    other = process.start(state, LAUNCH)
    assert {other.api, other.gateway}.isdisjoint({running.api, running.gateway})
    mine = attach(other)
    mine.ensure_knative()
    mine.deploy("only-here", image=knlab.images.HELLO).wait_ready()
    assert cluster.api.find(k8s.SERVICE, "only-here", "default") is None
    assert knlab.request(mine.service("only-here").url).ok
    away = knlab.request(cluster.gateway, host="only-here.default.127.0.0.1.nip.io", timeout="5s")
    assert away.status == 404
    # One cluster's credentials are worth nothing at the other.
    mixed = (state / "kubeconfig").read_text().replace(other.api, running.api)
    (state / "mixed").write_text(mixed)
    stranger = k8s.Kubernetes.from_kubeconfig(str(state / "mixed"))
    with pytest.raises(Unreachable):  # its certificate authority does not know the other
        stranger.version()


def test_starting_twice_finds_the_one_that_runs(state: Path) -> None:
    first = process.start(state, LAUNCH)
    assert process.start(state, LAUNCH) == first
    port = int(first.gateway.rpartition(":")[2])
    same = process.Launch(gateway_port=port)
    assert process.start(state, same) == first
    with pytest.raises(StateError, match="runs already, with its gateway at") as refused:
        process.start(state, process.Launch(gateway_port=port + 1))
    assert "knlab down" in refused.value.hint


def test_files_are_for_their_owner_only(running: Running) -> None:
    state = Path(running.state_dir)
    assert state.stat().st_mode & 0o077 == 0
    for path in (state / "kubeconfig", *(state / "pki").iterdir()):
        assert path.is_dir() or path.stat().st_mode & 0o077 in {0, 0o044}, path
    assert (state / "kubeconfig").stat().st_mode & 0o777 == 0o600
    assert (state / "pki" / "token").stat().st_mode & 0o777 == 0o600


# ── bad input ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["api", "gateway"])
def test_a_port_in_use(state: Path, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        refused = run_knlab("up", f"--{name}-port", str(port), state_dir=state)
    assert refused.returncode == 1
    message, remedy = refused.stderr.splitlines()
    assert f"port {port} for the {name} cannot be had" in message
    assert remedy.strip().startswith(f"→ choose another with --{name}-port")
    assert read_running(state) is None


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_what_is_no_port(state: Path, port: str) -> None:
    refused = run_knlab("up", "--api-port", port, state_dir=state)
    assert refused.returncode == 2
    assert "--api-port" in refused.stderr
    assert not state.exists()


def test_a_stale_announcement_and_a_stale_lock_are_no_obstacle(state: Path) -> None:
    state.mkdir()
    (state / "FORMAT").write_text("1\n")
    (state / "lock").touch()
    nowhere = {"api": "https://127.0.0.1:1", "gateway": "http://127.0.0.1:1", "kubeconfig": "/gone"}
    stale = nowhere | {"pid": 1, "state_dir": str(state), "version": "0", "started": 0}
    (state / "cluster.json").write_text(json.dumps(stale))
    assert run_knlab("status", state_dir=state).returncode == 1
    assert run_knlab("down", state_dir=state).stdout == "no cluster was running\n"
    running = process.start(state, LAUNCH)
    assert running.pid != 1
    assert attach(running).api.version() == "v1.34.4+knlab"


def test_somebody_elses_directory(tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("dear")
    for verb in (["up"], ["reset", "--yes"]):
        refused = run_knlab(*verb, state_dir=tmp_path)
        assert refused.returncode == 1
        assert "is not a knlab state directory" in refused.stderr
        assert "  → " in refused.stderr
    assert (tmp_path / "letter").read_text() == "dear"


def test_state_of_a_newer_knlab(state: Path) -> None:
    state.mkdir()
    (state / "FORMAT").write_text("2\n")
    refused = run_knlab("up", state_dir=state)
    assert refused.returncode == 1
    assert "has state format '2', this knlab reads '1'" in refused.stderr
    assert "use the knlab that made it" in refused.stderr


def test_a_damaged_store(state: Path) -> None:
    process.start(state, LAUNCH)
    process.stop(state)
    for path in state.glob("store.sqlite*"):
        path.write_bytes(b"words, not a database" * 500)
    refused = run_knlab("up", state_dir=state)
    assert refused.returncode == 1
    assert "store.sqlite is damaged" in refused.stderr
    assert "knlab reset" in refused.stderr
    assert run_knlab("reset", "--yes", state_dir=state).returncode == 0
    process.start(state, LAUNCH)


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()  # below a file not even root can write
    refused = run_knlab("up", state_dir=tmp_path / "file" / "state")
    assert refused.returncode == 1
    assert "cannot write to" in refused.stderr
    assert "--state-dir" in refused.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_without_write_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    refused = run_knlab("up", state_dir=tmp_path / "state")
    tmp_path.chmod(0o700)
    assert refused.returncode == 1
    assert "Permission denied" in refused.stderr


def test_an_idle_timeout_that_is_none(state: Path) -> None:
    refused = run_knlab("up", "--idle-timeout", "soon", state_dir=state)
    assert refused.returncode == 1
    assert "--idle-timeout='soon' is not a duration" in refused.stderr


def test_status_for_programs(state: Path) -> None:
    away = run_knlab("status", "--json", state_dir=state)
    assert (away.returncode, json.loads(away.stdout)) == (1, {"state_dir": str(state)})
    assert run_knlab("up", state_dir=state).returncode == 0
    said = json.loads(run_knlab("status", "--json", state_dir=state).stdout)
    assert said["gateway"].startswith("http://127.0.0.1:")
    assert said["state_dir"] == str(state)
    assert alive({said["pid"]})
    path = run_knlab("kubeconfig", state_dir=state).stdout.strip()
    assert path == said["kubeconfig"]
    shown = run_knlab("status", state_dir=state)
    assert "not installed; knlab install does it" in shown.stdout

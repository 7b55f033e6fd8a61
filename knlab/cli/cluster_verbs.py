"""up, install, status, kubeconfig, logs, down, reset: the embedded cluster from a terminal."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from knlab._exceptions import StateError
from knlab._state import DURABILITIES, Running, default_state_dir, is_locked, read_running
from knlab._units import parse_duration
from knlab.cluster import process

if TYPE_CHECKING:
    Verbs: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]

_TAIL_POLL = 0.2


def add_verbs(verbs: Verbs) -> None:
    """Add this group to the parser."""
    up = _verb(verbs, "up", _up, "start the embedded cluster, or find the one that runs")
    free = "default: the port it had last, or any free one"
    up.add_argument("--api-port", type=port_number, default=0, metavar="N", help=free)
    up.add_argument("--gateway-port", type=port_number, default=0, metavar="N", help=free)
    up.add_argument("--idle-timeout", default="12h", metavar="TIME", help="default: 12h")
    up.add_argument(
        "--durability",
        choices=DURABILITIES,
        help="what an answered write survives: the end of the process, kill -9 included, or a power"
        " cut too (slower: the disk has every write first); default: as it was last, or process",
    )
    install = _verb(verbs, "install", _install, "install Knative into the cluster in use")
    install.add_argument(
        "--manifests", metavar="DIR", help="serving-crds, serving-core, kourier .yaml"
    )
    status = _verb(verbs, "status", _status, "say what runs and how to reach it")
    status.add_argument("--json", action="store_true", help="for programs")
    _verb(verbs, "kubeconfig", _kubeconfig, "print the path of the kubeconfig")
    logs = _verb(verbs, "logs", _logs, "print the cluster's log")
    logs.add_argument("-f", "--follow", action="store_true", help="go on until interrupted")
    _verb(verbs, "down", _down, "stop the cluster; its objects are kept")
    reset = _verb(verbs, "reset", _reset, "stop the cluster and forget everything in it")
    reset.add_argument("--yes", action="store_true", help="do not ask")


def _verb(verbs: Verbs, name: str, run: object, text: str) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    add_state_dir(parser)
    parser.set_defaults(run=run)
    return parser


def add_state_dir(parser: argparse.ArgumentParser) -> None:
    """Add `--state-dir`, which every verb about the embedded cluster takes."""
    parser.add_argument(
        "--state-dir",
        type=Path,
        default=None,
        metavar="DIR",
        help="which cluster; default: KNLAB_STATE_DIR or your state directory",
    )


def port_number(text: str) -> int:
    """A TCP port; 0 is any."""
    number = int(text)
    if not 0 <= number < 65536:
        raise argparse.ArgumentTypeError(f"{number} is no port: ports go from 1 to 65535")
    return number


def state_dir(chosen: argparse.Namespace) -> Path:
    """The state directory that the arguments mean."""
    return chosen.state_dir.absolute() if chosen.state_dir else default_state_dir()


def _up(chosen: argparse.Namespace) -> int:
    parse_duration(chosen.idle_timeout, name="--idle-timeout")
    launch = process.Launch(
        api_port=chosen.api_port,
        gateway_port=chosen.gateway_port,
        idle_timeout=chosen.idle_timeout,
        durability=chosen.durability,
    )
    _describe(process.start(state_dir(chosen), launch))
    print("next               knlab install; knlab status")
    return 0


def _describe(running: Running) -> None:
    print(f"embedded cluster   process {running.pid}, knlab {running.version}")
    print(f"Kubernetes API     {running.api}")
    print(f"ingress gateway    {running.gateway}")
    print(f"kubectl            export KUBECONFIG={running.kubeconfig}")
    if running.durability == "power":
        print("durability         power: writes survive a power cut")
    print("stop it            knlab down")


def _describe_services(running: Running) -> None:
    """How far Knative is, and a curl line for each Service; without DNS they work as well."""
    from knlab.cluster.connect import attach  # noqa: PLC0415 - loads the Kubernetes client

    cluster = attach(running)
    version = cluster.knative_version
    print(f"Knative            {version or 'not installed; knlab install does it'}")
    services = cluster.services() if version else []
    for service in services:
        print(f"{service.name:18} {cluster.curl(service.url) if service.ready else 'not ready'}")
    if version and not services:
        example = f"http://hello.default.{cluster.domain}"
        print(f"Services           none yet; one called hello would answer to\n{'':18} ", end="")
        print(cluster.curl(example))


def _install(chosen: argparse.Namespace) -> int:
    from knlab.cluster.connect import connect  # noqa: PLC0415 - loads the Kubernetes client

    cluster = connect(state_dir=chosen.state_dir)
    done = cluster.install(manifests=chosen.manifests, progress=lambda stage: print(f"… {stage}"))
    for stage in done.stages:
        print(f"{stage.name:18} {stage.text:36} {stage.seconds:6.2f} s")
    cluster.ensure_knative()
    print(f"Knative is ready after {done.seconds:.2f} s; domain {cluster.domain}")
    return 0


def _status(chosen: argparse.Namespace) -> int:
    directory = state_dir(chosen)
    running = read_running(directory)
    if chosen.json:
        print(json.dumps(asdict(running) if running else {"state_dir": str(directory)}, indent=2))
    elif running:
        _describe(running)
        _describe_services(running)
    else:
        print(f"no embedded cluster runs on {directory}; start one with `knlab up`")
    return 0 if running else 1


def _kubeconfig(chosen: argparse.Namespace) -> int:
    path = state_dir(chosen) / "kubeconfig"
    if not path.exists():
        raise StateError(f"there is no cluster on {path.parent}", hint="start one with `knlab up`")
    print(path)
    return 0


def _logs(chosen: argparse.Namespace) -> int:
    path = state_dir(chosen) / "logs" / "knlab.log"
    if not path.exists():
        raise StateError(f"there is no log at {path}", hint="start a cluster with `knlab up`")
    with path.open(errors="replace") as log:
        sys.stdout.write(log.read())
        while chosen.follow and is_locked(path.parent.parent):
            sys.stdout.write(log.read())
            sys.stdout.flush()
            time.sleep(_TAIL_POLL)
    return 0


def _down(chosen: argparse.Namespace) -> int:
    directory = state_dir(chosen)
    stopped = process.stop(directory)
    print(f"stopped; its objects are kept in {directory}" if stopped else "no cluster was running")
    return 0


def _reset(chosen: argparse.Namespace) -> int:
    directory = state_dir(chosen)
    question = f"Delete the cluster in {directory} with everything in it? [y/N] "
    if not chosen.yes and input(question).strip().lower() not in {"y", "yes"}:
        print("nothing was deleted")
        return 1
    process.reset(directory)
    print(f"{directory} is gone")
    return 0

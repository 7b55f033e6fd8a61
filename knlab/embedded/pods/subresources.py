"""Everything that can be asked of a pod beyond its object: attach, log, exec, portforward."""

from __future__ import annotations

from pathlib import Path

from knlab._clock import Clock
from knlab.embedded.builtin.kinds import PODS
from knlab.embedded.kube.store import Store
from knlab.embedded.kube.subresources import Subresource, SubresourceKey
from knlab.embedded.net.network import Network
from knlab.embedded.pods.attach import PodAttach
from knlab.embedded.pods.commands import exec_command
from knlab.embedded.pods.exec import PodExec
from knlab.embedded.pods.log_requests import PodLogs
from knlab.embedded.pods.port_forward import PodPortForward
from knlab.embedded.pods.supervisor import Supervisor


def pod_subresources(
    store: Store, directory: Path, *, clock: Clock, network: Network, supervisor: Supervisor
) -> dict[SubresourceKey, Subresource]:
    """What the server needs to answer for the pods that have their directories in `directory`."""
    found = {
        "attach": PodAttach(store, directory, supervisor.consoles).subresource,
        "exec": PodExec(store, directory, supervisor, exec_command).subresource,
        "log": PodLogs(store, directory, clock).subresource,
        "portforward": PodPortForward(store, network, supervisor.residents).subresource,
    }
    return {(PODS.group, PODS.plural, name): each for name, each in found.items()}

"""What must be there before a Pod may be: Kubernetes' admission plug-ins for Pods."""

from __future__ import annotations

from typing import Final

from knlab.embedded.builtin.kinds import PODS, PRIORITY_CLASSES, SERVICE_ACCOUNTS
from knlab.embedded.builtin.priority_classes import prioritize
from knlab.embedded.kube.backing import Get
from knlab.embedded.kube.errors import Forbidden
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.registry import Resource
from knlab.embedded.kube.store import Store

_RANDOM_LETTERS: Final = 5


def admit(store: Store, resource: Resource, new: Object) -> None:
    """Fill in what a new Pod gets from other objects; objects of other kinds are left alone.

    Raises:
        Forbidden: something that it names is not there.
    """
    if resource.name != PODS:
        return
    spec, metadata = new["spec"], new["metadata"]
    problem = missing_for(store.get, metadata.get("namespace", ""), spec)
    problem = problem or prioritize(store, spec)
    if problem:
        name = _name_shown(metadata)
        details = {"name": name, "kind": "pods"}
        raise Forbidden(f'pods "{name}" is forbidden: {problem}', details=details)


def missing_for(get: Get, namespace: str, spec: Object) -> str:
    """What a pod spec names that is not there, in Kubernetes' words; empty if nothing.

    The account `default` is one that every namespace has or is about to get.
    """
    account = spec.get("serviceAccountName") or "default"
    if account != "default" and get(SERVICE_ACCOUNTS, (namespace, account)) is None:
        return (
            f'error looking up service account {namespace}/{account}: serviceaccount "{account}"'
            " not found"
        )
    priority = spec.get("priorityClassName")
    if priority and get(PRIORITY_CLASSES, ("", priority)) is None:
        return f"no PriorityClass with name {priority} was found"
    if runtime := spec.get("runtimeClassName"):
        return f'pod rejected: RuntimeClass "{runtime}" not found'
    if spec.get("overhead"):
        return "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"
    return ""


def _name_shown(metadata: Object) -> str:
    """The name in a refusal: one that the server makes is not made by then."""
    name: str = metadata["name"]
    beginning = metadata.get("generateName") or ""
    return beginning if beginning and beginning == name[:-_RANDOM_LETTERS] else name

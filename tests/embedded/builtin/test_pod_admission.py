"""What must be there before a Pod may be."""

from __future__ import annotations

import pytest

from knlab.embedded.builtin.kinds import PODS, SERVICE_ACCOUNTS
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.errors import Forbidden, Invalid
from knlab.embedded.kube.objects import Object

NODE_CRITICAL = "system-node-critical"
OWN_PRIORITY = (
    "the integer value of priority (5) must not be provided in pod spec; priority admission"
    " controller computed 0 from the given PriorityClass name"
)


@pytest.fixture(autouse=True)
def account(api: Api) -> None:
    api.create(
        SERVICE_ACCOUNTS,
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "robot", "namespace": "default"},
        },
    )


def pod(metadata: Object | None = None, **spec: object) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": "default", **(metadata or {"name": "p"})},
        "spec": {"containers": [{"name": "main", "image": "web:1"}], **spec},
    }


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"serviceAccountName": "nope"},
         'error looking up service account default/nope: serviceaccount "nope" not found'),
        ({"serviceAccount": "nope"},
         'error looking up service account default/nope: serviceaccount "nope" not found'),
        ({"priorityClassName": "nope"}, "no PriorityClass with name nope was found"),
        ({"runtimeClassName": "nope"}, 'pod rejected: RuntimeClass "nope" not found'),
        ({"overhead": {"cpu": "1"}},
         "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"),
        ({"priority": 5}, OWN_PRIORITY),
    ],
)  # fmt: skip
def test_what_is_missing_is_forbidden(api: Api, spec: Object, why: str) -> None:
    with pytest.raises(Forbidden) as refused:
        api.create(PODS, pod(**spec))
    assert refused.value.message == f'pods "p" is forbidden: {why}'
    with pytest.raises(Forbidden) as refused:
        api.create(PODS, pod({"generateName": "p-"}, **spec))
    assert refused.value.message == f'pods "p-" is forbidden: {why}'


def test_the_priority_of_a_class(api: Api) -> None:
    made = api.create(PODS, pod(priorityClassName=NODE_CRITICAL)).object
    assert made["spec"]["priority"] == 2_000_001_000
    other = api.create(PODS, pod({"name": "other"}, serviceAccountName="robot")).object
    assert (other["spec"]["priority"], other["spec"]["serviceAccount"]) == (0, "robot")


def test_a_status_with_nonsense_for_an_address(api: Api) -> None:
    api.create(PODS, pod())

    def write(ip: str) -> None:
        def change(pod: Object) -> Object:
            return pod | {"status": {**pod["status"], "podIP": ip}}

        api.patch(PODS, "default", "p", change, subresource="status")

    with pytest.raises(Invalid, match=r'status\.podIPs\[0\]: Invalid value: "127\.9"'):
        write("127.9")
    for ip in ("1.2.3.4", "1.2.3.5"):
        write(ip)
        assert api.get(PODS, "default", "p")["status"]["podIPs"] == [{"ip": ip}]

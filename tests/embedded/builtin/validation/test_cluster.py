"""Who a binding gives a role to, as Kubernetes wants it said."""

from __future__ import annotations

import pytest

from knlab.embedded.builtin.validation.cluster import validate_role_binding
from knlab.embedded.kube.objects import Object

ROBOT = {"kind": "ServiceAccount", "name": "robot"}


@pytest.mark.parametrize(
    ("namespace", "subject", "fields"),
    [
        ("default", ROBOT, []),
        ("", ROBOT, ["subjects[0].namespace"]),
        ("", ROBOT | {"namespace": "default"}, []),
        ("", {"kind": "User"}, ["subjects[0].name"]),
    ],
)
def test_a_service_account_is_of_the_bindings_namespace_if_it_has_one(
    namespace: str, subject: Object, fields: list[str]
) -> None:
    metadata = {"name": "b"} | ({"namespace": namespace} if namespace else {})
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "r"}
    binding = {"metadata": metadata, "roleRef": role, "subjects": [subject]}
    assert [cause.field for cause in validate_role_binding(binding, None)] == fields
